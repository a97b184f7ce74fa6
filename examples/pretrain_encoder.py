"""Pretrain an encoder from Python: generated songs, pairs, contrast, and a release that load_encoder opens.

python examples/pretrain_encoder.py [--songs 20] [--steps 300] [--out pretrained]

The same with every setting in a file, logs and resuming: fxrep train -c configs/encoders/spectral.yaml
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lightning.pytorch import Trainer

from encoders import SpectralEncoder, load_encoder, save_encoder
from encoders.evaluation import RetrievalProtocol, baseline_systems, encoder_system, retrieval_benchmark
from encoders.training.contrastive import ContrastiveTraining
from encoders.training.data import PairDataModule
from fxrep.data import SplitFractions, scan
from fxrep.data.pairs import PairRenderer
from fxrep.data.synthesis.dataset import generate_dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--candidates", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path("pretrained"))
    arguments = parser.parse_args()
    out: Path = arguments.out

    # Generated songs are dry: they need no Fx-normalisation. Recordings do (fxrep data normalize).
    generate_dataset(out / "songs", songs=arguments.songs, duration_s=10.0)
    manifest = scan(out / "songs", out / "songs.parquet", fractions=SplitFractions(0.0, 0.3)).manifest

    encoder = SpectralEncoder()
    data = PairDataModule(str(out / "songs.parquet"), batch_size=16, length=16 * arguments.steps, num_workers=0)
    training = ContrastiveTraining(encoder, PairRenderer("default"), projection_dim=None, learning_rate=1e-3)
    trainer = Trainer(max_steps=arguments.steps, limit_val_batches=0, logger=False, enable_checkpointing=False)
    trainer.fit(training, datamodule=data)
    save_encoder(encoder, out / "encoder", metadata={"training": data.description()})

    protocol = RetrievalProtocol(split="test", candidates=arguments.candidates, instruments=["vocals", "bass"])
    systems = {"this encoder": encoder_system(load_encoder(out / "encoder")), **baseline_systems()}
    for name, found in retrieval_benchmark(systems, manifest, protocol).items():
        print(f"{name:<14} retrieval@1 {found['r@1']:.1%}")
    print(f"{'chance':<14} retrieval@1 {1 / arguments.candidates:.1%}")


if __name__ == "__main__":
    main()
