"""Audio effects that are what they say: tested against closed forms, differentiable, the same at any batch size."""

from __future__ import annotations

from fxrep.effects.chain import ChainEffect, EffectChain
from fxrep.effects.chain_rendering import render_settings
from fxrep.effects.chain_settings import Settings, load_settings, save_settings
from fxrep.effects.chains import CHAINS, create_chain, default_chain, koo_chain
from fxrep.effects.dynamics import Compressor, compressor
from fxrep.effects.equalizer import ParametricEQ, parametric_eq
from fxrep.effects.level import Gain, gain
from fxrep.effects.panning import Panner, pan_gains, panner
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.recorded_room import ConvolutionReverb, convolution_reverb
from fxrep.effects.registry import PROCESSORS, create_processor
from fxrep.effects.reverb import NoiseShapedReverb, noise_shaped_reverb
from fxrep.effects.waveshaping import Saturation, saturation
from fxrep.effects.width import StereoWidth, stereo_width

__all__ = [
    "CHAINS",
    "PROCESSORS",
    "ChainEffect",
    "Choice",
    "Compressor",
    "ConvolutionReverb",
    "EffectChain",
    "Gain",
    "NoiseShapedReverb",
    "Panner",
    "Parameter",
    "ParametricEQ",
    "Processor",
    "Saturation",
    "Settings",
    "StereoWidth",
    "compressor",
    "convolution_reverb",
    "create_chain",
    "create_processor",
    "default_chain",
    "gain",
    "koo_chain",
    "load_settings",
    "noise_shaped_reverb",
    "pan_gains",
    "panner",
    "parametric_eq",
    "render_settings",
    "saturation",
    "save_settings",
    "stereo_width",
]
