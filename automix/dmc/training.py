"""The training of a Differentiable Mixing Console: mix the tracks of a song as they were mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from automix.dmc.losses import OF_MIXES, MixLosses, curve_loss, gain_error, gain_loss, neutral_loss, weigh
from automix.dmc.model import UNKNOWN, DifferentiableMixingConsole
from automix.dmc.passages import Passage, fewer_tracks, own_mix
from automix.dmc.release import take_weights
from automix.dmc.remembering import fill_memory
from automix.dmc.spoiling import find_equalizer, spoil
from automix.dmc.training_checks import check_controls, check_data, embedding_encoder
from automix.dmc.transformation import ExactEffects, Transformation
from encoders.training.described_tracks import DescribedTracks
from encoders.training.seeded_training import SeededTraining
from fxrep.audio import normalize_loudness
from fxrep.effects.console import ConsoleTensors
from fxrep.errors import ArgumentError
from fxrep.mixing.recordings import REFERENCE_LUFS


class DMCTraining(SeededTraining):
    """Train on songs whose own mix is known (batches of `SongDataset` with the reference ``own_mix``).

    Both mixes are brought to -16 LUFS before they are compared, so that the level of the whole is left to whoever
    listens. Losses of weight 0 are not computed; where none of the mixes has a weight, nothing is rendered.

    Args:
        model: what to train.
        transformation: what mixes are made with, and so where gradients come from: `ExactEffects` (None),
            `ProxyEffects` or `BlackBoxEffects`. In validation proxies leave the work to the effects.
        l1_weight: of the samples.
        stft_weight: of the multi-resolution STFT loss.
        sum_and_difference_weight: of the same of mid and side.
        si_sdr_weight: of the scale-invariant ratio of signal to distortion.
        style_weight: of the production-style loss.
        embedding_weight: of the distance in the space of the encoder's effect encoder.
        gain_weight: of the levels themselves, in songs whose gains are known.
        curve_weight: of the equalisers themselves, in the same songs: flat, or what brings a `spoiled` track back.
        neutral_weight: of how far settings are from where they started; faders and panners of the tracks are free.
        subsets: in how many choices of fewer tracks the levels are compared too, which costs next to nothing.
        spoiled: share of the tracks that are filtered at random before the model hears them.
        swapped: share of the songs whose channels are exchanged.
        style_dropout: share of the songs whose style is not told, for a model that takes one.
        instrument_dropout: share of the songs of which the network is not told what plays.
        memory_passages: drawn to fill the model's memory of levels before the first step, where it has one and it is
            empty.
        stft_form: ``published`` or ``log_linear``, see `StftLoss`.
        style_form: ``corrected`` or ``published``, see `ProductionStyleLoss`.
        initial: weights to start from: a checkpoint of such a training, or a release folder.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all that is drawn; the command line sets it to ``seed_everything``.

    Raises:
        ArgumentError: no loss has a weight, a share is out of range, or a part is missing that a loss needs.
        CheckpointError: `initial` cannot be read, or does not fit the model.
    """

    def __init__(
        self,
        model: DifferentiableMixingConsole,
        transformation: Transformation | None = None,
        l1_weight: float = 0.0,
        stft_weight: float = 1.0,
        sum_and_difference_weight: float = 0.0,
        si_sdr_weight: float = 0.0,
        style_weight: float = 0.0,
        embedding_weight: float = 0.0,
        gain_weight: float = 0.0,
        curve_weight: float = 0.0,
        neutral_weight: float = 0.0,
        subsets: int = 0,
        spoiled: float = 0.0,
        swapped: float = 0.5,
        style_dropout: float = 0.5,
        instrument_dropout: float = 0.3,
        memory_passages: int = 128,
        stft_form: Literal["published", "log_linear"] = "log_linear",
        style_form: Literal["corrected", "published"] = "corrected",
        initial: str | None = None,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.05,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 30,
        seed: int = 0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, betas, warmup_steps, seed)
        weights = (l1_weight, stft_weight, sum_and_difference_weight, si_sdr_weight, style_weight, embedding_weight)
        self.weights = dict(zip(OF_MIXES, weights, strict=True))
        self.weights |= {"gain": gain_weight, "curve": curve_weight, "neutral": neutral_weight}
        if min(self.weights.values()) < 0.0 or not any(self.weights.values()):
            raise ArgumentError(f"weights of the losses are {self.weights}: give 0 or more, and at least one above 0")
        shares = {"spoiled": spoiled, "swapped": swapped, "style_dropout": style_dropout}
        shares["instrument_dropout"] = instrument_dropout
        if min(subsets, memory_passages) < 0 or not all(0.0 <= share <= 1.0 for share in shares.values()):
            raise ArgumentError(
                f"subsets={subsets}, memory_passages={memory_passages}, {shares}: expected 0 or more, and shares from "
                "0 to 1"
            )
        self.model = model
        if spoiled or curve_weight:
            find_equalizer(model.console.track)
        self.losses = MixLosses(
            model.sample_rate, stft_form, style_form, embedding_encoder(model) if embedding_weight else None
        )
        self.subsets, self.memory_passages, self.shares = subsets, memory_passages, shares
        self.remembered: dict[str, float] = {}
        exchange = ExactEffects() if transformation is None else transformation
        self.mixing = exchange.console_for(model.console, model.sample_rate)
        check_controls(model, self.mixing, self.weights)
        self.described = DescribedTracks(model.encoder.describe, model.encoder.frozen)
        if initial is not None:
            take_weights(model, initial)

    @property
    def objective_name(self) -> str:
        """What is minimised, for the model card."""
        return ", ".join(f"{weight:g} x {name}" for name, weight in self.weights.items() if weight > 0.0)

    def constructor_trees(self) -> dict[str, Any]:
        """The model's constructor tree."""
        return {"dmc": self.model.config()}

    def setup(self, stage: str) -> None:
        """Refuse data that the model does not fit."""
        self.check_data(getattr(self.trainer, "datamodule", None))

    def check_data(self, data: Any) -> None:
        """Refuse a data module that the model does not fit, see `training_checks.check_data`."""
        check_data(self.model, data)

    def on_fit_start(self) -> None:
        """Fill the memory of levels, once; every process draws the same passages."""
        memory, data = self.model.memory, getattr(self.trainer, "datamodule", None)
        if memory is None or not memory.is_empty or not self.memory_passages or data is None:
            return
        songs = data.training_songs()
        self.remembered = fill_memory(
            memory, songs, self.memory_passages, self.model.sample_rate, self.describe, self.device
        )

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss, a scalar, of one batch."""
        generator = self._training_generator(batch)
        swapped = torch.rand(len(batch["mask"]), generator=generator) < self.shares["swapped"]
        passage = own_mix(batch, self.model.sample_rate, swapped)
        if share := self.shares["spoiled"]:
            passage = spoil(passage, self.model.console.track, self.model.sample_rate, share, generator)
        named = torch.rand(len(passage.mask), generator=generator) >= self.shares["instrument_dropout"]
        passage.instrument = passage.instrument.masked_fill(~named.to(passage.mask.device)[:, None], UNKNOWN)
        told = torch.rand(len(passage.mask), generator=generator) >= self.shares["style_dropout"]
        described = self.describe(passage)
        terms = self.terms(passage, described, told.to(passage.mask.device), self._weighed())
        if self.subsets and "gain" in terms:
            terms["gain"] = self._more_gains(passage, described, terms["gain"], generator)
        loss = weigh(terms, self.weights)
        self._log("train", {name: term.detach() for name, term in terms.items()} | {"loss": loss.detach()}, batch)
        self._check_finite(loss)
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log what the model reaches on one validation batch, and what tracks of equal loudness do."""
        self._compare("validation", batch)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test songs, logged as ``test/…``."""
        self._compare("test", batch)

    def on_validation_epoch_end(self) -> None:
        """Keep the figures for the model card."""
        self._keep_measured()
        self.measured |= self.remembered

    def describe(self, passage: Passage) -> Tensor:
        """What the encoder says of the tracks, (B, N, F); of those on file it is kept."""
        described = self.described(passage.tracks, passage.mask, passage.stem, passage.start_ms)
        if passage.spoiled is None or not bool(passage.spoiled.any()):
            return described
        rows = self.model.encoder.describe(passage.tracks[passage.spoiled])
        return described.masked_scatter(passage.spoiled[..., None], rows)

    def terms(self, passage: Passage, described: Tensor, told: Tensor, names: set[str]) -> dict[str, Tensor]:
        """The losses of these names, scalars, not weighted.

        Args:
            passage: to be mixed.
            described: (B, N, F), its tracks.
            told: (B,) booleans, which songs' style is told.
            names: of the losses.
        """
        style = self.model.encoder.embed_style(passage.target) if self.model.style_dim and bool(told.any()) else None
        positions: tuple[Tensor, Tensor] = self.model(described, passage.mask, style, told, passage.instrument)
        settings = self.model.settings(positions[0], positions[1], passage.mask)
        terms = self._of_mix(passage, settings, names)
        if "gain" in names:
            terms["gain"] = gain_loss(gain_error(settings, passage))
        if "curve" in names:
            terms["curve"] = curve_loss(self.model, settings, passage)
        if "neutral" in names:
            terms["neutral"] = neutral_loss(self.model, positions, passage.mask)
        if "gain_error_db" in names:
            terms["gain_error_db"] = _root_mean_square(gain_error(settings, passage))
        return terms

    def _of_mix(self, passage: Passage, settings: ConsoleTensors, names: set[str]) -> dict[str, Tensor]:
        if not names & set(OF_MIXES):
            return {}
        rate = self.model.sample_rate
        mix = self.mixing.render(passage.tracks, settings, rate, passage.mask)
        return self.losses.terms(normalize_loudness(mix, rate, REFERENCE_LUFS), passage.target, names)

    def _more_gains(self, passage: Passage, described: Tensor, first: Tensor, generator: torch.Generator) -> Tensor:
        """The mean loss of the levels over the passage and some choices of fewer of its tracks."""
        found = [first]
        for _ in range(self.subsets):
            mask = fewer_tracks(passage.mask, generator)
            positions: tuple[Tensor, Tensor] = self.model(described, mask, instruments=passage.instrument)
            settings = self.model.settings(positions[0], positions[1], mask)
            found.append(gain_loss(gain_error(settings, passage, mask)))
        return torch.stack(found).mean()

    def _weighed(self) -> set[str]:
        return {name for name, weight in self.weights.items() if weight}

    @torch.no_grad()
    def _compare(self, stage: str, batch: dict[str, Any]) -> None:
        passage = own_mix(batch, self.model.sample_rate)
        described, nobody = self.describe(passage), torch.zeros(len(passage.mask), dtype=torch.bool)
        names = self._weighed() | {"stft", "style", "gain_error_db"}
        nobody = nobody.to(passage.mask.device)
        found = self.terms(passage, described, nobody, names)
        equal = self._equal_loudness(passage, names)
        values = found | {"loss": weigh(found, self.weights)}
        values |= {f"equal_loudness_{name}": term for name, term in equal.items()}
        values["loss_ratio"] = values["loss"] / weigh(equal, self.weights)
        if self.model.style_dim:
            styled = self.terms(passage, described, ~nobody, names)
            values["styled_loss_ratio"] = weigh(styled, self.weights) / weigh(equal, self.weights)
        self._log(stage, values, batch)

    def _equal_loudness(self, passage: Passage, names: set[str]) -> dict[str, Tensor]:
        """The losses of tracks that are left as they are."""
        settings = self.model.controls.neutral(len(passage.mask), passage.mask.shape[1], passage.mask.device)
        terms = self._of_mix(passage, settings, names)
        error = gain_error(settings, passage)
        terms |= {"gain": gain_loss(error), "gain_error_db": _root_mean_square(error)}
        if "curve" in names:
            terms["curve"] = curve_loss(self.model, settings, passage)
        return terms

    def _log(self, stage: str, values: dict[str, Tensor], batch: dict[str, Any]) -> None:
        items = len(batch["mask"])
        self.log_dict({f"{stage}/{name}": value.float() for name, value in values.items()}, batch_size=items)
        if stage == "train":
            self.log("loss", values["loss"].float(), prog_bar=True, logger=False, batch_size=items)


def _root_mean_square(values: Tensor) -> Tensor:
    return values.square().mean().sqrt() if len(values) else values.sum()
