"""`fxrep data …`: making, normalising and checking the data that everything else reads."""

from __future__ import annotations

import typer

from fxrep.cli import data_check, data_generate, data_hold_out, data_normalize, data_scan, data_shard

app = typer.Typer(no_args_is_help=True, help="Datasets: scan, generate, normalise, shard, check.")
app.command("scan")(data_scan.run)
app.command("generate")(data_generate.run)
app.command("normalize")(data_normalize.run)
app.command("shard")(data_shard.run)
app.command("hold-out")(data_hold_out.run)
app.command("check")(data_check.run)
