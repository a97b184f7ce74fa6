"""What other projects' checkpoints hold: the names of their tensors, and the encoder of ours that each belongs to.

Known are names and shapes alone, from the published packages and descriptions; no code of theirs is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from encoders.afx_rep import AFxRepEncoder
from encoders.base import EffectEncoder
from encoders.fx_encoder_plus_plus import FxEncoderPlusPlus
from encoders.fx_encoder_plus_plus_body import FxEncoderPlusPlusBody
from encoders.queries import ClapQueries
from fxrep.errors import ArgumentError

_BLOCK_LAYERS = {"conv1": 0, "bn1": 1, "conv2": 3, "bn2": 4}
_NORMALISATION = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_LINEAR = ("weight", "bias")


@dataclass(frozen=True)
class ReleasedFormat:
    """The checkpoints of one project.

    Attributes:
        name: what users call it.
        build: makes our encoder, of the size that a checkpoint tells.
        names: our name of every tensor to theirs.
        front_end: prefix of the weights of their Fourier transform and mel filters, which ours must equal.
        beside: prefixes of what they hold beside the encoder, which is left out.
        licence: SPDX name of the weights' licence.
        note: who made the weights, and what their licence asks.
    """

    name: str
    build: Callable[[], EffectEncoder]
    names: dict[str, str]
    front_end: str
    beside: tuple[str, ...]
    licence: str
    note: str


def released_format(name: str, embedding: str = "projection", clap: str | None = None) -> ReleasedFormat:
    """A format by name.

    Args:
        name: one of `FORMATS`.
        embedding: of Fx-Encoder++: ``"projection"``, 128 values, or ``"body"``, the 2048 before it.
        clap: of Fx-Encoder++: folder of a CLAP model for queries, see `ClapQueries`; None for an encoder without.

    Raises:
        ArgumentError: there is no such format, or it does not have what is asked for.
    """
    if name not in FORMATS:
        raise ArgumentError(f"no format {name!r}: choose from {', '.join(FORMATS)}")
    if embedding not in ("projection", "body"):
        raise ArgumentError(f"embedding is {embedding!r}: choose projection (128 values) or body (2048)")
    if name == "afx_rep" and (embedding != "projection" or clap is not None):
        raise ArgumentError("embedding and clap are of the format fx_encoder_plus_plus: leave them out for afx_rep")
    if embedding == "body" and clap is not None:
        raise ArgumentError("queries go with the projection: leave out clap, or the embedding body")
    return FORMATS[name](embedding, clap)


def _fx_encoder_plus_plus(embedding: str, clap: str | None) -> ReleasedFormat:
    names = _cnn14_names("fx_encoder.") | _layer("convolutions.linear", "fx_encoder.fc_1", _LINEAR)
    beside = ["fx_encoder.bn0.", "fx_encoder_transform.", "logit_scale_", "audio_clap_model.", "text_clap_model."]
    if embedding == "projection":
        for place in (0, 2):
            names |= _layer(f"projection.{place}", f"fx_encoder_projection.{place}", _LINEAR)
    else:
        beside.append("fx_encoder_projection.")
    if clap is not None:
        for place in (0, 2, 4):
            names |= _layer(f"extractor.layers.{place}", f"extractor.fusion.{place}", _LINEAR)
    else:
        beside.append("extractor.")

    def build() -> EffectEncoder:
        if embedding == "body":
            return FxEncoderPlusPlusBody()
        return FxEncoderPlusPlus(queries=None if clap is None else ClapQueries(clap))

    return ReleasedFormat(
        "fx_encoder_plus_plus",
        build,
        names,
        "fx_encoder.",
        tuple(beside),
        "CC-BY-NC-4.0",
        "weights of Fx-Encoder++ by Y.-T. Yeh et al. (arXiv 2507.02273) under CC BY-NC 4.0: name the authors, no "
        "commercial use; https://creativecommons.org/licenses/by-nc/4.0/",
    )


def _afx_rep(embedding: str, clap: str | None) -> ReleasedFormat:
    names = _cnn14_names("encoder.")
    for ours, theirs in (("mid", "fc_mid"), ("side", "fc_side")):
        names |= _layer(ours, f"encoder.{theirs}", _LINEAR)
    return ReleasedFormat(
        "afx_rep",
        AFxRepEncoder,
        names,
        "encoder.",
        ("encoder.bn0.", "instance_estimator.", "preset_estimator.", "discriminator."),
        "NOASSERTION",
        "weights of AFx-Rep by C. J. Steinmetz et al. (arXiv 2410.21233): the program is under Apache-2.0, what holds "
        "for the weights is said where they were taken from",
    )


def _cnn14_names(prefix: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for block in range(6):
        for theirs, place in _BLOCK_LAYERS.items():
            entries = _NORMALISATION if theirs.startswith("bn") else ("weight",)
            names |= _layer(
                f"convolutions.blocks.{block}.layers.{place}", f"{prefix}conv_block{block + 1}.{theirs}", entries
            )
    return names


def _layer(ours: str, theirs: str, entries: Iterable[str]) -> dict[str, str]:
    return {f"{ours}.{entry}": f"{theirs}.{entry}" for entry in entries}


FORMATS: dict[str, Callable[[str, str | None], ReleasedFormat]] = {
    "fx_encoder_plus_plus": _fx_encoder_plus_plus,
    "afx_rep": _afx_rep,
}
