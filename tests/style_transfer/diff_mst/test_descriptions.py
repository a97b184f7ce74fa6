"""What a controller is told beside embeddings: production features, and the fit of the spectra."""

from __future__ import annotations

import pytest
import torch

from encoders.listening_encoder import ListeningEncoder
from encoders.production_description import N_BANDS, N_VALUES, band_power, describe_production
from encoders.queries import ContentQueries
from encoders.training.described_tracks import DescribedTracks
from fxrep.errors import ArgumentError, CheckpointError
from style_transfer.diff_mst import DiffMST, EmbeddingConditioning
from style_transfer.diff_mst.spectral_fit import N_FIT, fit_spectrum

from ...noise_songs import RATE, sound
from .conftest import small_encoder, small_model


def test_description_follows_the_level() -> None:
    audio = torch.stack([sound(1, seconds=1.0), sound(2, seconds=1.0)])
    plain, softer = describe_production(audio, RATE), describe_production(0.5 * audio, RATE)
    assert plain.shape == (2, N_VALUES)
    change = softer - plain
    lost = -20.0 * torch.log10(torch.tensor(2.0))
    torch.testing.assert_close(change[:, : 4 * N_BANDS], lost.expand(2, 4 * N_BANDS), rtol=0, atol=2e-2)
    torch.testing.assert_close(change[:, 4 * N_BANDS : 5 * N_BANDS], torch.zeros(2, N_BANDS), rtol=0, atol=2e-2)


def test_description_is_finite_for_silence() -> None:
    described = describe_production(torch.zeros(1, 2, RATE), RATE)
    assert bool(described.isfinite().all())


def test_band_power_is_power() -> None:
    """Almost all of the mean square lies in the bands, whose triangles add up to one."""
    audio = sound(3, seconds=1.0)[None]
    bands = band_power(describe_production(audio, RATE))
    assert bands.shape == (1, 2, N_BANDS)
    torch.testing.assert_close(bands.sum(-1), audio.square().mean(-1), rtol=0.15, atol=0)


@pytest.fixture(scope="module")
def powers() -> tuple[torch.Tensor, torch.Tensor]:
    """Spectra of tracks (2, 5, bands), and gains (2, 5, 2)."""
    generator = torch.Generator().manual_seed(0)
    power = torch.rand(2, 5, N_BANDS, generator=generator) ** 4 + 1e-3
    return power, 10 ** (0.6 * torch.randn(2, 5, 2, generator=generator))


def test_fit_finds_the_gains(powers: tuple[torch.Tensor, torch.Tensor]) -> None:
    power, gains = powers
    reference = torch.einsum("bnf,bnc->bcf", power, gains)
    mask = torch.ones(2, 5, dtype=torch.bool)
    fit = fit_spectrum(power, reference, mask)
    assert fit.shape == (2, 5, N_FIT)
    level_db = 10.0 * torch.log10(gains.mean(-1))
    side_db = 10.0 * torch.log10(gains[..., 1] / gains[..., 0])
    error_db = 12.0 * fit[..., 0] - (level_db - level_db.mean(1, keepdim=True))
    assert float(error_db.abs().mean()) < 0.5
    assert float((12.0 * fit[..., 1] - side_db).abs().mean()) < 1.0
    left_over = 6.0 * fit[..., 2 + N_BANDS :].sum(1)
    assert float(left_over.abs().mean()) < 0.5
    torch.testing.assert_close(fit_spectrum(power, 100.0 * reference, mask), fit, rtol=1e-3, atol=1e-3)


def test_fit_leaves_absent_tracks_out(powers: tuple[torch.Tensor, torch.Tensor]) -> None:
    power, gains = powers
    reference = torch.einsum("bnf,bnc->bcf", power, gains)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    fit = fit_spectrum(power.masked_fill(~mask[..., None], torch.nan), reference, mask)
    alone = fit_spectrum(power[1:, :3], reference[1:], mask[1:, :3])
    torch.testing.assert_close(fit[1:, :3], alone)
    assert bool((fit[1, 3:] == 0.0).all()) and bool(fit.isfinite().all())


def test_descriptions_are_kept_where_they_hold() -> None:
    heard: list[int] = []

    def describe(audio: torch.Tensor) -> torch.Tensor:
        heard.append(len(audio))
        return audio.mean(-1)

    audio = torch.rand(2, 3, 2, 10)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    stem, start_ms = torch.tensor([[4, 5, -1], [4, 6, 7]]), torch.tensor([0, 2500])
    tracks = DescribedTracks(describe, keep=True)
    first = tracks(audio, mask, stem, start_ms)
    torch.testing.assert_close(first, audio.mean(-1) * mask[..., None])
    torch.testing.assert_close(tracks(audio, mask, stem, start_ms), first)
    tracks(audio, mask, stem, start_ms + 1)
    assert heard == [5, 5]
    fresh = DescribedTracks(describe, keep=False)
    torch.testing.assert_close(fresh(audio, mask, stem, start_ms), first)
    fresh(audio, mask, stem, start_ms)
    assert heard == [5, 5, 5, 5]


def test_an_encoder_with_queries_is_asked_for_each_track() -> None:
    torch.manual_seed(0)
    small = {"dim": 16, "channels": 16, "n_blocks": 1, "hidden": 32, "window_s": 1.0}
    listening = ListeningEncoder(ContentQueries(small_encoder()), listener_channels=16, listener_blocks=1, **small)
    model = DiffMST(EmbeddingConditioning(listening.eval(), queries=True), width=16, layers=1, heads=2, feedforward=16)
    model.eval()
    tracks = torch.stack([sound(n, seconds=1.0) for n in range(3)])[None]
    reference = sound(9, seconds=1.0)[None]
    with torch.no_grad():
        described = model.conditioning.describe_tracks(tracks[0])[None]
        asked = model.conditioning.ask(reference, described)
        one = listening.extract(reference, listening.queries.encode(tracks[0, 1:2], RATE))
    assert asked is not None and asked.shape == (1, 3, 16)
    torch.testing.assert_close(asked[0, 1:2], one)
    assert model.listen(tracks, reference).tracks.shape == (1, 3, model.console.track_size)
    with pytest.raises(ArgumentError, match="takes none"):
        EmbeddingConditioning(small_encoder(), queries=True)


def test_features_that_never_change_are_standardised() -> None:
    """As the side of mono tracks, -120 dB always: the square of it rounds coarser than its variance is."""
    conditioning = small_model().train().conditioning
    assert isinstance(conditioning, EmbeddingConditioning)
    tracks = torch.full((1, 7, 16 + N_VALUES), -119.7)
    reference, mask = torch.full((1, 3, 16 + N_VALUES), -91.3), torch.ones(1, 7, dtype=torch.bool)
    for _ in range(3):
        told, heard = conditioning(tracks, reference, mask)
        assert bool(told.isfinite().all()) and bool(heard.isfinite().all())


def test_another_rate_is_resampled() -> None:
    conditioning = EmbeddingConditioning(small_encoder(), sample_rate=48000)
    audio = sound(1, seconds=1.5)[None]
    assert conditioning.describe_tracks(audio).shape == (1, 16 + N_VALUES)


def test_another_encoder_is_refused() -> None:
    with pytest.raises(CheckpointError, match="another than the one"):
        EmbeddingConditioning(small_encoder(), fingerprint="0" * 64)


def test_a_tuned_encoder_gets_gradients() -> None:
    model = DiffMST(EmbeddingConditioning(small_encoder(), tuned=True), width=16, layers=1, heads=2, feedforward=16)
    tracks = torch.stack([sound(n, seconds=1.0) for n in range(2)])[None]
    model.listen(tracks, sound(9, seconds=1.0)[None]).tracks.square().sum().backward()
    gradient = model.conditioning.encoder.joint[0].weight.grad  # type: ignore[union-attr]
    assert gradient is not None and float(gradient.abs().max()) > 0.0
    assert not model.conditioning.frozen and small_model().conditioning.frozen
