"""What is heard of a MixFXcloner on songs it was never trained on: how far from the truth, before and after.

    python benchmarks/cloner_heard.py songs/manifest.parquet [--model my_cloner] [--pairs 40]

As in its training, a chain of effects is drawn for two stems A and B of one instrument; the cloner hears A and the
reference B with the effects, and A with them is the truth. Segments are whole, five seconds. For the stem as it is,
and for what the cloner makes of it: the loss of the training; the corrected production-style loss and its terms; and
the distance of embeddings by the encoder that steers the cloner and by another one. "not better" is the share of pairs
that are no nearer to the truth than the stem as it is.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

from encoders import load_encoder
from encoders.training.data import PairDataModule
from fxrep.audio import normalize_loudness, resample
from fxrep.data.pairs import PairRenderer
from fxrep.losses import EmbeddingLoss, ProductionStyleLoss
from style_transfer.mixfx_cloner import load_cloner
from style_transfer.mixfx_cloner.losses import cloner_loss

CHAIN = "koo without gain, noise_shaped_reverb"
REFERENCE_LUFS = -16.0


def at_reference_level(audio: Tensor, rate: int) -> Tensor:
    return normalize_loudness(audio, rate, REFERENCE_LUFS)


@torch.no_grad()
def measure_pair(cloner: Any, item: Any, renderer: PairRenderer, seed: int, measures: dict[str, Any]) -> Tensor:
    """(2, M): each measure of the stem as it is and of what the cloner gives."""
    rate = cloner.sample_rate
    batch = default_collate([item])
    rendered = renderer(batch, rate, torch.Generator().manual_seed(seed))
    heard = resample(at_reference_level(rendered.b, rate), rate, cloner.encoder.sample_rate)
    output = cloner(batch["a"], cloner.encoder(heard))
    rows = [[float(measure(one, rendered.a)) for measure in measures.values()] for one in (batch["a"], output)]
    return torch.tensor(rows, dtype=torch.float64)


def chosen_measures(cloner: Any, other: str) -> dict[str, Any]:
    """Each compares two stems (1, 2, T)."""
    rate = cloner.sample_rate
    style = ProductionStyleLoss(rate)
    embeddings = {
        "embedding, by its own encoder": EmbeddingLoss(cloner.encoder, rate),
        f"embedding, by `{other}`": EmbeddingLoss(load_encoder(other), rate),
    }

    def distance(judge: EmbeddingLoss) -> Any:
        return lambda one, truth: judge(at_reference_level(one, rate), at_reference_level(truth, rate))

    def term(name: str) -> Any:
        return lambda one, truth: style.terms(one, truth)[name]

    found: dict[str, Any] = {"loss": cloner_loss(), "production style": style}
    found |= {f"production style: {name}": term(name) for name in ("crest", "width", "imbalance", "bark")}
    return found | {name: distance(judge) for name, judge in embeddings.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", help="normalised stems with splits")
    parser.add_argument("--model", default="default", help="release of a cloner")
    parser.add_argument("--other", default="tiny", help="an encoder that the cloner does not hear with")
    parser.add_argument("--pairs", type=int, default=40, help="of each split")
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cloner = load_cloner(arguments.model)
    renderer = PairRenderer(CHAIN, hard_negatives=False, shortest=1.0)
    measures = chosen_measures(cloner, arguments.other)
    for number, split in enumerate(("validation", "test"), start=1):
        data = PairDataModule(
            arguments.manifest, segment_s=arguments.seconds, mixture_probability=0.0, validation_length=arguments.pairs
        )
        pairs = data._dataset(split, seed=100 + number)
        rows = [measure_pair(cloner, pairs[n], renderer, 1000 * number + n, measures) for n in range(arguments.pairs)]
        found = torch.stack(rows)
        print(
            f"\n{split} songs, {len(rows)} pairs\n\n| | as it is | cloned | left | not better |\n|---|---|---|---|---|"
        )
        for place, name in enumerate(measures):
            before, after = found[:, :, place].mean(0).tolist()
            worse = float((found[:, 1, place] >= found[:, 0, place]).double().mean())
            print(f"| {name} | {before:.4f} | {after:.4f} | {after / before:.2f} | {worse:.0%} |", flush=True)


if __name__ == "__main__":
    main()
