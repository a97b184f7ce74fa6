"""`fxrep evaluate …`: how well an encoder or a mixing system does its job, beside simple baselines."""

from __future__ import annotations

import typer

from fxrep.cli import (
    evaluate_blind_spots,
    evaluate_matching,
    evaluate_mix,
    evaluate_probe,
    evaluate_ranking,
    evaluate_retrieval,
    evaluate_set,
)
from fxrep.cli.evaluate_retrieval import retrieval_table

__all__ = ["app", "retrieval_table"]

app = typer.Typer(help="Evaluate encoders and mixing systems beside baselines.", no_args_is_help=True)
app.command("retrieval")(evaluate_retrieval.run)
app.command("ranking")(evaluate_ranking.run)
app.command("matching")(evaluate_matching.run)
app.command("blind-spots")(evaluate_blind_spots.run)
app.command("probe")(evaluate_probe.run)
app.command("mix")(evaluate_mix.run)
app.command("set")(evaluate_set.run)
