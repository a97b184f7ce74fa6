"""Stems that are rendered and heard once: what is kept is what a step would have made, and nothing is kept twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from encoders import SpectralEncoder
from encoders.training import heard_stems
from encoders.training.heard_stem_data import HeardStemDataModule
from encoders.training.heard_stems import HeardStems, hear_stems
from fxrep.data.segments import open_sampler
from fxrep.data.stem_mixes import StemMixer
from fxrep.errors import ArgumentError, DataError

RATE = 44100


@pytest.fixture(scope="module")
def encoder() -> SpectralEncoder:
    torch.manual_seed(0)
    return SpectralEncoder(dim=8, channels=8, n_blocks=1, hidden=8).eval()


@pytest.fixture
def hear(manifest: Path, encoder: SpectralEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Hear eight stems of every instrument of half a second, four in a file; returns the folder."""
    monkeypatch.setattr(heard_stems, "STEMS_PER_FILE", 4)
    heard_stems._open.cache_clear()

    def run(folder: str = "heard", about: int = 0, **given: Any) -> Path:
        sampler = open_sampler(manifest, "train", 0.5, RATE, -23.0)
        hear_stems(sampler, encoder, StemMixer(), tmp_path / folder, {"about": about}, 8, **given)
        return tmp_path / folder

    return run


def test_what_is_kept_is_what_the_encoder_hears(hear: Any, encoder: SpectralEncoder) -> None:
    kept = load_file(hear() / "00-00001.safetensors")
    with torch.no_grad():
        frames = encoder.standard_frames(kept["stems"].float())
        embedding = F.normalize(encoder.embed_frames(frames), dim=-1)
    assert kept["stems"].shape == (4, 2, RATE // 2) and kept["clip"].shape == (2, RATE // 2)
    # Samples and frames are kept in half precision.
    assert (kept["frames"].float() - frames).abs().median() < 0.01
    assert torch.allclose(kept["embedding"], embedding, atol=0.02)


def test_mixtures_are_sums_of_stems_of_one_set(hear: Any) -> None:
    folder = hear()
    stems = HeardStems(folder, length=24, max_stems=2, group=4, seed=3)
    every = {
        name: [row for file in sorted(folder.glob(f"{place:02d}-*")) for row in load_file(file)["stems"].float()]
        for place, name in enumerate(stems.instruments)
    }
    sizes = set()
    for index in range(len(stems)):
        item = stems[index]
        sizes.add(len(item["instruments"]))
        assert item["instruments"] == stems[index - index % 4]["instruments"]
        assert len(item["frames"]) == len(item["embedding"]) == len(item["clips"]) == len(item["instruments"])
        rest = item["mixture"]
        assert item["named"].shape == rest.shape and item["name"] in stems.instruments
        candidates = [torch.stack(every[name]) for name in item["instruments"]]
        sums = candidates[0] if len(candidates) == 1 else (candidates[0][:, None] + candidates[1][None]).flatten(0, 1)
        assert (sums - rest).abs().amax((1, 2)).min() < 1e-6
    assert sizes == {1, 2}


def test_items_depend_on_seed_epoch_and_index_alone(hear: Any) -> None:
    folder = hear()
    first, again = (HeardStems(folder, 8, 2, 2, seed=1) for _ in range(2))
    assert torch.equal(first[5]["mixture"], again[5]["mixture"]) and torch.equal(first[5]["clips"], again[5]["clips"])
    again.set_epoch(1)
    assert any(not torch.equal(first[index]["clips"], again[index]["clips"]) for index in range(8))


def test_an_interrupted_run_goes_on_to_the_same_files(hear: Any) -> None:
    whole, parts = hear("whole"), hear("parts", rank=0, processes=2)
    made = sorted(path.name for path in parts.glob("*.safetensors"))
    assert 0 < len(made) < len(list(whole.glob("*.safetensors")))
    times = {name: (parts / name).stat().st_mtime_ns for name in made}
    hear("parts")
    assert all((parts / name).stat().st_mtime_ns == time for name, time in times.items())
    for path in whole.glob("*.safetensors"):
        one, other = load_file(path), load_file(parts / path.name)
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_stems_of_something_else_are_refused(hear: Any) -> None:
    hear(about=0)
    with pytest.raises(ArgumentError, match="heard by another encoder"):
        hear(about=1)


def test_damage_is_named(hear: Any) -> None:
    folder = hear()
    (folder / "00-00001.safetensors").write_bytes(b"cut off")
    with pytest.raises(DataError, match=r"00-00001\.safetensors is missing or damaged"):
        HeardStems(folder, 4, 2, 2)
    (folder / "heard.json").unlink()
    with pytest.raises(DataError, match=r"heard\.json is missing or damaged"):
        HeardStems(folder, 4, 2, 2)


def test_no_stems_are_refused(manifest: Path) -> None:
    with pytest.raises(ArgumentError, match="stems_per_instrument=0"):
        HeardStemDataModule(0, manifest=str(manifest))
