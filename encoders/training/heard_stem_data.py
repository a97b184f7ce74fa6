"""The data module of queries: stems are rendered and heard once, not in every step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from encoders.training.heard_stems import HeardStems, hear_stems
from encoders.training.loader import ResumableLoader
from encoders.training.stem_set_data import StemSetDataModule
from fxrep.data.manifest import read_manifest
from fxrep.data.segments import open_sampler
from fxrep.errors import ArgumentError


class HeardStemDataModule(StemSetDataModule):
    """`StemSetDataModule` whose training half is added up from stems that were rendered before the first step.

    Rendering effects and hearing the stems alone is most of a step's work and the same in every mixture. Mixtures
    themselves are new in every step. For `ListeningTraining`, whose encoder hears the whole with fixed weights.
    Validation renders its own, as it does without this.

    Args:
        stems_per_instrument: stems that are rendered of every instrument.
        heard: folder in which they are kept, to be used again by other runs with the same encoder and data; None:
            ``heard`` in the folder of the runs.
        stems: what `StemSetDataModule` takes.
    """

    def __init__(self, stems_per_instrument: int = 600, heard: str | None = None, **stems: Any) -> None:
        super().__init__(**stems)
        if stems_per_instrument < 1:
            raise ArgumentError(f"stems_per_instrument={stems_per_instrument}: expected at least 1")
        self.stems_per_instrument, self.heard = stems_per_instrument, heard

    def description(self) -> dict[str, Any]:
        """What a model card tells of the data."""
        return {**super().description(), "stems_per_instrument": self.stems_per_instrument}

    def train_dataloader(self) -> ResumableLoader:
        """Mixtures of this process; their stems are written first where they are not there yet."""
        trainer = self.trainer
        assert trainer is not None
        training: Any = trainer.lightning_module
        folder = Path(self.heard or Path(trainer.default_root_dir) / "heard")
        sampler = open_sampler(
            list(self.manifests),
            self.splits["train"],
            self.drawing["segment_s"],
            self.sample_rate,
            self.drawing["loudness_lufs"],
        )
        rank, processes = trainer.global_rank, trainer.world_size
        hear_stems(
            sampler,
            training.encoder,
            training.renderer,
            folder,
            self._about(training),
            self.stems_per_instrument,
            self.seed,
            rank,
            processes,
        )
        trainer.strategy.barrier("heard")
        group = self.batch_size * processes
        stems = HeardStems(folder, self.lengths["train"], self.drawing["max_stems"], group, self.seed)
        self._loader = ResumableLoader(stems, self._sampler(), self.num_workers)
        self._loader.load_state_dict(self._resumed)
        return self._loader

    def _about(self, training: Any) -> dict[str, Any]:
        """What the rendered stems depend on."""
        manifests = [read_manifest(path).filter(split=self.splits["train"]) for path in self.manifests]
        return {
            "encoder": training.whole_fingerprint,
            "chain": [str(effect) for effect in training.renderer.chain.effects],
            "order": training.renderer.chain.groups,
            "level_db": training.renderer.level_db,
            "audio": sorted(row.content_hash for manifest in manifests for row in manifest.rows),
            **self.drawing,
        }
