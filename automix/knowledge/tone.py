"""Rules of equalisers and compressors. Each changes a strip and says what it did and why."""

from __future__ import annotations

from automix.knowledge.hearing import BANDS_HZ, Heard, mean_level, strongest_band
from automix.knowledge.rules import InstrumentRule, Rules
from fxrep.effects.console.settings import StripSettings

# A high-pass stays this far under the lowest sound, and one below the least is left out.
_UNDER, _LEAST_HZ = 0.7, 25.0
_MUD_Q, _MASKED_Q = 1.0, 1.4
_LEAST_CUT_DB, _LEAST_REDUCTION_DB = 0.5, 0.5
# Excess of the crest factor that asks for the whole ratio.
_WHOLE_RATIO_DB = 6.0
_KNEE_DB = 6.0


def cut_rumble(strip: StripSettings, rule: InstrumentRule, heard: Heard) -> str | None:
    """High-pass under what the track plays, no higher than the rule allows."""
    wanted = min(rule.high_pass_hz, _UNDER * heard.lowest_hz)
    if wanted < _LEAST_HZ:
        return None
    strip["parametric_eq"]["high_pass_hz"] = wanted
    return f"high-pass at {wanted:.0f} Hz, since 99 % of its energy lies above {heard.lowest_hz:.0f} Hz"


def cut_mud(strip: StripSettings, rules: Rules, rule: InstrumentRule, heard: Heard) -> str | None:
    """Take down the low mids by half of what they stick out."""
    low, high = rules.general["mud_hz"]
    around = (mean_level(heard, low / 2, low) + mean_level(heard, high, 2 * high)) / 2.0
    excess = mean_level(heard, low, high) - around
    if not rule.mud or excess <= rules.general["mud_excess_db"]:
        return None
    cut = min(excess / 2.0, rules.general["largest_cut_db"])
    frequency = float(BANDS_HZ[strongest_band(heard, low, high)])
    _set_peak(strip, "peak_1", frequency, -cut, _MUD_Q)
    return (
        f"{-cut:.1f} dB at {frequency:.0f} Hz, since {low} to {high} Hz is {excess:.1f} dB over the octaves beside it"
    )


def make_room(
    strip: StripSettings, rules: Rules, heard: Heard, lead: Heard, over_db: float, lead_name: str
) -> str | None:
    """Take down a track where it covers a lead.

    Args:
        strip: of the track.
        rules: all.
        heard: the track.
        lead: the lead, at the same loudness.
        over_db: how much louder than the lead the track will be.
        lead_name: for the words.
    """
    low, high = rules.general["masked_hz"]
    band = strongest_band(lead, low, high)
    excess = float(heard.bands_db[band] - lead.bands_db[band]) + over_db + rules.general["masking_margin_db"]
    cut = min(excess / 2.0, rules.general["largest_cut_db"])
    if cut < _LEAST_CUT_DB:
        return None
    frequency = float(BANDS_HZ[band])
    _set_peak(strip, "peak_3", frequency, -cut, _MASKED_Q)
    distance = excess - rules.general["masking_margin_db"]
    return (
        f"{-cut:.1f} dB at {frequency:.0f} Hz, where {lead_name} is strongest and this track is {abs(distance):.1f} dB "
        f"{'over' if distance > 0 else 'under'} it"
    )


def compress(strip: StripSettings, rules: Rules, rule: InstrumentRule, heard: Heard) -> str | None:
    """Take as much off the peaks as the crest factor is too high; the ratio grows with it.

    With the peak P, the ratio R and the wanted reduction r the threshold is P - r / (1 - 1 / R).
    """
    excess = heard.crest_db - rule.crest_db
    reduction = min(excess, rules.general["largest_reduction_db"])
    if reduction < _LEAST_REDUCTION_DB:
        return None
    ratio = 1.0 + (rule.ratio - 1.0) * min(1.0, 0.5 + 0.5 * excess / _WHOLE_RATIO_DB)
    threshold = max(heard.peak_db - reduction / (1.0 - 1.0 / ratio), -80.0)
    strip["compressor"].update(
        threshold_db=min(threshold, 0.0),
        ratio=ratio,
        attack_ms=rule.attack_ms,
        release_ms=rule.release_ms,
        knee_db=_KNEE_DB,
    )
    return (
        f"compressor {ratio:.1f} : 1 from {threshold:.1f} dB, {rule.attack_ms:g} ms and {rule.release_ms:g} ms, since "
        f"peaks stand {heard.crest_db:.1f} dB over the RMS and {rule.crest_db:g} are wanted"
    )


def _set_peak(strip: StripSettings, band: str, frequency_hz: float, gain_db: float, q: float) -> None:
    strip["parametric_eq"].update({f"{band}_hz": frequency_hz, f"{band}_gain_db": gain_db, f"{band}_q": q})
