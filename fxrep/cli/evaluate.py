"""`fxrep evaluate …`: how well an encoder does its job, beside simple baselines and chance."""

from __future__ import annotations

import typer

from fxrep.cli import (
    evaluate_blind_spots,
    evaluate_matching,
    evaluate_probe,
    evaluate_ranking,
    evaluate_retrieval,
    evaluate_set,
)
from fxrep.cli.evaluate_retrieval import retrieval_table

__all__ = ["app", "retrieval_table"]

app = typer.Typer(help="Evaluate encoders beside baselines and chance.", no_args_is_help=True)
app.command("retrieval")(evaluate_retrieval.run)
app.command("ranking")(evaluate_ranking.run)
app.command("matching")(evaluate_matching.run)
app.command("blind-spots")(evaluate_blind_spots.run)
app.command("probe")(evaluate_probe.run)
app.command("set")(evaluate_set.run)
