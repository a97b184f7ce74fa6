"""Imported by the process that decoders are forked off, so that each of them begins with what all need.

What measures loudness is compiled there, or loaded as an earlier process compiled it: a decoder would take the time and
the memory from what its recording may have. And all of them work on one thread, since the stacks of more, one for each
processor, would be taken from that memory too.
"""

from __future__ import annotations

from contextlib import suppress

import torch

from fxrep.audio import LoudnessStream

torch.set_num_threads(1)
with suppress(OSError):  # nowhere to keep what was compiled: every decoder does it again
    LoudnessStream(8000).add(torch.zeros(2, 1600))
