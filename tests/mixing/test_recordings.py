"""Recordings come at one loudness, in windows where they sound, with their weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fxrep import load_encoder
from fxrep.audio import integrated_loudness, save_audio
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.blending import blend_embeddings
from fxrep.mixing.recordings import Recordings

RATE = 44100


def noise(seconds: float, seed: int = 0, level: float = 0.05) -> torch.Tensor:
    return torch.randn(2, round(seconds * RATE), generator=torch.Generator().manual_seed(seed)) * level


def test_windows_are_at_one_loudness_and_weighted(tmp_path: Path) -> None:
    save_audio(tmp_path / "loud.wav", noise(9.0, 1, 0.2), RATE)
    found = Recordings([tmp_path / "loud.wav", noise(2.5, 2, 0.01)], [3.0, 1.0], RATE)
    assert found.weights == [0.75, 0.25]
    windows, shares = found.windows(3.0, 2)
    assert windows.shape == (3, 2, 3 * RATE)
    assert shares.tolist() == [0.375, 0.375, 0.25]
    torch.testing.assert_close(integrated_loudness(windows, RATE), torch.full((3,), -16.0), atol=0.3, rtol=0)
    # What is shorter than the window is repeated.
    torch.testing.assert_close(windows[2, :, : RATE // 2], windows[2, :, round(2.5 * RATE) :])
    assert found.windows(1.0, 1, 16000)[0].shape == (2, 2, 16000)


def test_windows_lie_where_it_sounds() -> None:
    audio = torch.cat([torch.zeros(2, 6 * RATE), noise(3.0), torch.zeros(2, 6 * RATE)], -1)
    windows, _ = Recordings([audio], sample_rate=RATE).windows(2.0, 1)
    assert float(windows[0].square().mean(0).unfold(-1, RATE, RATE).mean(-1).min()) > 1e-4
    placed, _ = Recordings([audio], sample_rate=RATE).windows(2.0, 1, start_s=[0.0])
    assert not placed.any()


def test_weight_zero_is_as_if_it_were_not_there() -> None:
    encoder = load_encoder()
    one, other = noise(3.0, 1), torch.tanh(40 * noise(3.0, 2)).flip(0) * torch.tensor([[1.0], [0.1]])
    alone = Recordings(one, sample_rate=RATE).embedding(encoder)
    torch.testing.assert_close(Recordings([one, other], [2.0, 0.0], RATE).embedding(encoder), alone)
    middle = Recordings([one, other], None, RATE).embedding(encoder)
    far = Recordings(other, sample_rate=RATE).embedding(encoder)
    assert float(alone @ far) < float(alone @ middle) < 1.0
    assert float(middle.norm()) == pytest.approx(1.0, abs=1e-6)


def test_the_embedding_of_several_is_the_blend_of_those_of_each() -> None:
    encoder = load_encoder("tiny")
    # The windows of the first differ, so that their mean is short; those of the second are alike.
    dull = noise(encoder.window_s, 3).cumsum(-1) * 0.02
    changing = torch.cat([noise(encoder.window_s, 1), dull * torch.tensor([[1.0], [0.2]])], -1)
    recordings = [changing, noise(2.0 * encoder.window_s, 4)]
    each = [Recordings(one, sample_rate=RATE).embedding(encoder) for one in recordings]
    for weights in ([0.5, 0.5], [0.7, 0.3], [0.0, 1.0]):
        found = Recordings(recordings, weights, RATE).embedding(encoder)
        assert torch.equal(found, blend_embeddings(each, weights) if all(weights) else each[1])
    # The mean of all windows, each counting alike, is another vector.
    windows, shares = Recordings(recordings, None, RATE).windows(encoder.window_s, 2, encoder.sample_rate)
    with torch.no_grad():
        pooled = torch.nn.functional.normalize((encoder(windows) * shares[:, None]).sum(0), dim=-1)
    assert float((pooled - blend_embeddings(each)).norm()) > 1e-3


def test_embedding_does_not_depend_on_the_level() -> None:
    encoder = load_encoder()
    quiet, loud = (Recordings(noise(3.0) * gain, sample_rate=RATE).embedding(encoder) for gain in (0.05, 2.0))
    torch.testing.assert_close(quiet, loud, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ([], ArgumentError, "there is no reference"),
        (torch.zeros(2, RATE), AudioError, "reference 1 is silent"),
        (noise(0.3), AudioError, "reference 1 lasts 0.30 s"),
        (torch.zeros(3, RATE), AudioError, "reference 1 has 3 channels"),
        ("missing.wav", AudioError, r"reference: missing\.wav does not exist"),
        (".", AudioError, "reference: . is a folder"),
        ([noise(1.0), torch.full((2, RATE), float("nan"))], AudioError, "reference 2"),
    ],
)
def test_unusable_references(given: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Recordings(given, sample_rate=RATE, role="reference")  # type: ignore[arg-type]


def test_names_are_told_apart(tmp_path: Path) -> None:
    save_audio(tmp_path / "a.wav", noise(1.0), RATE)
    found = Recordings([tmp_path / "a.wav", noise(1.0, 1), str(tmp_path / "a.wav")], [2.0, 1.0, 1.0], RATE)
    path = str(tmp_path / "a.wav")
    assert found.names == [path, "recording 2", f"{path} (3)"]
    assert found.paths == [tmp_path / "a.wav"] * 2
    assert len(found) == 3


def test_arrays_need_a_rate_and_text_is_no_audio(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="sample rate"):
        Recordings(noise(1.0))
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(AudioError, match=r"text\.wav"):
        Recordings(tmp_path / "text.wav")
