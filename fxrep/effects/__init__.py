"""Audio effects that are what they say: tested against closed forms, differentiable, the same at any batch size."""

from __future__ import annotations

from fxrep.effects.bit_crusher import BitCrusher, bit_crusher
from fxrep.effects.chain import ChainEffect, EffectChain
from fxrep.effects.chain_rendering import render_settings
from fxrep.effects.chain_settings import Settings, load_settings, save_settings
from fxrep.effects.chains import CHAINS, create_chain, default_chain, koo_chain
from fxrep.effects.clipping import HardClip, SoftClip, hard_clip, soft_clip
from fxrep.effects.console import ConsoleSettings, MixingConsole, dasp_console, default_console
from fxrep.effects.delay import Delay, delay
from fxrep.effects.drive import TanhDrive, TubeDrive, tanh_drive, tube_drive
from fxrep.effects.dynamics import Compressor, compressor
from fxrep.effects.equalizer import ParametricEQ, parametric_eq
from fxrep.effects.feedback_delay_network import FeedbackDelayNetwork, feedback_delay_network
from fxrep.effects.imager import StereoImager, stereo_imager
from fxrep.effects.level import Fader, Gain, Polarity, fader, gain, polarity
from fxrep.effects.modulated_delay import Chorus, Flanger, Vibrato, chorus, flanger, vibrato
from fxrep.effects.panning import Balance, Panner, balance, pan_gains, panner
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.phaser import Phaser, phaser
from fxrep.effects.plate_reverb import PlateReverb, plate_reverb
from fxrep.effects.processor import Processor
from fxrep.effects.recorded_room import ConvolutionReverb, convolution_reverb
from fxrep.effects.registry import PROCESSORS, create_processor
from fxrep.effects.reverb import NoiseShapedReverb, noise_shaped_reverb
from fxrep.effects.reverberation import Reverb
from fxrep.effects.schroeder_reverb import SchroederReverb, schroeder_reverb
from fxrep.effects.spring_reverb import SpringReverb, spring_reverb
from fxrep.effects.tremolo import Tremolo, tremolo
from fxrep.effects.waveshaping import Saturation, saturation
from fxrep.effects.width import StereoWidth, stereo_width

__all__ = [
    "CHAINS",
    "PROCESSORS",
    "Balance",
    "BitCrusher",
    "ChainEffect",
    "Choice",
    "Chorus",
    "Compressor",
    "ConsoleSettings",
    "ConvolutionReverb",
    "Delay",
    "EffectChain",
    "Fader",
    "FeedbackDelayNetwork",
    "Flanger",
    "Gain",
    "HardClip",
    "MixingConsole",
    "NoiseShapedReverb",
    "Panner",
    "Parameter",
    "ParametricEQ",
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
    "Tremolo",
    "TubeDrive",
    "Vibrato",
    "balance",
    "bit_crusher",
    "chorus",
    "compressor",
    "convolution_reverb",
    "create_chain",
    "create_processor",
    "dasp_console",
    "default_chain",
    "default_console",
    "delay",
    "fader",
    "feedback_delay_network",
    "flanger",
    "gain",
    "hard_clip",
    "koo_chain",
    "load_settings",
    "noise_shaped_reverb",
    "pan_gains",
    "panner",
    "parametric_eq",
    "phaser",
    "plate_reverb",
    "polarity",
    "render_settings",
    "saturation",
    "save_settings",
    "schroeder_reverb",
    "soft_clip",
    "spring_reverb",
    "stereo_imager",
    "stereo_width",
    "tanh_drive",
    "tremolo",
    "tube_drive",
    "vibrato",
]
