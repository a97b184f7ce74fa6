"""The two trainings of Diff-MST as one Lightning module; which of them a step is, the batch says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from encoders.training.described_tracks import DescribedTracks
from encoders.training.seeded_training import SeededTraining
from fxrep.audio import normalize_loudness
from fxrep.effects.console import ConsoleTensors
from fxrep.errors import ArgumentError
from fxrep.losses import EmbeddingLoss, ProductionStyleLoss, StftLoss
from fxrep.mixing.recordings import REFERENCE_LUFS
from style_transfer.diff_mst.described_data import DescribedSongDataModule
from style_transfer.diff_mst.embedding_conditioning import EmbeddingConditioning
from style_transfer.diff_mst.gradient_limit import STEEPEST, limit_gradient
from style_transfer.diff_mst.model import DiffMST
from style_transfer.diff_mst.passages import Passage, known_mix, other_song
from style_transfer.diff_mst.release import take_weights
from style_transfer.diff_mst.settings_loss import SettingsLoss
from style_transfer.diff_mst.settings_prior import ModeratePrior, SettingsPrior
from style_transfer.diff_mst.songs_in_turns import SongsInTurnsDataModule


class DiffMSTTraining(SeededTraining):
    """Train a controller (Vanka et al., ISMIR 2024, section 3).

    Method 1 (batches without a reference): settings are drawn at random and make a mix of the passage; one half of it
    is the reference, the tracks of the other half are to be mixed so, and the true mix of that half is known. Method 2
    (batches with the mix of another song as reference): only the style can be compared. Mixes are brought to -16 LUFS
    before they are compared, so that the level of the whole is left to whoever listens.

    Losses of weight 0 are not computed; with those of the settings alone, no mix but the reference is rendered.

    Args:
        model: what to train.
        prior: where settings are drawn from in method 1; None for `ModeratePrior`.
        stft_weight: of the multi-resolution STFT loss (method 1).
        settings_weight: of the loss on the settings themselves (method 1).
        style_weight: of the production-style loss.
        embedding_weight: of the distance in the embedding of the conditioning's encoder, which must be frozen.
        stft_form: ``published`` or ``log_linear``, see `StftLoss`.
        sum_and_difference: the STFT loss of mid and side instead of left and right.
        style_form: ``corrected`` or ``published``, see `ProductionStyleLoss`.
        initial: weights to start from, for example to go on with another loss: a checkpoint of such a training, or a
            release, by folder or name.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all that is drawn; the command line sets it to ``seed_everything``.

    Raises:
        ArgumentError: no loss has a weight, or there is no frozen encoder for the embedding loss.
        CheckpointError: `initial` cannot be read, or does not fit the model.
    """

    def __init__(
        self,
        model: DiffMST,
        prior: SettingsPrior | None = None,
        stft_weight: float = 1.0,
        settings_weight: float = 1.0,
        style_weight: float = 0.0,
        embedding_weight: float = 0.0,
        stft_form: Literal["published", "log_linear"] = "published",
        sum_and_difference: bool = False,
        style_form: Literal["corrected", "published"] = "corrected",
        initial: str | None = None,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.01,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 100,
        seed: int = 0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, betas, warmup_steps, seed)
        self.model, self.prior = model, ModeratePrior() if prior is None else prior
        self.weights = {"stft": stft_weight, "settings": settings_weight}
        self.weights |= {"style": style_weight, "embedding": embedding_weight}
        if min(self.weights.values()) < 0.0 or not any(self.weights.values()):
            raise ArgumentError(f"weights of the losses are {self.weights}: give 0 or more, and at least one above 0")
        self.stft = StftLoss(stft_form, sum_and_difference)
        self.style = ProductionStyleLoss(model.sample_rate, style_form)
        self.settings_loss = SettingsLoss(model.console, model.sample_rate, model.track_lufs)
        # In a list, so that its encoder is no part of the checkpoint.
        self.embedding = [_embedding_loss(model)] if embedding_weight > 0.0 else []
        self.described = DescribedTracks(model.conditioning.describe_tracks, model.conditioning.frozen)
        self.began_with = {} if initial is None else take_weights(model, initial)
        self.loss_ratios: dict[str, float] = {}

    @property
    def objective_name(self) -> str:
        """What is minimised, for the model card."""
        return ", ".join(f"{weight:g} x {name}" for name, weight in self.weights.items() if weight > 0.0)

    def constructor_trees(self) -> dict[str, Any]:
        """The model's constructor tree."""
        return {"controller": self.model.config()}

    def setup(self, stage: str) -> None:
        """Refuse data that the model does not fit."""
        self.check_data(getattr(self.trainer, "datamodule", None))

    def check_data(self, data: Any) -> None:
        """Refuse a data module at another rate or level, too short, or without what the losses need.

        Raises:
            ArgumentError: what does not fit, with both values.
        """
        for name, own in (("sample_rate", self.model.sample_rate), ("track_lufs", self.model.track_lufs)):
            if (given := getattr(data, name, own)) != own:
                raise ArgumentError(f"the data has {name} {given:g} and the model {own:g}: set both alike")
        if isinstance(data, DescribedSongDataModule):
            self._check_described()
        drawing = getattr(data, "drawing", {})
        samples = round(drawing.get("segment_s", 1e9) * self.model.sample_rate)
        if samples < self.model.conditioning.shortest:
            shortest_s = self.model.conditioning.shortest / self.model.sample_rate
            raise ArgumentError(f"segment_s={drawing['segment_s']:g} is too short: this model needs {shortest_s:.2f} s")
        if drawing.get("reference") == "other_song" and not self.weights["style"] + self.weights["embedding"]:
            raise ArgumentError(
                "with reference other_song there is no true mix: give style_weight or embedding_weight, the others "
                "count in method 1 only"
            )

    def _check_described(self) -> None:
        """Refuse what cannot be learned from descriptions."""
        others = [name for name, weight in self.weights.items() if weight and name != "settings"]
        if others:
            raise ArgumentError(f"descriptions of mixes teach settings alone: set {others[0]}_weight to 0")
        if not self.model.conditioning.frozen:
            raise ArgumentError("descriptions of mixes are of a frozen encoder: set tuned to false")

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss, a scalar, of one batch."""
        if "heard" in batch:
            return self._learn_described(batch)
        audible = any(weight for name, weight in self.weights.items() if name != "settings")
        passage = self._passage(batch, self._training_generator(batch), audible)
        terms = self._terms(passage, self._find(passage), set(self._weighed(passage)))
        loss = self._weigh(passage, terms)
        self._log("train", {name: term.detach() for name, term in terms.items()} | {"loss": loss.detach()}, batch)
        self._check_finite(loss)
        return loss

    def _learn_described(self, batch: dict[str, Any]) -> Tensor:
        settings = self.described_loss(batch)
        loss = settings.float() * self.weights["settings"]
        self._log("train", {"settings": settings.detach(), "loss": loss.detach()}, batch)
        self._check_finite(loss)
        return loss

    def described_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Loss on the settings, a scalar, of mixes that were described before: a batch of `DescribedSongs`."""
        count = int(batch["mask"].sum(1).max())
        mask, asked = batch["mask"][:, :count], batch["asked"][:, :count] if "asked" in batch else None
        console = self.model.console
        found = self.model(batch["tracks"][:, :count], batch["heard"], mask, asked)
        estimate = console.denormalize(found.tracks, found.buses, found.master)
        truth = console.denormalize(batch["truth_tracks"][:, :count], batch["truth_buses"], batch["truth_master"])
        settings: Tensor = self.settings_loss(estimate, truth, mask)
        return settings

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log what the model reaches on one validation batch, and what tracks of equal loudness do."""
        self._compare("validation", batch, batch_idx)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test songs, logged as ``test/…``."""
        self._compare("test", batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Keep the figures for the model card, and the ratio to equal loudness of every validation."""
        self._keep_measured()
        if "validation/loss_ratio" in self.measured:
            self.loss_ratios[str(self.global_step)] = self.measured["validation/loss_ratio"]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Record what the training went on from, and how validation went."""
        super().on_save_checkpoint(checkpoint)
        record = checkpoint["fxrep"]["training"]
        record |= {"loss_ratio_at_step": dict(self.loss_ratios)} if self.loss_ratios else {}
        record |= {"began_with": self.began_with} if self.began_with else {}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the last figures, and those before."""
        super().on_load_checkpoint(checkpoint)
        self.loss_ratios = dict(checkpoint.get("fxrep", {}).get("training", {}).get("loss_ratio_at_step", {}))

    def estimate(self, passage: Passage) -> ConsoleTensors:
        """The settings that the model finds for a passage."""
        return self.model.console.denormalize(*self._find(passage))

    def _find(self, passage: Passage) -> tuple[Tensor, Tensor, Tensor]:
        """Positions of all settings, as `MixingConsole.denormalize` takes them."""
        conditioning = self.model.conditioning
        described = self.described(passage.tracks, passage.mask, passage.stem, passage.start_ms)
        heard = conditioning.describe_reference(passage.reference)
        found = self.model(described, heard, passage.mask, conditioning.ask(passage.reference, described))
        return found.tracks, found.buses, found.master

    def _passage(self, batch: dict[str, Any], generator: torch.Generator, with_target: bool = True) -> Passage:
        if "reference" in batch:
            return other_song(batch)
        return known_mix(batch, self.model, self.prior, generator, with_target)

    def _terms(self, passage: Passage, positions: tuple[Tensor, Tensor, Tensor], names: set[str]) -> dict[str, Tensor]:
        """The losses of these names, scalars, not weighted."""
        terms: dict[str, Tensor] = {}
        rate, console = self.model.sample_rate, self.model.console
        if "settings" in names and passage.truth is not None:
            terms["settings"] = self.settings_loss(console.denormalize(*positions), passage.truth, passage.mask)
        if not names - {"settings"}:
            return terms
        tracks, buses, master = (limit_gradient(one, STEEPEST / len(one)) for one in positions)
        settings = console.denormalize(tracks, buses, master)
        mix = normalize_loudness(console.render(passage.tracks, settings, rate, passage.mask), rate, REFERENCE_LUFS)
        wanted = passage.reference if passage.target is None else passage.target
        if "stft" in names and passage.target is not None:
            terms["stft"] = self.stft(mix, passage.target)
        if "style" in names:
            terms["style"] = self.style(mix, wanted)
        if "embedding" in names and self.embedding:
            terms["embedding"] = self.embedding[0].to(mix.device)(mix, wanted)
        return terms

    def _weighed(self, passage: Passage) -> list[str]:
        """The losses that count for a passage."""
        known = passage.truth is not None
        return [name for name, weight in self.weights.items() if weight and (known or name in ("style", "embedding"))]

    def _weigh(self, passage: Passage, terms: dict[str, Tensor]) -> Tensor:
        return torch.stack([self.weights[name] * terms[name].float() for name in self._weighed(passage)]).sum()

    @torch.no_grad()
    def _compare(self, stage: str, batch: dict[str, Any], batch_idx: int) -> None:
        passage = self._passage(batch, self._generator(stage, batch_idx))
        names = set(self.weights) - ({"embedding"} if not self.embedding else set())
        found = self._terms(passage, self._find(passage), names)
        equal = self._terms(passage, self._neutral(passage), names)
        values = found | {"loss": self._weigh(passage, found)}
        values |= {f"equal_loudness_{name}": term for name, term in equal.items()}
        values["loss_ratio"] = values["loss"] / self._weigh(passage, equal)
        if isinstance(getattr(self.trainer, "datamodule", None), SongsInTurnsDataModule):
            task = "other_song" if passage.truth is None else "same_song"
            values |= {f"{task}_{name}": value for name, value in values.items()}
        self._log(stage, values, batch)

    def _neutral(self, passage: Passage) -> tuple[Tensor, Tensor, Tensor]:
        """Positions of a console at its defaults."""
        console, (batch, count) = self.model.console, passage.mask.shape
        tracks, buses, master = (
            one.to(passage.tracks) for one in console.normalize(console.default_settings(["track"]))
        )
        return tracks.expand(batch, count, -1), buses.expand(batch, -1), master.expand(batch, -1)

    def _log(self, stage: str, values: dict[str, Tensor], batch: dict[str, Any]) -> None:
        items = len(batch["mask"])
        self.log_dict({f"{stage}/{name}": value for name, value in values.items()}, batch_size=items)
        if stage == "train":
            self.log("loss", values["loss"], prog_bar=True, logger=False, batch_size=items)


def _embedding_loss(model: DiffMST) -> EmbeddingLoss:
    conditioning = model.conditioning
    if not isinstance(conditioning, EmbeddingConditioning) or conditioning.tuned:
        raise ArgumentError("embedding_weight needs a frozen effect encoder in the conditioning: it is what measures")
    return EmbeddingLoss(conditioning.encoder, model.sample_rate)
