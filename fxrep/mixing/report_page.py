"""The report as one page that needs nothing else: tables, drawings and style sheet are inside it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import Any

from fxrep.mixing.report import MixReport
from fxrep.mixing.report_charts import clock
from fxrep.mixing.report_measures import SHOWN_DIGITS, nearer_after
from fxrep.mixing.report_pictures import draw_equalizers, draw_levels, draw_panorama, draw_reductions
from fxrep.mixing.report_settings import list_settings
from fxrep.mixing.session import MixSession

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
"""


_DECISIONS_SHOWN = 40


def report_page(session: MixSession, report: MixReport, title: str, pictures: Mapping[str, str] | None = None) -> str:
    """Return the page.

    Args:
        session: the mix.
        report: what was measured of it.
        title: its heading.
        pictures: SVG by name, to be shown as they are.
    """
    style = (resources.files("fxrep.mixing") / "report_style.css").read_text(encoding="utf-8")
    parts = [
        f"<h1>{escape(title)}</h1>",
        _summary(report.values),
        _facts(report.values),
        _decisions(report.values),
        *(_picture(name, svg) for name, svg in (pictures or {}).items()),
        _features(report.values),
        "<h2>Levels</h2>",
        '<p><span class="key from-key">before: all tracks equally loud</span> &nbsp; '
        '<span class="key to-key">after: behind the strip of the track</span></p>',
        draw_levels(report.values),
        "<h2>Panorama</h2>",
        "<p>The point is where the energy of a track lies between the speakers, behind its strip; the bar is its "
        "width: 1 less the correlation of the sides, none for a mono track wherever it lies.</p>",
        draw_panorama(report.values),
        "<h2>Equalisers</h2>",
        draw_equalizers(session),
        "<h2>Gain reduction</h2>",
        draw_reductions(session, report),
        "<h2>Settings</h2>",
        "<p>What is not at its neutral value. All of it stands in console.json, can be edited there, and is heard "
        "after <code>fxrep render console.json</code>.</p>",
        list_settings(session),
    ]
    head = f"{_HEAD}<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
    return f"{head}<body>\n" + "\n".join(parts) + "\n</body>\n</html>\n"


def _summary(values: dict[str, Any]) -> str:
    words = [f"{len(values['tracks'])} tracks", clock(values["duration_s"]), f"{values['sample_rate']} Hz"]
    if "method" in values:
        words.insert(0, f"method {values['method']}")
    if values.get("only"):
        words.append("only " + ", ".join(values["only"]))
    if values.get("strength", 1.0) != 1.0:
        words.append(f"strength {values['strength']:g}")
    if values.get("sections"):
        words.append("sections from " + ", ".join(clock(start) for start in values["sections"]))
    text = f"<p>{escape('; '.join(words))}</p>"
    weights = values.get("references", {})
    if len(weights) == 1:
        text += f"<p>{_wanted(values).capitalize()}: {escape(next(iter(weights)))}</p>"
    elif weights:
        named = ", ".join(f"{name} ({weight:.0%})" for name, weight in weights.items())
        text += f"<p>{_wanted(values).capitalize()}s: {escape(named)}</p>"
    return text


def _wanted(values: dict[str, Any]) -> str:
    """What the mix is compared with: a reference, or what the method calls it."""
    return str(values.get("compared_with") or "reference")


def _decisions(values: dict[str, Any]) -> str:
    """Why the mix is as it is, where the method says it; what is long is folded."""
    decisions = values.get("decisions") or []
    if not decisions:
        return ""
    rows = "".join(f"<li>{escape(str(one))}</li>" for one in decisions)
    opened = " open" if len(decisions) <= _DECISIONS_SHOWN else ""
    return f"<h2>Decisions</h2><details{opened}><summary>{len(decisions)} in all</summary><ol>{rows}</ol></details>"


def _picture(name: str, svg: str) -> str:
    """A picture on paper of its own; what comes before the drawing belongs to files only."""
    drawing = svg[max(svg.find("<svg"), 0) :]
    return f'<figure class="picture">{drawing}<figcaption>details/{escape(name)}</figcaption></figure>'


def _facts(values: dict[str, Any]) -> str:
    loudness, distance = values["loudness"], values["embedding_distance"]
    facts = []
    if distance["after"] is not None:
        facts.append(
            (
                f"{_number(distance['before'], 3)} → {_number(distance['after'], 3)}",
                f"embedding distance to the {_wanted(values)}, before → after",
            )
        )
    if values["features_nearer"]:
        nearer = values["features_nearer"]
        facts.append((f"{nearer['after']} of {nearer['of']}", f"features nearer to the {_wanted(values)} than before"))
    facts.append((f"{_number(loudness['after']['lufs'], 1)} LUFS", "integrated loudness of the mix"))
    facts.append((f"{_number(loudness['after']['peak_dbfs'], 1)} dBFS", "highest sample of the mix"))
    boxes = "".join(f"<div><b>{escape(figure)}</b><span>{escape(words)}</span></div>" for figure, words in facts)
    over = (loudness["after"]["peak_dbfs"] or 0.0) > 0.0
    warning = (
        "<p>The mix passes full scale. mix.wav is floating point and keeps every value; before writing it as integers, "
        "lower the master or give its limiter a ceiling.</p>"
    )
    return f'<div class="facts">{boxes}</div>' + (warning if over else "")


def _features(values: dict[str, Any]) -> str:
    heard = values["loudness"]["references"]
    rows = "".join(_feature_row(name, row) for name, row in values["features"].items())
    distance = values["embedding_distance"]
    if distance["after"] is not None:
        cells = f"<td>{_number(distance['before'], 4)}</td><td>{_number(distance['after'], 4)}</td><td></td>"
        rows += f"<tr><td>embedding distance</td>{cells}{_verdict({**distance, 'reference': 0.0}, 4)}</tr>"
    lufs = values["loudness"]
    cells = "".join(f"<td>{_number(lufs[key]['lufs'], 1)}</td>" for key in ("before", "after"))
    rows += (
        f"<tr><td>loudness as rendered (LUFS)</td>{cells}"
        f"<td>{', '.join(_number(one, 1) for one in heard.values())}</td><td></td></tr>"
    )
    return (
        "<h2>Features</h2><p>Before: all tracks equally loud on a neutral console. But for the last row all is "
        "measured at −16 LUFS, in windows where the tracks sound.</p>"
        '<div class="scroll"><table><thead><tr><th>feature</th><th>before</th><th>after</th>'
        f"<th>{_wanted(values)}</th><th></th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _feature_row(name: str, row: dict[str, float | None]) -> str:
    cells = "".join(f"<td>{_number(row[key], SHOWN_DIGITS)}</td>" for key in ("before", "after", "reference"))
    return f"<tr><td>{escape(name)}</td>{cells}{_verdict(row, SHOWN_DIGITS)}</tr>"


def _verdict(row: dict[str, float | None], digits: int) -> str:
    nearer = nearer_after(row, digits)
    if nearer is None:
        return "<td></td>"
    return '<td class="nearer">nearer</td>' if nearer else '<td class="farther">farther</td>'


def _number(value: float | None, digits: int) -> str:
    # Adding 0 makes a negative zero positive.
    return "–" if value is None else f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")
