"""All processors by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fxrep.effects.bit_crusher import BitCrusher
from fxrep.effects.clipping import HardClip, SoftClip
from fxrep.effects.de_esser import DeEsser
from fxrep.effects.delay import Delay
from fxrep.effects.drive import TanhDrive, TubeDrive
from fxrep.effects.dynamics import Compressor
from fxrep.effects.equalizer import ParametricEQ
from fxrep.effects.feedback_delay_network import FeedbackDelayNetwork
from fxrep.effects.filters import AllPass, BandPass, HighPass, HighShelf, LowPass, LowShelf, Notch, Peak
from fxrep.effects.gate import Expander, NoiseGate
from fxrep.effects.graphic_equalizer import GraphicEQ, ThirdOctaveEQ
from fxrep.effects.imager import StereoImager
from fxrep.effects.level import Fader, Gain, Polarity
from fxrep.effects.limiter import Limiter
from fxrep.effects.matching_equalizer import FIRMatchingEQ
from fxrep.effects.modulated_delay import Chorus, Flanger, Vibrato
from fxrep.effects.multiband import MultibandCompressor
from fxrep.effects.panning import Balance, Panner
from fxrep.effects.phaser import Phaser
from fxrep.effects.plate_reverb import PlateReverb
from fxrep.effects.processor import Processor
from fxrep.effects.recorded_room import ConvolutionReverb
from fxrep.effects.reverb import NoiseShapedReverb
from fxrep.effects.schroeder_reverb import SchroederReverb
from fxrep.effects.spring_reverb import SpringReverb
from fxrep.effects.transient_shaper import TransientShaper
from fxrep.effects.tremolo import Tremolo
from fxrep.effects.waveshaping import Saturation
from fxrep.effects.width import StereoWidth
from fxrep.errors import ArgumentError

PROCESSORS: dict[str, type[Processor]] = {
    processor.name: processor
    for processor in (
        Gain,
        ParametricEQ,
        Compressor,
        NoiseShapedReverb,
        ConvolutionReverb,
        Panner,
        StereoWidth,
        Saturation,
        Fader,
        Polarity,
        Balance,
        StereoImager,
        SoftClip,
        HardClip,
        TanhDrive,
        TubeDrive,
        BitCrusher,
        Delay,
        Chorus,
        Flanger,
        Vibrato,
        Phaser,
        Tremolo,
        FeedbackDelayNetwork,
        SchroederReverb,
        PlateReverb,
        SpringReverb,
        Limiter,
        Expander,
        NoiseGate,
        MultibandCompressor,
        DeEsser,
        TransientShaper,
        LowPass,
        HighPass,
        BandPass,
        Notch,
        AllPass,
        LowShelf,
        HighShelf,
        Peak,
        GraphicEQ,
        ThirdOctaveEQ,
        FIRMatchingEQ,
    )
}


def create_processor(name: str) -> Processor:
    """Return a new processor by its name.

    Raises:
        ArgumentError: there is none of that name.
    """
    if not isinstance(name, str) or name not in PROCESSORS:
        raise ArgumentError(f"no processor is called {name!r}; choose from {', '.join(PROCESSORS)}")
    return PROCESSORS[name]()


def find_processor(processor: Any) -> Processor:
    """Return a processor itself, or a new one by its name.

    Raises:
        ArgumentError: it is neither, or there is none of that name.
    """
    if isinstance(processor, (Processor, str)):
        return processor if isinstance(processor, Processor) else create_processor(processor)
    if isinstance(processor, type):
        raise ArgumentError(f"{processor.__name__} is a class; give a processor, {processor.__name__}(…), or its name")
    raise ArgumentError(f"{processor!r} is no processor; give one, or its name")


def check_label(label: Any, processor: Processor) -> str:
    """Return what a chain or strip calls a processor: the label, or without one the processor's name.

    Raises:
        ArgumentError: the label is no text, or empty.
    """
    if label is None:
        return processor.name
    if not isinstance(label, str) or not label:
        raise ArgumentError(f"{label!r} cannot be a label of {processor.name}: give letters, or None for its name")
    return label


def check_list(what: str, effects: Any, entry: str) -> Sequence[Any]:
    """Return a list of effects.

    Args:
        what: is made of them, for the message.
        effects: whatever came.
        entry: the class that tells more about one of them.

    Raises:
        ArgumentError: it is no list.
    """
    if not isinstance(effects, (list, tuple)):
        raise ArgumentError(f"{what} is made of a list of names, processors or {entry}; this is {effects!r:.60}")
    return effects
