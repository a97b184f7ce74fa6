"""Sets of stems: one set of instruments for a whole batch, halves of one passage; and mixtures rendered from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from fxrep.audio import integrated_loudness
from fxrep.data.manifest import Manifest, ManifestRow
from fxrep.data.mixtures import MixtureRenderer
from fxrep.data.segments import sounding_share
from fxrep.data.stem_sets import StemSetDataset
from fxrep.effects import ChainEffect, EffectChain
from fxrep.effects.chain_settings import entry_label
from fxrep.errors import ArgumentError, DataError

RATE = 44100
INSTRUMENTS = ("bass", "drums", "keys", "vocals", "guitar")


def write_stem(root: Path, song: int, number: int, instrument: str) -> ManifestRow:
    """6 s whose frequency rises with time, so that a half tells where it came from; the drums begin after 2 s."""
    t = np.arange(6 * RATE) / RATE
    start_hz = 100.0 + 400.0 * number + 50.0 * song
    audio = 0.2 * np.sin(2 * np.pi * (start_hz * t + 20.0 * t**2)) * ((t >= 2.0) | (instrument != "drums"))
    path = root / f"song{song}" / f"{instrument}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.stack([audio, 0.5 * audio], 1), RATE, subtype="FLOAT")
    return ManifestRow(
        path.relative_to(root).as_posix(), "stem", "test", f"song{song}", "", "", "train", instrument, instrument,
        6.0, RATE, 2, -20.0, 0.0, f"{song}{instrument}",
    )  # fmt: skip


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    root = tmp_path_factory.mktemp("stems")
    rows = [write_stem(root, song, number, name) for song in range(2) for number, name in enumerate(INSTRUMENTS)]
    return Manifest(rows, root)


def dataset(manifest: Manifest, **arguments) -> StemSetDataset:
    return StemSetDataset(manifest, **{"length": 32, "segment_s": 1.0, "group": 4, "seed": 1, **arguments})


def test_a_group_has_one_set_and_sizes_go_round(manifest: Manifest) -> None:
    items = dataset(manifest)
    found = [items[index] for index in range(0, 32, 2)]
    sets = [item["instruments"] for item in found]
    for first, second in zip(sets[::2], sets[1::2], strict=True):
        assert first == second and len(set(first)) == len(first)
    sizes = [len(names) for names in sets[::2]]
    assert sorted(sizes[:4]) == sorted(sizes[4:]) == [1, 2, 3, 4]
    more = [len(items.instrument_set(group)[0]) for group in range(64)]
    # A log of every fourth step sees all sizes.
    assert set(more[::4]) == {1, 2, 3, 4}
    assert len({tuple(sorted(items.instrument_set(group)[0])) for group in range(64)}) > 12
    for item in found:
        assert item["a"].shape == item["b"].shape == (len(item["instruments"]), 2, RATE)
        assert 0 <= item["target"] < len(item["instruments"])
    largest = dataset(manifest, always_largest=True)
    assert {len(largest.instrument_set(group)[0]) for group in range(8)} == {4}
    assert {largest.instrument_set(group)[1] for group in range(30)} == {0, 1, 2, 3}


def test_items_depend_on_seed_epoch_and_index_alone(manifest: Manifest) -> None:
    items, again = dataset(manifest), dataset(manifest)
    assert torch.equal(items[5]["a"], again[5]["a"])
    assert not torch.equal(items[5]["a"], items[6]["a"])
    assert not torch.equal(dataset(manifest, seed=2)[5]["a"][0], again[5]["a"][0])
    again.set_epoch(1)
    assert not torch.equal(items[5]["a"][0], again[5]["a"][0])


def test_sides_are_the_halves_of_one_passage(manifest: Manifest) -> None:
    item = dataset(manifest, max_stems=1, loudness_lufs=None)[0]
    joined = torch.cat([item["a"][0], item["b"][0]], dim=-1)[0].double()
    # The phase of a chirp steps on by nearly the same from sample to sample; where a passage is torn it jumps.
    angle = torch.angle(torch.fft.ifft(torch.fft.fft(joined) * analytic(len(joined))))
    step = torch.diff(torch.from_numpy(np.unwrap(angle.numpy())))[2000:-2000]
    assert float(torch.diff(step).abs().max()) < 0.02


def analytic(length: int) -> torch.Tensor:
    """Weights that turn a spectrum into that of the analytic signal."""
    weights = torch.zeros(length, dtype=torch.float64)
    weights[0], weights[1 : length // 2] = 1.0, 2.0
    return weights


def test_both_halves_sound(manifest: Manifest) -> None:
    drums = Manifest([row for row in manifest.rows if row.instrument == "drums"], manifest.root)
    items = dataset(drums, segment_s=1.5)
    assert items.max_stems == 1
    for index in range(12):
        item = items[index]
        assert min(sounding_share(item[side][0], RATE) for side in ("a", "b")) > 0.0


def test_unusable_settings(manifest: Manifest) -> None:
    for arguments in ({"length": 0}, {"max_stems": 0}, {"group": 0}):
        with pytest.raises(ArgumentError, match="at least 1"):
            dataset(manifest, **arguments)
    with pytest.raises(DataError, match="no stem of 8 s"):
        dataset(manifest, segment_s=4.0)
    with pytest.raises(ArgumentError, match="reversed"):
        MixtureRenderer(lowest_stem_lufs=-10.0)


def batch(items: int = 3, stems: int = 2, seconds: float = 1.0) -> dict:
    generator = torch.Generator().manual_seed(0)
    a, b = 0.1 * torch.randn(2, items, stems, 2, round(seconds * RATE), generator=generator)
    return {"a": a, "b": b, "target": torch.full((items,), stems - 1)}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_loudness_of_stems_and_mixtures() -> None:
    given = batch()
    rendered = MixtureRenderer()(given, RATE, generator())
    assert rendered.a.shape == rendered.b.shape == rendered.target.shape == rendered.query.shape == (6, 2, RATE)
    for side in (rendered.a, rendered.b):
        torch.testing.assert_close(integrated_loudness(side, RATE), torch.full((6,), -14.0), atol=0.01, rtol=0.0)
    stems = integrated_loudness(rendered.target, RATE)
    assert bool(((stems > -18.01) & (stems < -13.99)).all()) and float(stems.std()) > 0.1
    assert torch.equal(rendered.query, given["a"][:, 1].repeat(2, 1, 1))


def test_a_stem_alone_is_its_mixture() -> None:
    rendered = MixtureRenderer()(batch(stems=1), RATE, generator())
    gain = rendered.b / rendered.target
    assert float(gain.std(dim=(1, 2)).max()) < 1e-3


def test_both_sides_go_through_one_chain_and_duplicates_through_another() -> None:
    given = batch(stems=1)
    given["b"] = given["a"]
    rendered = MixtureRenderer()(given, RATE, generator())
    torch.testing.assert_close(rendered.a, rendered.b, rtol=0.0, atol=1e-5)
    assert float((rendered.a[:3] - rendered.a[3:]).abs().amax(dim=(1, 2)).min()) > 1e-2
    assert rendered.settings[0] != rendered.settings[3]


def test_one_order_for_the_batch_where_it_is_random() -> None:
    rendered = MixtureRenderer()(batch(items=8, seconds=0.1), RATE, generator(2))
    orders = [[entry_label(entry) for entry in stem] for item in rendered.settings for stem in item]
    assert len(orders) == 32
    places: dict[tuple[str, str], set[bool]] = {}
    for order in orders:
        for i, first in enumerate(order):
            for second in order[i + 1 :]:
                pair = (min(first, second), max(first, second))
                places.setdefault(pair, set()).add(pair[0] == first)
    assert len(places) > 20 and all(len(found) == 1 for found in places.values())
    other = MixtureRenderer()(batch(items=8, seconds=0.1), RATE, generator(3))
    assert other.settings != rendered.settings


def test_a_silent_stem_stays_silent() -> None:
    chain = EffectChain([ChainEffect("gain", ranges={"gain_db": (6.0, 12.0)})])
    given = batch()
    given["a"][0, 1], given["b"][0, 1] = 0.0, 0.0
    rendered = MixtureRenderer(chain)(given, RATE, generator())
    assert not bool(rendered.target[0].any()) and bool(torch.isfinite(rendered.a).all())
