"""Every published dataset, on a miniature tree laid out as it is published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fxrep.data import INSTRUMENTS, Song, open_dataset


def by_name(songs: list[Song]) -> dict[str, Song]:
    named = {song.name: song for song in songs}
    assert len(named) == len(songs), "song names are unique"
    for song in songs:
        paths = [track.path for track in song.tracks] + ([song.mix] if song.mix else [])
        assert all(path.is_file() for path in paths)
        assert all(track.instrument in INSTRUMENTS for track in song.tracks)
    return named


def instruments(song: Song) -> dict[str, str]:
    return {track.name: track.instrument for track in song.tracks}


def test_musdb18hq(write_tree) -> None:
    names = ["train/A Classic Education - NightOwl", "train/Meaxic - Take A Step", "test/AM Contra - Heart Peripheral"]
    stems = ["mixture", "vocals", "drums", "bass", "other"]
    songs = by_name(open_dataset(write_tree(*(f"{n}/{s}.wav" for n in names for s in stems)), "musdb18hq"))
    assert {name: song.split for name, song in songs.items()} == {
        "A Classic Education - NightOwl": "train",
        "Meaxic - Take A Step": "validation",
        "AM Contra - Heart Peripheral": "test",
    }
    song = songs["Meaxic - Take A Step"]
    assert song.artist == "Meaxic"
    assert song.mix is not None and song.mix.name == "mixture.wav"
    assert instruments(song) == {"vocals": "vocals", "drums": "drums", "bass": "bass", "other": "other"}


def test_musdb18hq_one_folder_deeper(write_tree) -> None:
    root = write_tree("musdb18hq/test/A - B/mixture.wav", "musdb18hq/test/A - B/vocals.wav")
    assert [song.name for song in open_dataset(root, "musdb18hq")] == ["A - B"]


def test_dsd100(write_tree) -> None:
    songs = [("Dev", "051 - AM Contra - Heart Peripheral"), ("Test", "001 - ANiMAL - Clinic A")]
    audio = [f"DSD100/Mixtures/{part}/{name}/mixture.wav" for part, name in songs]
    audio += [f"DSD100/Sources/{part}/{name}/{s}.wav" for part, name in songs for s in ("bass", "drums", "vocals")]
    found = by_name(open_dataset(write_tree(*audio, texts={"DSD100/dsd100.txt": ""}), "dsd100"))
    song = found["051 - AM Contra - Heart Peripheral"]
    assert (song.split, song.artist) == ("train", "AM Contra")
    assert song.mix is not None and song.mix.parent.parent.parent.name == "Mixtures"
    assert instruments(song) == {"bass": "bass", "drums": "drums", "vocals": "vocals"}
    assert found["001 - ANiMAL - Clinic A"].split == "test"


def moisesdb_tree(write_tree, place: str) -> Path:
    uuid, stems = "00a1b2c3-0000-4000-8000-000000000001", []
    parts = [
        ("vocals", "v-1", "lead female singer"),
        ("bass", "b-1", "tuba (bass of brass)"),
        ("percussion", "p-1", "a-tonal percussion (claps, shakers, congas, cowbell etc)"),
        ("other_keys", "k-1", "synth pad"),
        ("other_keys", "k-2", "organ, electric organ"),
        ("bowed_strings", "s-1", "cello (solo)"),
        ("wind", "w-1", "reeds (saxophone, clarinets, oboe, english horn, bagpipe)"),
    ]
    for stem, identity, kind in parts:
        track = {"id": identity, "trackType": kind, "has_bleed": False, "extension": "wav"}
        stems.append({"id": f"stem-{identity}", "stemName": stem, "tracks": [track]})
    about = {"song": "Title", "artist": "Someone", "genre": "pop", "stems": stems}
    audio = [f"{place}{uuid}/{stem}/{identity}.wav" for stem, identity, _ in parts]
    return write_tree(*audio, texts={f"{place}{uuid}/data.json": json.dumps(about)})


@pytest.mark.parametrize("place", ["moisesdb/moisesdb_v0.1/", "moisesdb_v0.1/provider/", ""])
def test_moisesdb(write_tree, place: str) -> None:
    (song,) = by_name(open_dataset(moisesdb_tree(write_tree, place), "moisesdb")).values()
    assert (song.artist, song.mix, song.split) == ("Someone", None, None)
    assert instruments(song) == {
        "vocals/v-1": "vocals",
        "bass/b-1": "brass",
        "percussion/p-1": "percussion",
        "other_keys/k-1": "pad",
        "other_keys/k-2": "keys",
        "bowed_strings/s-1": "strings",
        "wind/w-1": "winds",
    }


def test_moisesdb_with_broken_description_keeps_the_song(write_tree, caplog) -> None:
    root = write_tree("u1/vocals/a.wav", "u1/other_keys/b.wav", texts={"u1/data.json": "{broken"})
    (song,) = open_dataset(root, "moisesdb")
    assert instruments(song) == {"vocals/a": "vocals", "other_keys/b": "keys"}
    assert "data.json" in caplog.text


MEDLEYDB_METADATA = """
artist: Liz Nelson
mix_filename: LizNelson_Rainfall_MIX.wav
raw_dir: LizNelson_Rainfall_RAW
stem_dir: LizNelson_Rainfall_STEMS
stems:
  S01:
    component: melody
    filename: LizNelson_Rainfall_STEM_01.wav
    instrument: female singer
    raw:
      R01: {filename: LizNelson_Rainfall_RAW_01_01.wav, instrument: female singer}
      R02: {filename: LizNelson_Rainfall_RAW_01_02.wav, instrument: female singer}
  S02:
    component: ''
    filename: LizNelson_Rainfall_STEM_02.wav
    instrument: [acoustic guitar, mandolin]
    raw:
      R01: {filename: LizNelson_Rainfall_RAW_02_01.wav, instrument: acoustic guitar}
title: Rainfall
version: 1.2
"""


@pytest.mark.parametrize(
    ("audio", "metadata"),
    [
        ("Audio/LizNelson_Rainfall/", "Audio/LizNelson_Rainfall/"),
        ("V2/LizNelson_Rainfall/", "Metadata/"),
        ("LizNelson_Rainfall/", "LizNelson_Rainfall/"),
    ],
)
def test_medleydb(write_tree, audio: str, metadata: str) -> None:
    name = "LizNelson_Rainfall"
    root = write_tree(
        f"{audio}{name}_MIX.wav",
        *(f"{audio}{name}_STEMS/{name}_STEM_{number}.wav" for number in ("01", "02")),
        *(f"{audio}{name}_RAW/{name}_RAW_{number}.wav" for number in ("01_01", "01_02", "02_01")),
        texts={f"{metadata}{name}_METADATA.yaml": MEDLEYDB_METADATA},
    )
    (song,) = by_name(open_dataset(root, "medleydb")).values()
    assert (song.name, song.artist, song.split) == (name, "Liz Nelson", None)
    assert song.mix is not None and song.mix.name == f"{name}_MIX.wav"
    assert instruments(song) == {f"{name}_STEM_01": "vocals", f"{name}_STEM_02": "guitar"}
    (song,) = open_dataset(root, "medleydb", raw=True)
    assert list(instruments(song).values()) == ["vocals", "vocals", "guitar"]


def test_medleydb_without_metadata(write_tree, caplog) -> None:
    root = write_tree("Audio/A_B/A_B_MIX.wav", "Audio/A_B/A_B_STEMS/A_B_STEM_01.wav")
    (song,) = open_dataset(root, "medleydb")
    assert instruments(song) == {"A_B_STEM_01": "other"}
    assert "A_B_METADATA.yaml" in caplog.text


def test_enst_drums(write_tree) -> None:
    takes = [
        "001_hits_snare-drum_sticks_x6",
        "036_phrase_disco_simple_slow_sticks",
        "162_MIDI-minus-one_fusion-125_sticks",
    ]
    folders = ["kick", "snare", "hi-hat", "overhead_L", "overhead_R", "tom_1", "tom_2", "dry_mix", "wet_mix"]
    audio = [f"drummer_1/audio/{folder}/{take}.wav" for folder in folders for take in takes]
    audio += [f"drummer_1/audio/accompaniment/{takes[2]}.wav", f"drummer_2/audio/tom_3/{takes[1]}.wav"]
    root = write_tree(*audio, texts={f"drummer_1/annotation/{takes[1]}.txt": "0.1 bd\n"})
    songs = by_name(open_dataset(root, "enst-drums"))
    assert set(songs) == {*(f"drummer_1/{take}" for take in takes), f"drummer_2/{takes[1]}"}
    song = songs[f"drummer_1/{takes[2]}"]
    assert instruments(song) == dict.fromkeys(folders[:-2], "drums")
    assert song.mix is not None and song.mix.parent.name == "wet_mix"
    assert len(open_dataset(root, "enst-drums", hits=False)) == 3
    dry = open_dataset(root, "enst-drums", dry_mix=True)[0].mix
    assert dry is not None and dry.parent.name == "dry_mix"


def test_cambridge_mt(write_tree) -> None:
    root = write_tree(
        "StreetNoise_Revelations_Full/01_Kick.wav",
        "StreetNoise_Revelations_Full/02_SnareUp.wav",
        "StreetNoise_Revelations_Full/11_LeadVox.wav",
        "StreetNoiseRevelations_Full_Preview.mp3",
        "Signe_WhatHaveYou_Full/Signe_WhatHaveYou_Full/01_AcousticGtr.wav",
        "__MACOSX/Signe_WhatHaveYou_Full/._01_AcousticGtr.wav",
        "Other_Song_Full/07_Bass.wav",
        "Other_Song_Full/OtherSong_Full_Preview.mp3",
    )
    songs = by_name(open_dataset(root, "cambridge-mt"))
    song = songs["StreetNoise_Revelations_Full"]
    assert instruments(song) == {"01_Kick": "drums", "02_SnareUp": "drums", "11_LeadVox": "vocals"}
    assert song.artist == "StreetNoise"
    assert song.mix == root / "StreetNoiseRevelations_Full_Preview.mp3"
    assert instruments(songs["Signe_WhatHaveYou_Full"]) == {"01_AcousticGtr": "guitar"}
    assert songs["Signe_WhatHaveYou_Full"].mix is None
    assert instruments(songs["Other_Song_Full"]) == {"07_Bass": "bass"}
    assert songs["Other_Song_Full"].mix is not None
    assert len(songs) == 3


SLAKH_METADATA = """
UUID: 1a81ae092884234f3264e2f45927f00a
audio_dir: stems
stems:
  S00: {audio_rendered: true, inst_class: Guitar, is_drum: false, midi_program_name: Distortion Guitar, program_num: 30}
  S01: {audio_rendered: true, inst_class: Drums, is_drum: true, midi_program_name: Drums, program_num: 128}
  S02: {audio_rendered: false, inst_class: Pipe, is_drum: false, midi_program_name: Flute, program_num: 73}
  S03: {audio_rendered: true, inst_class: Synth Pad, is_drum: false, midi_program_name: Pad 2 (warm), program_num: 89}
  S04: {audio_rendered: true, inst_class: Strings (continued), is_drum: false, midi_program_name: String Ensemble 1}
"""


def test_slakh2100(write_tree) -> None:
    base = "slakh2100_flac_redux"
    places = [f"{base}/train/Track00001", f"{base}/validation/Track01501", f"{base}/test/Track01876"]
    places.append(f"{base}/omitted/Track00003")
    audio = [f"{place}/mix.flac" for place in places]
    audio += [f"{place}/stems/{stem}.flac" for place in places for stem in ("S00", "S01", "S03", "S04")]
    texts = {f"{place}/metadata.yaml": SLAKH_METADATA for place in places}
    texts |= {f"{place}/MIDI/S00.mid": "" for place in places}
    songs = by_name(open_dataset(write_tree(*audio, texts=texts), "slakh2100"))
    assert {name: song.split for name, song in songs.items()} == {
        "Track00001": "train",
        "Track01501": "validation",
        "Track01876": "test",
    }
    assert instruments(songs["Track00001"]) == {"S00": "guitar", "S01": "drums", "S03": "pad", "S04": "strings"}


def test_slakh2100_original_splits_by_number(write_tree) -> None:
    numbers = {"Track01500": "train", "Track01875": "validation", "Track02100": "test"}
    root = write_tree(*(f"{name}/mix.flac" for name in numbers))
    assert {song.name: song.split for song in open_dataset(root, "slakh2100")} == numbers


@pytest.mark.parametrize("place", ["", "raw_30s/audio/"])
def test_mtg_jamendo(write_tree, place: str) -> None:
    header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
    row = "track_0000214\tartist_000014\talbum_000031\t14/214.mp3\t124.6\tgenre---punkrock\n"
    meta = "TRACK_ID\tARTIST_ID\tALBUM_ID\tTRACK_NAME\tARTIST_NAME\tALBUM_NAME\tRELEASEDATE\tURL\n"
    meta += 'track_0000214\tartist_000014\talbum_000031\tSay "it\tTriFace\tPremiers Jets\t2004-12-28\thttp://x\n'
    licences = "14/214.mp3\nSay it by TriFace from Jamendo: http://www.jamendo.com/track/214\n"
    licences += (
        "Available under a Creative Commons Attribution license: http://creativecommons.org/licenses/by/3.0/\n\n"
    )
    root = write_tree(
        f"{place}14/214.mp3",
        f"{place}15/1015.low.mp3",
        texts={
            "data/raw.meta.tsv": meta,
            "data/splits/split-0/autotagging-test.tsv": header + row,
            "audio_licenses.txt": licences,
        },
    )
    songs = by_name(open_dataset(root, "mtg-jamendo"))
    assert set(songs) == {"214", "1015"}
    song = songs["214"]
    assert (song.artist, song.split, song.tracks) == ("TriFace", "test", ())
    assert song.licence == "http://creativecommons.org/licenses/by/3.0/"
    assert song.mix == root / f"{place}14/214.mp3"
    assert (songs["1015"].split, songs["1015"].licence) == (None, None)


def test_mtg_jamendo_audio_below_the_repository(write_tree) -> None:
    header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
    texts = {"data/splits/split-0/autotagging-train.tsv": header + "track_0000214\ta\tb\t14/214.mp3\t1.0\n"}
    root = write_tree("audio/14/214.mp3", texts=texts)
    assert open_dataset(root / "audio", "mtg-jamendo")[0].split == "train"
