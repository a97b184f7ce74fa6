"""Write the tables of all processors in docs/effects.md anew, from the processors themselves.

python docs/make_effect_tables.py
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from fxrep.effects import PROCESSORS, Parameter, Processor

PAGE = Path(__file__).with_name("effects.md")
BEGIN, END = "<!-- processors: begin -->", "<!-- processors: end -->"
FAMILIES = {
    "Level and stereo": "gain fader polarity panner balance stereo_width stereo_imager",
    "Filters and equalisers": "low_pass high_pass band_pass notch all_pass low_shelf high_shelf peak parametric_eq "
    "graphic_eq third_octave_eq fir_matching_eq",
    "Dynamics": "compressor multiband_compressor de_esser limiter expander noise_gate transient_shaper",
    "Distortion": "saturation soft_clip hard_clip tanh_drive tube_drive bit_crusher",
    "Delay and modulation": "delay chorus flanger vibrato phaser tremolo",
    "Reverberation": "noise_shaped_reverb convolution_reverb feedback_delay_network schroeder_reverb plate_reverb "
    "spring_reverb",
}
SCALES = {"linear": "linear", "log": "log", "db": "dB"}
# So many settings in a row that differ in their name only are one row of the table.
LONG_RUN = 5


def tables() -> str:
    """Return the tables of all processors, one a family.

    Raises:
        ValueError: the families do not hold every processor exactly once.
    """
    listed = [name for names in FAMILIES.values() for name in names.split()]
    if sorted(listed) != sorted(PROCESSORS):
        wrong = set(listed) ^ set(PROCESSORS)
        raise ValueError(f"every processor belongs to one family: look at {', '.join(sorted(wrong)) or 'doubles'}")
    parts = []
    for family, names in FAMILIES.items():
        rows = [row for name in names.split() for row in processor_rows(PROCESSORS[name]())]
        head = ["| processor | setting | unit | range | scale | default |", "|---|---|---|---|---|---|"]
        parts.append("\n".join([f"### {family}", "", *head, *rows]))
    return "\n\n".join(parts)


def processor_rows(processor: Processor) -> list[str]:
    """Return the rows of one processor: what it is, its numbers, its choices, and what else it takes."""
    summary = (inspect.getdoc(processor) or "").split("\n")[0].split(". ")[0].rstrip(".")
    rows = [f"| **`{processor.name}`** | *{summary}* | | | | |"]
    for run in runs(processor.parameter_table):
        first, name = run[0], f"`{run[0].name}`"
        if len(run) > 1:
            name += f" … `{run[-1].name}` ({len(run)})"
        default = "off" if first.default is None else number(first.default)
        span = f"{number(first.minimum)} to {number(first.maximum)}"
        rows.append(f"| | {name} | {first.unit or '-'} | {span} | {SCALES[first.scale]} | {default} |")
    for choice in processor.choices:
        rows.append(f"| | `{choice.name}` | - | {', '.join(choice.options)} | choice | {choice.default} |")
    known = {one.name for one in (*processor.parameter_table, *processor.choices)}
    for name in processor.setting_names():
        if name not in known:
            rows.append(f"| | `{name}` | - | see `help(effects.{processor.name})` | - | none |")
    return rows


def runs(table: tuple[Parameter, ...]) -> list[list[Parameter]]:
    """Split a table where neighbours differ in more than their name; short runs are given one by one."""
    grouped: list[list[Parameter]] = []
    for parameter in table:
        if grouped and _kind(grouped[-1][0]) == _kind(parameter):
            grouped[-1].append(parameter)
        else:
            grouped.append([parameter])
    return [part for run in grouped for part in ([run] if len(run) >= LONG_RUN else [[one] for one in run])]


def number(value: float) -> str:
    """Return a value to four digits, never with an exponent."""
    return f"{value:.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"


def with_tables(page: str) -> str:
    """Return the page with the tables between its marks renewed."""
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{tables()}\n{END}", page, flags=re.DOTALL)


def _kind(parameter: Parameter) -> tuple[object, ...]:
    return parameter.unit, parameter.minimum, parameter.maximum, parameter.scale, parameter.default


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
