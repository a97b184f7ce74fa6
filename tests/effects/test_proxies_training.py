"""The training of proxies: they learn, their configurations run, their checkpoints become releases."""

from __future__ import annotations

import itertools

import pytest
import torch
from lightning.pytorch import Trainer

from encoders.training.command import run_training
from encoders.training.configurations import list_configurations
from fxrep import effects
from fxrep.audio import save_audio
from fxrep.data import Manifest, ManifestRow, write_manifest
from fxrep.data.excerpts import ExcerptDataModule
from fxrep.effects.black_box import BlackBox
from fxrep.effects.proxies import ProxySize, export_proxy, load_proxy
from fxrep.effects.proxies.training import ProxyTraining
from fxrep.errors import ArgumentError, CheckpointError

RATE = 44100
NAMES = [name for name in list_configurations() if name.startswith("effects/debug/")]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def learn(training: ProxyTraining, audio: torch.Tensor, steps: int) -> tuple[float, float]:
    """Mean loss of the first and of the last ten steps."""
    optimizer = torch.optim.AdamW(training.proxy.network.parameters(), lr=training.learning_rate)
    losses = []
    for step in range(steps):
        imitated, real, _ = training.imitate(audio, torch.Generator().manual_seed(step))
        loss = training.loss(imitated, real)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return sum(losses[:10]) / 10, sum(losses[-10:]) / 10


def test_a_tiny_proxy_learns_a_gain(hits: torch.Tensor) -> None:
    size = ProxySize(channels=8, blocks=1, kernel=3, condition=16, audio_channels=1)
    training = ProxyTraining("gain", size, ranges={"gain_db": [-12.0, 12.0]}, learning_rate=1e-2, stft_windows=[512])
    first, last = learn(training, hits[..., :4096].repeat(4, 1, 1), 200)
    assert last < first / 5
    # The gradient is the effect's too, within 30 %.
    levels = torch.tensor([-6.0, 0.0, 6.0])
    found = []
    for processor in (training.proxy, effects.Gain()):
        column = levels.clone().requires_grad_()
        processor(hits[:1, :, :4096].expand(3, -1, -1), RATE, gain_db=column).square().mean((1, 2)).sum().backward()
        found.append(column.grad)
    torch.testing.assert_close(found[0], found[1], rtol=0.3, atol=0.0)


def test_a_tiny_proxy_learns_a_black_box_filter(noise: torch.Tensor) -> None:
    import scipy.signal

    def smooth(audio, sample_rate: int, keep: float):
        return scipy.signal.lfilter([1.0 - keep], [1.0, -keep], audio).astype("float32")

    box = BlackBox(smooth, "smooth", [effects.Parameter("keep", "", 0.0, 0.9, "linear", 0.0)], gradient="none")
    size = ProxySize(channels=8, blocks=2, kernel=8, dilation_growth=4, condition=16, audio_channels=1)
    training = ProxyTraining(box, size, learning_rate=1e-2, stft_windows=[512])
    first, last = learn(training, noise[..., :4096], 200)
    assert last < first / 4


@pytest.mark.parametrize("name", NAMES)
def test_debug_configurations_run(name: str, tmp_path) -> None:
    overrides = ["--trainer.max_steps", "1", "--trainer.default_root_dir", str(tmp_path)]
    overrides += ["--trainer.val_check_interval", "1", "--data.length", "2", "--data.validation_length", "2"]
    report = run_training([name], "fit", overrides)
    assert report.steps == 1
    assert {"train/loss", "validation/error_db"} <= set(report.metrics)
    assert report.logs is not None and report.checkpoint is not None
    release = f"{report.logs}/proxy"
    proxy = load_proxy(release).eval()
    assert proxy(torch.zeros(1, 2, 100), RATE).shape == (1, 2, 100)
    again = load_proxy(export_proxy(report.checkpoint, tmp_path / "again"))
    for one, other in zip(proxy.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_stage_test_hears_songs_of_its_own(tmp_path) -> None:
    overrides = ["--trainer.default_root_dir", str(tmp_path), "--data.validation_length", "2", "--data.songs", "1"]
    report = run_training(["effects/debug/proxy_eq"], "test", overrides)
    assert set(report.metrics) == {"test/loss", "test/error_db"}
    data = ExcerptDataModule(batch_size=2, length=2, validation_length=2, segment_s=0.5, songs=1, seed=3)
    heard = [next(iter(loader())) for loader in (data.train_dataloader, data.val_dataloader, data.test_dataloader)]
    assert all(not torch.equal(a["audio"], b["audio"]) for a, b in itertools.combinations(heard, 2))


def test_a_manifest_that_is_missing_leaves_no_folder(tmp_path) -> None:
    overrides = ["--trainer.default_root_dir", str(tmp_path / "run"), "--data.manifest", "nope.parquet"]
    with pytest.raises(ArgumentError, match=r"no manifest nope\.parquet"):
        run_training(["effects/debug/proxy_eq"], "fit", overrides)
    assert not (tmp_path / "run").exists()


def test_every_configuration_has_a_twin() -> None:
    assert sorted(NAMES) == [f"effects/debug/proxy_{name}.yaml" for name in ("compressor", "eq", "reverb")]


@pytest.mark.parametrize("name", [name.replace("debug/", "") for name in NAMES])
def test_full_configurations_can_be_built(name: str, tmp_path) -> None:
    overrides = ["--trainer.max_steps", "0", "--trainer.accelerator", "cpu", "--data.songs", "1"]
    report = run_training([name], "fit", [*overrides, "--trainer.default_root_dir", str(tmp_path)])
    assert report.steps == 0


def test_excerpts_are_repeatable_and_span_the_loudness() -> None:
    data = ExcerptDataModule(batch_size=2, length=6, validation_length=3, segment_s=0.5, songs=1, seed=3)
    batches = [batch["audio"] for batch in data.train_dataloader()]
    assert [tuple(batch.shape) for batch in batches] == [(2, 2, 22050)] * 3
    for one, other in zip(batches, data.train_dataloader(), strict=True):
        assert torch.equal(one, other["audio"])
    held_out = [batch["audio"] for batch in data.val_dataloader()]
    assert len(torch.cat(held_out)) == 3
    everything = torch.cat([*batches, *held_out])
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(everything, 2))
    assert everything.square().mean((1, 2)).log10().std() > 0.05


def test_excerpts_come_from_a_manifest(noise: torch.Tensor, tmp_path) -> None:
    save_audio(tmp_path / "bass.wav", noise[0].repeat(1, 4), RATE)
    words = dict.fromkeys(("dataset", "song", "artist", "licence", "track", "content_hash"), "one")
    row = ManifestRow(
        path="bass.wav",
        kind="stem",
        split="train",
        instrument="bass",
        duration_s=2.0,
        sample_rate=RATE,
        channels=2,
        loudness_lufs=-20.0,
        silence_ratio=0.0,
        **words,
    )
    write_manifest(tmp_path / "manifest.parquet", Manifest([row], tmp_path))
    data = ExcerptDataModule(str(tmp_path / "manifest.parquet"), batch_size=2, length=4, segment_s=0.5)
    assert [tuple(batch["audio"].shape) for batch in data.train_dataloader()] == [(2, 2, 22050)] * 2
    assert data.val_dataloader() == []  # no song is held out


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 0}, {"songs": 0}, {"length": 2, "batch_size": 4}, {"segment_s": 11.0}]
)
def test_impossible_data_are_refused(wrong: dict) -> None:
    with pytest.raises(ArgumentError, match=r"expected|shorter|segment_s"):
        ExcerptDataModule(**wrong)


def test_what_cannot_be_trained_is_refused(tmp_path) -> None:
    with pytest.raises(ArgumentError, match="learning_rate=0"):
        ProxyTraining("gain", learning_rate=0.0)
    with pytest.raises(ArgumentError, match="no processor is called 'nothing'"):
        ProxyTraining("nothing")
    training = ProxyTraining("gain", sample_rate=22050)
    data = ExcerptDataModule(songs=1, segment_s=0.5, length=8)
    with pytest.raises(ArgumentError, match="set both sample_rate alike"):
        Trainer(logger=False, enable_checkpointing=False, max_steps=1, accelerator="cpu").fit(training, data)
    with pytest.raises(ArgumentError, match="no manifest"):
        ExcerptDataModule(str(tmp_path / "none.parquet")).train_dataloader()
    (tmp_path / "broken.ckpt").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        export_proxy(tmp_path / "broken.ckpt", tmp_path / "out")
