"""Blocks: whatever their length, what is measured and what comes out is what the whole gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fxrep.audio import save_audio
from fxrep.errors import AudioError
from fxrep.normalization import STEPS, FxNormalizer, NormalizationStep
from fxrep.normalization.filtering import convolution
from fxrep.normalization.grid import spectra
from fxrep.normalization.loudness import k_weighted_energies
from fxrep.normalization.sources import ChangedSource, FileSource, TensorSource, aligned, with_context
from fxrep.normalization.step import track_source

RATE = 44100
Maker = Callable[..., np.ndarray]


class Pieces(TensorSource):
    """Audio in memory that comes in blocks of an odd length."""

    def blocks(self) -> Iterator[torch.Tensor]:
        return iter(self.audio.split(10007, dim=-1))

    def changed(self, change) -> ChangedSource:
        return ChangedSource(self, change)


def difference_db(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(20 * torch.log10((first - second).abs().max() / second.abs().max() + 1e-12))


@pytest.mark.parametrize("sizes", [[7], [1, 1, 5], [3, 4], [2, 2, 2, 1]])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 0), (0, 3), (2, 9), (9, 2)])
def test_context_covers_the_audio_once(sizes: list[int], before: int, after: int) -> None:
    audio = torch.arange(1.0, 15.0).reshape(1, 2, 7)
    padded = torch.nn.functional.pad(audio, (before, after))
    start = 0
    for widened in with_context(iter(audio.split(sizes, dim=-1)), before, after):
        count = widened.shape[-1] - before - after
        assert count > 0
        assert torch.equal(widened, padded[..., start : start + widened.shape[-1]])
        start += count
    assert start == 7


def test_aligned_blocks_leave_only_a_remainder() -> None:
    audio = torch.arange(46.0).reshape(1, 2, 23)
    blocks = list(aligned(iter(audio.split(6, dim=-1)), 4))
    assert all(block.shape[-1] % 4 == 0 for block in blocks)
    assert torch.equal(torch.cat(blocks, dim=-1), audio[..., :20])


@pytest.mark.parametrize("samples", [1, 400, 5000])
@pytest.mark.parametrize("after", [0, 150, 300])
def test_convolution_is_numpys(samples: int, after: int, pink_noise: Maker) -> None:
    audio = pink_noise(1.0)[:, :samples]
    matrix = np.random.default_rng(0).standard_normal((2, 2, 301))
    full = np.array(
        [[np.convolve(row.astype(float), fir) for row, fir in zip(audio, firs, strict=True)] for firs in matrix]
    )
    rows = full[..., after : after + samples]
    both = np.array([np.convolve(row.astype(float), matrix[0, 0])[after : after + samples] for row in audio])
    for kernels, expected in ((matrix, rows.sum(1)), (matrix[0], rows[0]), (matrix[0, :1], both)):
        output = track_source(audio, RATE).changed(convolution(kernels[None], after)).audio[0].numpy()
        np.testing.assert_allclose(output, expected, atol=1e-5 * np.abs(expected).max())


def test_pieces_have_the_same_spectra_energies_and_filters(pink_noise: Maker) -> None:
    audio = torch.from_numpy(pink_noise(3.0))[None]
    whole, pieces = TensorSource(audio, RATE), Pieces(audio, RATE)
    for lead in (0, 2048):
        frames = [torch.cat(list(spectra(source, 2048, 1024, lead)), dim=2) for source in (whole, pieces)]
        assert frames[0].shape[2] == -(-(lead + audio.shape[-1] - 2048) // 1024) + 1
        np.testing.assert_allclose(*frames, atol=1e-5)
    edges = np.sort(np.random.default_rng(0).choice(audio.shape[-1], 50, replace=False))
    edges[0] = 0
    energies = [k_weighted_energies(source, edges) for source in (whole, pieces)]
    np.testing.assert_allclose(*energies, rtol=1e-4, atol=1e-9)
    filtered = convolution(np.random.default_rng(1).standard_normal((1, 2, 301)), 100)
    outputs = [torch.cat(list(filtered(source.blocks())), dim=-1) for source in (whole, pieces)]
    assert difference_db(*outputs) < -110


@pytest.mark.parametrize("name", STEPS)
def test_a_step_does_the_same_to_pieces(name: str, hits: Maker, pink_noise: Maker) -> None:
    step: NormalizationStep = STEPS[name]()
    audio = torch.from_numpy((hits(4.0) + 0.1 * pink_noise(4.0)) * np.array([[0.7], [0.4]], dtype=np.float32))[None]
    measured = [step.measure_source(source(audio, RATE), ["keys"]) for source in (TensorSource, Pieces)]
    np.testing.assert_allclose(*measured, rtol=1e-3, atol=1e-5)
    target = measured[0] - 2.0 if name == "dynamics" else measured[0] + (1.0 if name == "reverb" else 0.05)
    outputs = []
    for source in (TensorSource(audio, RATE), Pieces(audio, RATE)):
        change = step.plan(source, target, ["keys"])
        assert change is not None
        outputs.append(torch.cat(list(source.changed(change).blocks()), dim=-1))
    assert outputs[0].shape == audio.shape
    assert difference_db(*outputs) < -80
    assert difference_db(outputs[0], audio) > -60


def test_a_long_file_comes_out_as_a_short_one(
    normalizer: FxNormalizer, music: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wet = torch.tanh(3 * music)
    save_audio(tmp_path / "a.wav", wet, RATE, subtype="FLOAT")
    whole = normalizer(wet, RATE, "drums")
    monkeypatch.setattr("fxrep.normalization.opening.SAMPLES_IN_MEMORY", 100_000)
    monkeypatch.setattr("fxrep.normalization.sources.BLOCK_SAMPLES", 50_021)
    source = normalizer.open(tmp_path / "a.wav", instrument="drums")
    assert isinstance(source, ChangedSource)
    assert difference_db(torch.cat([block[0] for block in source.blocks()], dim=-1), whole) < -80
    assert difference_db(normalizer(tmp_path / "a.wav", instrument="drums"), whole) < -80
    assert source.peaks()[0] == pytest.approx(float(whole.abs().max()), rel=1e-4)


def test_a_file_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "nan.wav", np.array([0.1, np.nan, 0.2]), RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN"):
        FileSource(tmp_path / "nan.wav")
