"""Songs through the mixer: slots and their order, any length and rate, mono, silence, other tracks than trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from automix.mix_wave_unet import SLOTS, MixWaveUNet, Slots
from automix.mix_wave_unet.rendering import slot_blocks
from fxrep.audio import integrated_loudness, load_audio
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing import TrackSet

RATE = 44100
SMALL_SLOTS = ("drums, percussion", "bass", "other")


def sound(seed: int, channels: int, samples: int) -> torch.Tensor:
    return 0.05 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def model() -> MixWaveUNet:
    torch.manual_seed(0)
    made = MixWaveUNet(SMALL_SLOTS, True, 3, 4, 5, False, "gains", 2)
    torch.nn.init.normal_(made.network.head.weight, std=0.3)
    return made.eval()


def mixed(model: MixWaveUNet, tracks: TrackSet, folder: Path) -> torch.Tensor:
    stems = model.render_stems(tracks, folder)
    assert list(stems) == ["mix"]
    audio, rate = load_audio(stems["mix"])
    assert rate == tracks.sample_rate and audio.shape == (2, tracks.samples)
    return audio


def test_slots_state_their_order() -> None:
    slots = Slots(SLOTS)
    assert len(slots) == 8 and slots.names[:3] == ["drums", "bass", "guitar"]
    assert str(Slots(SMALL_SLOTS)) == "1 drums (percussion), 2 bass, 3 other"
    assert slots.assign({"kick": "drums", "tambourine": "percussion", "x": "fx"}) == {
        "kick": 0,
        "tambourine": 0,
        "x": 7,
    }


def test_another_order_or_number_of_tracks_is_an_error_that_names_the_slots(model: MixWaveUNet) -> None:
    model.in_order = True
    assert model.assign(["drums", "bass", "synth"]) == {"drums": 0, "bass": 1, "synth": 2}
    order = r"1 drums \(percussion\), 2 bass, 3 other"
    with pytest.raises(ArgumentError, match=rf"2 tracks \(drums, bass\).* with 3, in the order {order}"):
        model.assign(["drums", "bass"])
    with pytest.raises(ArgumentError, match=f"track 1, bass, is bass.*{order}"):
        model.assign(["bass", "drums", "synth"])
    model.in_order = False
    assert model.assign(["bass", "drums"]) == {"bass": 1, "drums": 0}
    with pytest.raises(AudioError, match=order):
        model(torch.zeros(1, 2, 2, 100))


def test_an_instrument_without_a_slot_is_an_error_that_names_the_slots() -> None:
    model = MixWaveUNet(("drums", "bass"), depth=2, growth=2, kernel=3)
    with pytest.raises(ArgumentError, match=r"no slot for Piano \(keys\).*1 drums, 2 bass"):
        model.assign(["drums", "Piano"])
    model.instruments = {"Piano": "bass"}
    assert model.assign(["drums", "Piano"]) == {"drums": 0, "Piano": 1}
    for wrong, match in (((), "one or more"), (("dogs",), "out of"), (("bass", "drums, bass"), "bass has two")):
        with pytest.raises(ArgumentError, match=match):
            Slots(wrong)


def test_tracks_of_one_slot_are_summed_at_their_level() -> None:
    audio = {"kick": sound(1, 1, RATE), "snare": sound(2, 2, RATE // 2), "bass": sound(3, 2, RATE)}
    tracks = TrackSet({name: one.numpy() for name, one in audio.items()}, RATE)
    blocks = list(slot_blocks(tracks, {"kick": 0, "snare": 0, "bass": 1}, RATE, -24.0, 10_000))
    found = torch.cat(blocks, -1)
    assert found.shape == (2, 2, RATE) and [block.shape[-1] for block in blocks] == [10_000] * 4 + [4100]
    assert float(integrated_loudness(found[1], RATE)) == pytest.approx(-24.0, abs=0.05)
    gains = tracks.input_gain_db(-24.0)
    wanted = 10 ** (gains["kick"] / 20) * audio["kick"].expand(2, -1).clone()
    wanted[:, : RATE // 2] += 10 ** (gains["snare"] / 20) * audio["snare"]
    torch.testing.assert_close(found[0], wanted)


def test_a_song_is_what_the_network_gives_in_one_shot(model: MixWaveUNet, tmp_path: Path) -> None:
    # Longer than a block, and of an odd length.
    samples = (1 << 17) + 4099
    tracks = TrackSet({"drums": sound(1, 2, samples).numpy(), "bass": sound(2, 1, samples).numpy()}, RATE)
    found = mixed(model, tracks, tmp_path)
    slots = torch.zeros(1, 3, 2, samples)
    slots[0, :2] = torch.cat(list(slot_blocks(tracks, {"drums": 0, "bass": 1}, RATE, -24.0)), -1)
    with torch.no_grad():
        wanted = model(slots)[0]
    assert float((found - wanted).abs().max() / wanted.abs().max()) < 10 ** (-100 / 20)
    assert model.decisions == [
        "Slot 1, drums: drums.",
        "Slot 2, bass: bass.",
        "Slot 3, other: no track, silent.",
    ]


@pytest.mark.parametrize("rate", [22050, 48000])
def test_other_rates_short_songs_and_silent_tracks(model: MixWaveUNet, tmp_path: Path, rate: int) -> None:
    for samples in (1, 777, 30_001):
        tracks = TrackSet({"drums": sound(1, 1, samples).numpy(), "bass": torch.zeros(2, 500).numpy()}, rate)
        assert mixed(model, tracks, tmp_path).isfinite().all()
    silent = TrackSet({"drums": torch.zeros(1, 3000).numpy()}, rate)
    assert not mixed(model, silent, tmp_path).any()


def test_mono_slots_give_mono_from_plain_gains(tmp_path: Path) -> None:
    model = MixWaveUNet(SMALL_SLOTS, False, 3, 4, 5, False, "gains", 2).eval()
    tracks = TrackSet({"drums": sound(1, 2, 5000).numpy()}, RATE)
    found = mixed(model, tracks, tmp_path)
    assert torch.equal(found[0], found[1]) and found.any()
