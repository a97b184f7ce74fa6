"""Frames there and back, the networks and their sizes, and whole songs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from automix.stem_autoencoder import PUBLISHED, SMALL, FrameAutoencoder, StemAutoencoder
from automix.stem_autoencoder.frames import FrameStream, frame_spectra
from automix.stem_autoencoder.processing import PROCESSING, group_settings, process_stems
from fxrep.audio import integrated_loudness, load_audio
from fxrep.effects import render_settings
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing import TrackSet

RATE = 44100


def sound(seed: int, channels: int, samples: int) -> torch.Tensor:
    return 0.05 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))


def joined(stream: FrameStream, audio: torch.Tensor, size: int) -> torch.Tensor:
    parts = [stream.push(block) for block in audio[None].split(size, -1)]
    rest = stream.finish()
    assert rest is not None
    return torch.cat([*parts, rest], -1)[0]


def test_the_published_sizes() -> None:
    network = FrameAutoencoder(**PUBLISHED)
    shapes = [tuple(layer.weight.shape) for layer in (*network.hidden, network.last)]
    assert shapes == [(1024, 1025), (1024, 1024), (1024, 1024), (1025, 1024)]
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_200_449
    assert network.dropout.p == 0.2


@pytest.mark.parametrize("samples", [1, 1023, 1024, 2048, 10_001])
@pytest.mark.parametrize("size", [100, 1024, 5000])
def test_frames_add_up_to_what_they_were(samples: int, size: int) -> None:
    audio = sound(0, 2, samples)
    found = joined(FrameStream(lambda magnitudes: magnitudes), audio, size)
    assert found.shape == audio.shape
    torch.testing.assert_close(found, audio, rtol=0.0, atol=1e-7)


def test_blocks_of_any_length_join_to_one_shot() -> None:
    torch.manual_seed(0)
    network = FrameAutoencoder(hidden=16, output="magnitudes")
    audio = sound(0, 2, 20_000)
    wanted = joined(FrameStream(network.process), audio, 20_000)
    for size in (333, 4096, 12_345):
        found = joined(FrameStream(network.process), audio, size)
        assert float((found - wanted).abs().max() / wanted.abs().max()) < 1e-5
    assert network.training  # Dropout was off all the same, and is on again.


def test_a_curve_of_gains_is_a_filter_of_the_magnitudes() -> None:
    """Twice the magnitudes are twice the signal; the phase stays that of the input."""
    audio = sound(1, 1, 30_000)
    torch.testing.assert_close(joined(FrameStream(lambda one: 2.0 * one), audio, 4096), 2.0 * audio)
    spectra = frame_spectra(audio)
    assert spectra.shape == (1, 28, 1025)


def test_an_untrained_network_of_gains_changes_nothing_and_keeps_silence() -> None:
    network = FrameAutoencoder(**SMALL)
    magnitudes = torch.rand(7, 1025)
    torch.testing.assert_close(network.process(magnitudes), magnitudes, rtol=1e-4, atol=1e-6)
    torch.nn.init.normal_(network.last.bias)
    assert not network.process(torch.zeros(3, 1025)).any()


def test_bad_sizes() -> None:
    for wrong in ({"hidden": 0}, {"dropout": 1.0}, {"compression": 0.0}, {"output": "sound"}, {"layers": 0}):
        with pytest.raises(ArgumentError, match=r"expected|choose"):
            FrameAutoencoder(**wrong)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="expected"):
        FrameStream(lambda one: one).push(torch.zeros(2, 100))


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_a_song(tmp_path: Path, rate: int) -> None:
    model = StemAutoencoder(("bass", "keys"), hidden=8, output="gains", compression=0.3)
    torch.nn.init.constant_(model.network(0).last.bias, 0.3)
    bass, keys = sound(1, 1, 40_001), sound(2, 2, 30_000)
    tracks = TrackSet(
        {"bass": bass.numpy(), "keys": keys.numpy(), "flute": keys.numpy(), "vox": torch.zeros(1, 100).numpy()}, rate
    )
    stems = model.render_stems(tracks, tmp_path)
    audio = {name: load_audio(path)[0] for name, path in stems.items()}
    assert list(audio) == ["bass", "keys", "flute", "vox"]
    assert all(one.shape == (2, tracks.samples) for one in audio.values())
    assert not audio["vox"].any()
    torch.testing.assert_close(audio["bass"][0], audio["bass"][1], rtol=0.0, atol=1e-5)
    gains = {name: 10.0 ** (gain_db / 20.0) for name, gain_db in tracks.input_gain_db(-24.0).items()}
    torch.testing.assert_close(audio["flute"][:, :30_000], gains["flute"] * keys)
    if rate == 44100:  # Else the converter takes off what it cannot hold.
        torch.testing.assert_close(audio["keys"][:, :30_000], gains["keys"] * keys, rtol=0.0, atol=1e-4)
        louder = torch.exp(1.5 * torch.tanh(torch.tensor(0.3 / 1.5))) ** (1.0 / 0.3)
        torch.testing.assert_close(audio["bass"][:1], louder * gains["bass"] * bass, rtol=0.0, atol=1e-3)
    assert model.decisions[0] == "bass is bass: processed as bass."
    assert "nothing was learnt" in model.decisions[2] and model.decisions[3] == "vox is silent and left so."
    model.instruments = {"flute": "bass"}
    model.render_stems(tracks, tmp_path)
    assert model.decisions[2] == "flute is bass: processed as bass."


def test_generated_targets_are_the_settings_of_the_group_at_the_loudness_of_the_stem() -> None:
    assert group_settings(["bass", "lead"], "typical", 0) == [PROCESSING["bass"], PROCESSING["other"]]
    drawn = group_settings(["bass", "keys"], "default", 1)
    assert drawn == group_settings(["bass", "keys"], "default", 1) and drawn[0] != drawn[1]
    with pytest.raises(ArgumentError, match="no chain"):
        group_settings(["bass"], "dogs", 0)
    dry = torch.cat([sound(1, 1, RATE), 0.1 * sound(2, 1, RATE)])
    wet = process_stems(dry, RATE, [PROCESSING["bass"], PROCESSING["vocals"]])
    before, after = (integrated_loudness(one[:, None], RATE) for one in (dry, wet))
    torch.testing.assert_close(after, before, rtol=0.0, atol=0.02)
    plain = render_settings(dry[:1, None], RATE, PROCESSING["bass"])[0, 0]
    torch.testing.assert_close(wet[0] / wet[0].norm(), plain / plain.norm(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("group", PROCESSING)
def test_the_settings_of_every_group_can_be_rendered(group: str) -> None:
    assert render_settings(sound(0, 1, 4410)[None], RATE, PROCESSING[group]).isfinite().all()
