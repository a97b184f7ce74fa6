"""How much of a track goes to a shared bus."""

from __future__ import annotations

from fxrep.effects.level import FADER_BOTTOM_DB, fader_gain
from fxrep.effects.parameters import Parameter

# The law of a fader, but off by default: at the bottom nothing is sent, exactly.
SEND = Parameter("send_db", "dB", FADER_BOTTOM_DB, 12.0, "db", FADER_BOTTOM_DB)
send_gain = fader_gain
