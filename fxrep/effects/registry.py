"""All processors by name."""

from __future__ import annotations

from fxrep.effects.dynamics import Compressor
from fxrep.effects.equalizer import ParametricEQ
from fxrep.effects.level import Gain
from fxrep.effects.panning import Panner
from fxrep.effects.processor import Processor
from fxrep.effects.recorded_room import ConvolutionReverb
from fxrep.effects.reverb import NoiseShapedReverb
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
    )
}


def create_processor(name: str) -> Processor:
    """Return a new processor by its name.

    Raises:
        ArgumentError: there is none of that name.
    """
    if name not in PROCESSORS:
        raise ArgumentError(f"no processor is called {name!r}; choose from {', '.join(PROCESSORS)}")
    return PROCESSORS[name]()
