"""What `fxrep demo` prints at its end, from what was found."""

from __future__ import annotations

from typing import Any

SHOWN = 6
"""How many of the queries are printed: those of the first instrument."""


def as_text(report: dict[str, Any]) -> str:
    """The findings for people: retrieval, one search, where everything lies."""
    training = report["training"]
    trained = f"{report['songs']} songs; {training['pairs']} pairs in {training['steps']} steps of training"
    return "\n\n".join([trained, _retrieval(report["retrieval"]), _search(report["search"]), _files(report)])


def _retrieval(found: dict[str, Any]) -> str:
    lines = [
        f"Retrieval@1: which of {found['candidates']} clips of the same instrument went through the effects of this "
        f"clip? ({found['queries']} queries, songs held out, 95 % interval)"
    ]
    for name, measured in found["systems"].items():
        low, high = measured["r@1_interval"]
        lines.append(f"  {name:<20} {measured['r@1']:6.1%}  ({low:.1%} to {high:.1%})")
    lines.append(f"  {'chance':<20} {found['chance']:6.1%}")
    return "\n".join(lines)


def _search(found: dict[str, Any]) -> str:
    lines = [
        f"Search, shipped encoder: the best hit has the query's effects for {found['right']} of "
        f"{len(found['queries'])} queries (chance {found['chance']:.0%}), {found['references']} references; for example"
    ]
    for query in found["queries"][:SHOWN]:
        lines.append(f"  {query['query']}")
        for hit in query["hits"]:
            lines.append(f"    {hit['score']:.3f}  {hit['path'].rsplit('/', 1)[-1]}")
    return "\n".join(lines)


def _files(report: dict[str, Any]) -> str:
    lines = ["Everything lies here; open the map in a browser and click:"]
    lines += [f"  {name:<17} {path}" for name, path in report["files"].items()]
    lines.append(f"The whole road took {sum(report['steps_s'].values()):.0f} s.")
    return "\n".join(lines)
