from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fxrep.audio import integrated_loudness
from fxrep.data.manifest import Manifest, ManifestRow
from fxrep.data.pairs import PairDataset, PairRenderer
from fxrep.data.segments import SegmentSampler, sounding_share
from fxrep.effects import ChainEffect, EffectChain
from fxrep.errors import ArgumentError, DataError

RATE = 44100


def write_stem(
    root: Path, song: str, instrument: str, frequency_hz: float, split: str, silent_s: float = 0.0
) -> ManifestRow:
    """A 6 s tone of its own frequency, so that a segment tells where it came from; silent at first if asked."""
    t = np.arange(6 * RATE) / RATE
    audio = 0.2 * np.sin(2 * np.pi * frequency_hz * t) * (t >= silent_s)
    path = root / song / f"{instrument}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.stack([audio, audio], 1), RATE, subtype="FLOAT")
    return ManifestRow(
        path.relative_to(root).as_posix(), "stem", "test", song, "", "", split, instrument, instrument,
        6.0, RATE, 2, -20.0, 0.0, song + instrument,
    )  # fmt: skip


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    root = tmp_path_factory.mktemp("stems")
    rows = [
        write_stem(root, f"song{song}", instrument, 200.0 * (1 + song) + 1000.0 * number, split)
        for song, split in enumerate(["train", "train", "train", "validation"])
        for number, instrument in enumerate(["bass", "keys", "other"])
    ]
    return Manifest(rows, root)


def dominant_hz(audio: torch.Tensor) -> float:
    return float(torch.fft.rfft(audio[0]).abs().argmax()) * RATE / audio.shape[-1]


def test_a_pair_has_one_instrument_and_two_contents(manifest: Manifest) -> None:
    sampler = SegmentSampler(manifest, "train", segment_s=2.0)
    rng = np.random.default_rng(0)
    for _ in range(10):
        audio_a, audio_b, source_a, source_b = sampler.draw_content_pair(rng, "bass")
        assert source_a.instrument == source_b.instrument == "bass"
        assert source_a.song != source_b.song
        assert abs(dominant_hz(audio_a) - dominant_hz(audio_b)) > 100


def test_unknown_instruments_are_paired_with_another_place_of_themselves(manifest: Manifest) -> None:
    sampler = SegmentSampler(manifest, "train", segment_s=2.0)
    rng = np.random.default_rng(0)
    _, _, source_a, source_b = sampler.draw_content_pair(rng, "other")
    assert source_a is source_b
    for _ in range(200):
        avoid_s = rng.uniform(0.0, 4.0)
        start_s = sampler._draw_start(rng, 6.0, avoid_s)
        assert 0.0 <= start_s <= 4.0
        assert abs(start_s - avoid_s) >= 2.0 - 1e-9 or max(avoid_s, 4.0 - avoid_s) < 2.0


def test_splits_never_meet(manifest: Manifest) -> None:
    train = SegmentSampler(manifest, "train", 2.0)
    validation = SegmentSampler(manifest, "validation", 2.0)
    songs = [{s.song for group in sampler.sources.values() for s in group} for sampler in (train, validation)]
    assert not songs[0] & songs[1]


def test_every_content_comes_at_the_asked_loudness(manifest: Manifest) -> None:
    dataset = PairDataset(manifest, length=8, segment_s=2.0, mixture_probability=0.5, loudness_lufs=-23.0)
    for index in range(len(dataset)):
        for side in "ab":
            assert float(integrated_loudness(dataset[index][side], RATE)) == pytest.approx(-23.0, abs=0.1)


def test_items_depend_on_seed_epoch_and_index_alone(manifest: Manifest) -> None:
    first = PairDataset(manifest, length=4, segment_s=1.0, seed=7)
    second = PairDataset(manifest, length=4, segment_s=1.0, seed=7)
    _ = second[3], second[0]
    torch.testing.assert_close(first[2]["a"], second[2]["a"], rtol=0, atol=0)
    second.set_epoch(1)
    assert not torch.equal(first[2]["a"], second[2]["a"])
    assert not torch.equal(first[2]["a"], PairDataset(manifest, length=4, segment_s=1.0, seed=8)[2]["a"])


def test_silence_is_avoided(tmp_path: Path) -> None:
    rows = [write_stem(tmp_path, f"song{n}", "bass", 300.0, "train", silent_s=4.0) for n in range(2)]
    sampler = SegmentSampler(Manifest(rows, tmp_path), "train", segment_s=1.0, attempts=12)
    rng = np.random.default_rng(0)
    shares = [sounding_share(sampler.draw_content_pair(rng, "bass")[0], RATE) for _ in range(20)]
    # One place in three sounds: a single draw would be silent two times in three, twelve draws in under 1 %.
    assert np.mean(np.array(shares) > 0.5) > 0.9


def test_a_track_that_sounds_in_one_place_is_paired_with_nothing(tmp_path: Path) -> None:
    rows = [
        write_stem(tmp_path, "full", "other", 300.0, "train"),
        write_stem(tmp_path, "sparse", "other", 600.0, "train", silent_s=5.2),
    ]
    sampler = SegmentSampler(Manifest(rows, tmp_path), "train", segment_s=2.0)
    rng = np.random.default_rng(0)
    for _ in range(10):
        for audio in sampler.draw_content_pair(rng, "other")[:2]:
            assert sounding_share(audio, RATE) > 0.0


def test_songs_of_one_name_in_two_folders_are_two_songs(tmp_path: Path) -> None:
    folders = [
        Manifest([write_stem(tmp_path / name, "song-000001", "bass", hz, "train")], tmp_path / name)
        for name, hz in (("one", 200.0), ("two", 400.0))
    ]
    sampler = SegmentSampler(folders, "train", segment_s=2.0)
    assert len({source.song for source in sampler.sources["bass"]}) == 2
    for seed in range(5):
        _, _, first, second = sampler.draw_content_pair(np.random.default_rng(seed), "bass")
        assert first.path != second.path
    # The same folder given in two manifests is still one folder.
    again = SegmentSampler([folders[0], Manifest(folders[0].rows, tmp_path / "two" / ".." / "one")], "train", 2.0)
    assert len({source.song for source in again.sources["bass"]}) == 1


def test_mixtures_of_one_pair_share_their_instruments(manifest: Manifest) -> None:
    sampler = SegmentSampler(manifest, "train", segment_s=2.0)
    mix_a, mix_b = sampler.draw_mixture_pair(np.random.default_rng(1), 2)
    peaks = []
    for mix in (mix_a, mix_b):
        spectrum = torch.fft.rfft(mix[0]).abs()
        loud = (spectrum > 0.2 * spectrum.max()).nonzero().flatten() * RATE / mix.shape[-1]
        # Tones of bass lie below 1 kHz, of keys from 1.2 to 1.8 kHz, of other above.
        peaks.append({int(hz // 1000) for hz in loud.tolist()})
    assert peaks[0] == peaks[1]
    assert len(peaks[0]) == 2


def test_one_chain_renders_both_contents_and_hard_negatives_repeat_the_content(manifest: Manifest) -> None:
    dataset = PairDataset(manifest, length=3, segment_s=1.0)
    items = [dataset[i] for i in range(3)]
    batch = {side: torch.stack([item[side] for item in items]) for side in "ab"}
    chain = EffectChain([ChainEffect("gain", ranges={"gain_db": (-12.0, 12.0)})])
    renderer = PairRenderer(chain, hard_negatives=True, shortest=1.0)
    rendered = renderer(batch, RATE, torch.Generator().manual_seed(0))
    assert rendered.a.shape == (6, 2, RATE)
    gains = torch.tensor([10 ** (one[0]["settings"]["gain_db"] / 20) for one in rendered.settings])
    for wet, dry in ((rendered.a, batch["a"]), (rendered.b, batch["b"])):
        torch.testing.assert_close(wet, dry.repeat(2, 1, 1) * gains[:, None, None])
    assert len(set(gains.tolist())) == 6


def test_each_instrument_has_the_published_probability_of_reverberation() -> None:
    names = ["drums", "bass", "vocals", "keys", "mixture"] * 100
    batch = {"a": torch.zeros(len(names), 2, 8), "b": torch.zeros(len(names), 2, 8), "instrument": names}

    class DryChain(EffectChain):
        """Draws, and renders nothing: what is drawn is all that counts here."""

        def forward(self, audio: torch.Tensor, sample_rate: int, settings: object) -> torch.Tensor:
            return audio

    for redrawn in (1.0, 0.5):
        renderer = PairRenderer("koo without parametric_eq, compressor, panner, stereo_width, gain", redrawn=redrawn)
        renderer.chain = DryChain(renderer.chain.effects, shuffle_groups=renderer.chain.groups)
        drawn = renderer(batch, RATE, torch.Generator().manual_seed(0)).settings
        wet = np.array([any(entry["effect"] == "noise_shaped_reverb" for entry in one) for one in drawn])
        # 200 drawings of each: 3.5 standard deviations are at most 0.125.
        np.testing.assert_allclose(wet.reshape(-1, 5).mean(0), [0.5, 0.01, 0.9, 0.7, 0.7], atol=0.125)
    assert not PairRenderer("default").instrument_chains
    held_out = PairRenderer("koo without noise_shaped_reverb").instrument_chains["drums"]
    assert "noise_shaped_reverb" not in held_out.processors


def test_names_of_instruments_change_nothing_where_one_chain_is_for_all(manifest: Manifest) -> None:
    item = PairDataset(manifest, length=1, segment_s=0.5)[0]
    batch = {side: item[side][None] for side in "ab"}
    renderer = PairRenderer(EffectChain([ChainEffect("gain")]))
    plain = renderer(batch, RATE, torch.Generator().manual_seed(1))
    named = renderer({**batch, "instrument": ["drums"]}, RATE, torch.Generator().manual_seed(1))
    assert plain.settings == named.settings
    torch.testing.assert_close(plain.a, named.a, rtol=0, atol=0)


def test_cuts_differ_in_length_and_repeat_from_the_generator(manifest: Manifest) -> None:
    dataset = PairDataset(manifest, length=2, segment_s=1.0)
    batch = {side: torch.stack([dataset[i][side] for i in range(2)]) for side in "ab"}
    renderer = PairRenderer(EffectChain([ChainEffect("gain")]), shortest=0.5)
    first = renderer(batch, RATE, torch.Generator().manual_seed(3))
    second = renderer(batch, RATE, torch.Generator().manual_seed(3))
    assert first.a.shape[-1] != first.b.shape[-1]
    assert RATE / 2 <= first.a.shape[-1] <= RATE
    torch.testing.assert_close(first.a, second.a, rtol=0, atol=0)
    assert first.settings == second.settings


def test_bad_arguments_are_named(manifest: Manifest) -> None:
    with pytest.raises(DataError, match="60 s"):
        PairDataset(manifest, segment_s=60.0)
    with pytest.raises(DataError, match="nowhere"):
        PairDataset(manifest, split="nowhere")
    with pytest.raises(ArgumentError, match="mixture_probability"):
        PairDataset(manifest, mixture_probability=2.0)
    with pytest.raises(ArgumentError, match="shortest"):
        PairRenderer(EffectChain([ChainEffect("gain")]), shortest=0.0)


def test_a_mixture_of_one_stem_is_refused(manifest: Manifest) -> None:
    with pytest.raises(ArgumentError, match="max_mixture_tracks"):
        PairDataset(manifest, length=4, segment_s=1.0, mixture_probability=0.5, max_mixture_tracks=1)
