"""The mixer that applies the rules: tone and dynamics first, then levels behind them, positions, space, the whole."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

import torch

from automix.knowledge.hearing import Heard, hear_tracks
from automix.knowledge.placing import place_tracks
from automix.knowledge.rules import RULES, InstrumentRule, Rules, load_rules
from automix.knowledge.tone import compress, cut_mud, cut_rumble, make_room
from automix.methods import Explained
from fxrep.audio import SILENCE_LUFS, integrated_loudness
from fxrep.effects.console import ConsoleSettings, default_console
from fxrep.effects.level import FADER_TABLE
from fxrep.errors import ArgumentError
from fxrep.mixing.session import TRACK_LUFS
from fxrep.mixing.tracks import TrackSet

WINDOW_S = 6.0
# The loudness of the lead against the rest is corrected by no more than this.
_MOST_SHIFT_DB = 6.0
_LEAD, _LEAD_VOCAL = 2.0, "vocals"

PARTS = ("levels", "eq", "dynamics", "stereo", "sends", "master")
"""What is decided."""


class KnowledgeMixer:
    """Mixes by rules, as the knowledge-engineered system of De Man and Reiss (AES 135, 2013).

    Instrument and measurements decide: high-pass, mud and masking on the equaliser, compression by the crest factor,
    levels by instrument behind both, drums, bass and lead in the middle and the others balanced around them, sends to
    the reverb. The rules with their sources are data, see `automix.knowledge.rules`. Nothing is drawn.

    Args:
        instruments: by track, for those that are not to be guessed from their names.
        rules: a file of rules; None: those that ship.
        only: which of `PARTS` are decided, a name or a list; the others stay neutral. None: all.

    Attributes:
        console: the project's own.
        track_lufs: LUFS of every track before the console.
        window_s: seconds that are listened to at once.

    Raises:
        ArgumentError: `only` names no part.
        DataError: the rules cannot be read.
    """

    def __init__(
        self,
        instruments: Mapping[str, str] | None = None,
        rules: str | os.PathLike[str] | None = None,
        only: str | Sequence[str] | None = None,
    ) -> None:
        self.parts = list(PARTS if only is None else [only] if isinstance(only, str) else only)
        if unknown := [part for part in self.parts if part not in PARTS]:
            raise ArgumentError(f"only names {unknown[0]!r}: choose from {', '.join(PARTS)}")
        self.rules = load_rules(RULES if rules is None else rules)
        self.instruments = instruments
        self.console = default_console()
        self.track_lufs = TRACK_LUFS
        self.window_s = WINDOW_S

    def estimate(self, tracks: TrackSet, start_s: Sequence[float], seed: int = 0) -> Explained:
        """Return settings with the reason for each.

        Raises:
            ArgumentError: an instrument is unknown, with those that are known, or it is said of no track.
            AudioError: a track cannot be read.
        """
        kinds = self.rules.name_all(tracks.names, self.instruments)
        gains = tracks.input_gain_db(self.track_lufs)
        heard = hear_tracks(tracks, gains, start_s, self.window_s)
        settings = self.console.default_settings(tracks.names)
        wanted = {name: self.rules.instruments[kinds[name]] for name in heard}
        levels, level_words = set_levels(kinds, wanted, self.rules)
        said: dict[str, list[str]] = {name: [level_words[name]] for name in heard}
        if "levels" not in self.parts:
            levels, said = dict.fromkeys(heard, 0.0), {name: [] for name in heard}
        self._set_tone(settings, heard, wanted, levels, said)
        for name, one in heard.items():
            self._set_fader(settings, name, one, levels[name], tracks.sample_rate)
        self._set_space(settings, heard, wanted, levels, said)
        guessed = {name: "as was said" if name in (self.instruments or {}) else "from its name" for name in heard}
        words = [f"{name} ({kinds[name]}, {guessed[name]}): {'; '.join(said[name]) or 'as it is'}." for name in heard]
        words += [f"{name} is silent and left as it is." for name in tracks.names if name not in heard]
        if "master" in self.parts:
            words.append(self._set_master(settings, tracks, gains, start_s))
        used = sorted({rule.source for rule in wanted.values()} | {"pr", "pg"})
        words += [f"Rules: {self.rules.sources[key]}." for key in used if key in self.rules.sources]
        return Explained(settings, words)

    def _set_tone(
        self,
        settings: ConsoleSettings,
        heard: Mapping[str, Heard],
        wanted: Mapping[str, InstrumentRule],
        levels: Mapping[str, float],
        said: dict[str, list[str]],
    ) -> None:
        """Equaliser and compressor of every track."""
        leads = [name for name in heard if wanted[name].priority >= _LEAD]
        lead = max(leads, key=lambda name: (wanted[name].priority, levels[name]), default=None)
        for name, one in heard.items():
            strip, rule = settings.tracks[name], wanted[name]
            found: list[str | None] = []
            if "eq" in self.parts:
                found += [cut_rumble(strip, rule, one), cut_mud(strip, self.rules, rule, one)]
                if lead is not None and rule.priority < _LEAD:
                    over = levels[name] - levels[lead]
                    found.append(make_room(strip, self.rules, one, heard[lead], over, lead))
            if "dynamics" in self.parts:
                found.append(compress(strip, self.rules, rule, one))
            said[name] += [sentence for sentence in found if sentence]

    def _set_space(
        self,
        settings: ConsoleSettings,
        heard: Mapping[str, Heard],
        wanted: Mapping[str, InstrumentRule],
        levels: Mapping[str, float],
        said: dict[str, list[str]],
    ) -> None:
        """Position and reverb send of every track."""
        for name, place in place_tracks(heard, wanted, self.rules, levels).items():
            if "stereo" in self.parts:
                settings.tracks[name]["panner"]["pan"] = place.pan
                where = "in the middle" if place.pan == 0.0 else f"at {place.pan:+.2f}"
                said[name].append(f"{where}, since {place.why}" if place.pan == 0.0 else f"{where}, {place.why}")
            if "sends" in self.parts and (send := wanted[name].reverb_db) is not None:
                settings.sends[name]["reverb"] = send
                said[name].append(f"reverb send {send:g} dB")

    def _set_fader(self, settings: ConsoleSettings, name: str, heard: Heard, level_db: float, rate: int) -> None:
        """Bring a track to its level behind equaliser and compressor.

        The fader stands before both: the threshold moves with it, so that the compressor does the same as before.
        """
        strip = settings.tracks[name]
        with torch.no_grad():
            lost = integrated_loudness(heard.audio, rate) - integrated_loudness(
                self.console.track(heard.audio, rate, strip), rate
            )
        gain = level_db + (float(lost) if math.isfinite(float(lost)) else 0.0)
        gain = min(max(gain, FADER_TABLE[0].minimum), FADER_TABLE[0].maximum)
        strip["fader"]["gain_db"] = gain
        if (strip["compressor"]["ratio"] or 1.0) > 1.0:
            threshold = (strip["compressor"]["threshold_db"] or 0.0) + gain
            strip["compressor"]["threshold_db"] = min(max(threshold, -80.0), 0.0)

    def _set_master(
        self, settings: ConsoleSettings, tracks: TrackSet, gains: Mapping[str, float], start_s: Sequence[float]
    ) -> str:
        """Bring the whole to its loudness."""
        with torch.no_grad():
            parts = [
                self.console.render(tracks.read(start, self.window_s, gains=gains), settings, tracks.sample_rate)[0]
                for start in start_s
            ]
        mix = torch.cat(parts, -1)
        loudness, wanted = float(integrated_loudness(mix, tracks.sample_rate)), self.rules.general["mix_lufs"]
        if loudness <= SILENCE_LUFS:
            return "The mix is silent where was listened: the master is left as it is."
        gain = min(max(wanted - loudness, -60.0), FADER_TABLE[0].maximum)
        settings.master["fader"]["gain_db"] = gain
        peak = 20.0 * math.log10(max(float(mix.abs().max()), 1e-6)) + gain
        return (
            f"Master {gain:+.1f} dB, from {loudness:.1f} to {loudness + gain:.1f} LUFS; peaks reach {peak:+.1f} dBFS."
        )


def set_levels(
    kinds: Mapping[str, str], wanted: Mapping[str, InstrumentRule], rules: Rules
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the level of every track relative to equal loudness, and the reason for it.

    Tracks of one instrument share its level. Where there are vocals, all others move together until they are as loud as
    the rule asks against the vocals, taken as sounds that have nothing to do with each other.

    Args:
        kinds: instrument by track.
        wanted: rules of the tracks that sound.
        rules: all.
    """
    counts = {kind: sum(kinds[name] == kind for name in wanted) for kind in set(kinds.values())}
    levels = {name: rule.level_lu - 10.0 * math.log10(counts[kinds[name]]) for name, rule in wanted.items()}
    words = {}
    for name, rule in wanted.items():
        shared = f", shared by {counts[kinds[name]]} tracks" if counts[kinds[name]] > 1 else ""
        words[name] = f"{levels[name]:+.1f} LU ({kinds[name]} {rule.level_lu:+g} LU against a lead vocal{shared})"
    vocals = sum(10.0 ** (levels[name] / 10.0) for name in wanted if kinds[name] == _LEAD_VOCAL)
    rest = sum(10.0 ** (levels[name] / 10.0) for name in wanted if kinds[name] != _LEAD_VOCAL)
    if vocals and rest:
        shift = 10.0 * math.log10(vocals / rest) - rules.general["lead_to_rest_lu"]
        shift = min(max(shift, -_MOST_SHIFT_DB), _MOST_SHIFT_DB)
        for name in wanted:
            if kinds[name] != _LEAD_VOCAL:
                levels[name] += shift
                words[name] += f", {shift:+.1f} LU with all others, to leave the vocals their place"
    return levels, words
