"""Audio effects that are what they say: tested against closed forms, differentiable, the same at any batch size."""

from __future__ import annotations

from fxrep.effects.bit_crusher import BitCrusher, bit_crusher
from fxrep.effects.black_box import BlackBox
from fxrep.effects.chain import ChainEffect, EffectChain
from fxrep.effects.chain_rendering import render_settings
from fxrep.effects.chain_settings import Settings, load_settings, save_settings
from fxrep.effects.chains import CHAINS, create_chain, default_chain, fx_encoder_plus_plus_chain, koo_chain
from fxrep.effects.clipping import HardClip, SoftClip, hard_clip, soft_clip
from fxrep.effects.console import ConsoleSettings, MixingConsole, dasp_console, default_console
from fxrep.effects.crossovers import BandSplitter, split_bands
from fxrep.effects.de_esser import DeEsser, de_esser
from fxrep.effects.delay import Delay, delay
from fxrep.effects.drive import TanhDrive, TubeDrive, tanh_drive, tube_drive
from fxrep.effects.dynamics import Compressor, compressor
from fxrep.effects.equalizer import Equalizer, ParametricEQ, parametric_eq
from fxrep.effects.feedback_delay_network import FeedbackDelayNetwork, feedback_delay_network
from fxrep.effects.filter_bands import Band
from fxrep.effects.filters import (
    AllPass,
    BandPass,
    HighPass,
    HighShelf,
    LowPass,
    LowShelf,
    Notch,
    Peak,
    all_pass,
    band_pass,
    high_pass,
    high_shelf,
    low_pass,
    low_shelf,
    notch,
    peak,
)
from fxrep.effects.gate import Expander, NoiseGate, expander, noise_gate
from fxrep.effects.graphic_equalizer import GraphicEQ, ThirdOctaveEQ, graphic_eq, third_octave_eq
from fxrep.effects.imager import StereoImager, stereo_imager
from fxrep.effects.level import Fader, Gain, Polarity, fader, gain, polarity
from fxrep.effects.limiter import Limiter, limiter
from fxrep.effects.matching_equalizer import FIRMatchingEQ, fir_matching_eq, matching_curve
from fxrep.effects.modulated_delay import Chorus, Flanger, Vibrato, chorus, flanger, vibrato
from fxrep.effects.multiband import MultibandCompressor, multiband_compressor
from fxrep.effects.panning import Balance, Panner, balance, pan_gains, panner
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.pedalboard_effects import pedalboard_processor, plugin_parameters
from fxrep.effects.phaser import Phaser, phaser
from fxrep.effects.plate_reverb import PlateReverb, plate_reverb
from fxrep.effects.processor import Processor
from fxrep.effects.recorded_room import ConvolutionReverb, convolution_reverb
from fxrep.effects.registry import PROCESSORS, create_processor
from fxrep.effects.reverb import NoiseShapedReverb, noise_shaped_reverb
from fxrep.effects.reverberation import Reverb
from fxrep.effects.schroeder_reverb import SchroederReverb, schroeder_reverb
from fxrep.effects.spring_reverb import SpringReverb, spring_reverb
from fxrep.effects.streaming import stream_blocks
from fxrep.effects.transient_shaper import TransientShaper, transient_shaper
from fxrep.effects.tremolo import Tremolo, tremolo
from fxrep.effects.waveshaping import Saturation, saturation
from fxrep.effects.width import StereoWidth, stereo_width

__all__ = [
    "CHAINS",
    "PROCESSORS",
    "AllPass",
    "Balance",
    "Band",
    "BandPass",
    "BandSplitter",
    "BitCrusher",
    "BlackBox",
    "ChainEffect",
    "Choice",
    "Chorus",
    "Compressor",
    "ConsoleSettings",
    "ConvolutionReverb",
    "DeEsser",
    "Delay",
    "EffectChain",
    "Equalizer",
    "Expander",
    "FIRMatchingEQ",
    "Fader",
    "FeedbackDelayNetwork",
    "Flanger",
    "Gain",
    "GraphicEQ",
    "HardClip",
    "HighPass",
    "HighShelf",
    "Limiter",
    "LowPass",
    "LowShelf",
    "MixingConsole",
    "MultibandCompressor",
    "NoiseGate",
    "NoiseShapedReverb",
    "Notch",
    "Panner",
    "Parameter",
    "ParametricEQ",
    "Peak",
    "Phaser",
    "PlateReverb",
    "Polarity",
    "Processor",
    "Reverb",
    "Saturation",
    "SchroederReverb",
    "Settings",
    "SoftClip",
    "SpringReverb",
    "StereoImager",
    "StereoWidth",
    "TanhDrive",
    "ThirdOctaveEQ",
    "TransientShaper",
    "Tremolo",
    "TubeDrive",
    "Vibrato",
    "all_pass",
    "balance",
    "band_pass",
    "bit_crusher",
    "chorus",
    "compressor",
    "convolution_reverb",
    "create_chain",
    "create_processor",
    "dasp_console",
    "de_esser",
    "default_chain",
    "default_console",
    "delay",
    "expander",
    "fader",
    "feedback_delay_network",
    "fir_matching_eq",
    "flanger",
    "fx_encoder_plus_plus_chain",
    "gain",
    "graphic_eq",
    "hard_clip",
    "high_pass",
    "high_shelf",
    "koo_chain",
    "limiter",
    "load_settings",
    "low_pass",
    "low_shelf",
    "matching_curve",
    "multiband_compressor",
    "noise_gate",
    "noise_shaped_reverb",
    "notch",
    "pan_gains",
    "panner",
    "parametric_eq",
    "peak",
    "pedalboard_processor",
    "phaser",
    "plate_reverb",
    "plugin_parameters",
    "polarity",
    "render_settings",
    "saturation",
    "save_settings",
    "schroeder_reverb",
    "soft_clip",
    "split_bands",
    "spring_reverb",
    "stereo_imager",
    "stereo_width",
    "stream_blocks",
    "tanh_drive",
    "third_octave_eq",
    "transient_shaper",
    "tremolo",
    "tube_drive",
    "vibrato",
]
