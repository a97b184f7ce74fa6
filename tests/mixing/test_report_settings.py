"""The list of settings in the report can be typed into `edit`."""

from __future__ import annotations

from fxrep.effects.console import default_console
from fxrep.mixing.report_settings import changed_settings


def test_what_is_listed_leads_back_to_the_settings() -> None:
    neutral = default_console(groups=["kit"]).default_settings(["vocals", "kit", "reverb"])
    edits = [
        ("vocals", "compressor.ratio", 2.5),
        ("vocals", "sends.delay", -12.5),
        ("track:kit", "panner.pan", -0.25),
        ("track:reverb", "fader.gain_db", -3.0),
        ("group:kit", "fader.gain_db", 1.5),
        ("bus:reverb", "noise_shaped_reverb.decay_s", 2.5),
        ("master", "limiter.ceiling_db", -1.0),
    ]
    settings = neutral.edit("track:kit", "group", "kit")
    for place, path, value in edits:
        settings = settings.edit(place, path, value)
    listed = {(place, path): value for place, path, value in changed_settings(settings)}
    assert listed.pop(("track:kit", "group")) == "kit"
    assert set(listed) == {(place, path) for place, path, _ in edits}
    again = neutral.edit("track:kit", "group", "kit")
    for (place, path), value in listed.items():
        again = again.edit(place, path, float(value.split()[0].replace("−", "-")))
    assert again == settings
    assert list(changed_settings(neutral)) == []
    assert listed["vocals", "sends.delay"] == "−12.5 dB"
