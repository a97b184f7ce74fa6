"""`fxrep train`: run any training that a configuration describes."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from fxrep.cli.output import JsonOption, emit

COMMAND_OPTIONS = {"context_settings": {"allow_extra_args": True, "ignore_unknown_options": True}}

ConfigOption = Annotated[
    list[str], typer.Option("--config", "-c", help="Configuration file or name; repeat to override parts of one.")
]
ResumeOption = Annotated[
    Optional[str],  # noqa: UP045 - typer reads annotations at run time on Python 3.10 too
    typer.Option("--resume", metavar="PATH|last", help="Go on from this checkpoint, or from the newest of the run."),
]


def run(
    context: typer.Context,
    config: ConfigOption,
    resume: ResumeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train from a configuration: fit (the default), validate or test, with any setting changed by --key value.

    validate measures a checkpoint on the validation split (validation/...), test on the test split (test/...).
    Settings are those of the configuration: --trainer.max_steps 1000, --data.manifest songs/manifest.parquet,
    --model.learning_rate 3e-4, --seed_everything 1. --print_config shows all of them. Logs and checkpoints go to
    runs/<name of the configuration> unless --trainer.default_root_dir says otherwise. Ctrl-C saves and stops.

    \b
    Example:
      fxrep train -c configs/encoders/fx_encoder.yaml --data.manifest songs/manifest.parquet
      fxrep train -c configs/encoders/fx_encoder.yaml --resume last
      fxrep train -c encoders/debug/fx_encoder validate --resume last
    """
    from dataclasses import asdict

    from lightning.pytorch.utilities import rank_zero_only

    from encoders.training.command import run_training

    stage, overrides = "fit", list(context.args)
    if overrides and not overrides[0].startswith("-"):
        stage = overrides.pop(0)
    report = run_training(config, stage, overrides, resume)
    if getattr(rank_zero_only, "rank", 0):  # of several processes one speaks for all
        return
    emit(asdict(report), as_json, _text(asdict(report)))


def _text(report: dict[str, object]) -> str:
    metrics = report["metrics"]
    assert isinstance(metrics, dict)
    lines = [f"fit ended after {report['steps']} steps" if report["stage"] == "fit" else f"{report['stage']} ended"]
    lines += [f"  {name} {value:.4g}" for name, value in sorted(metrics.items())]
    lines.append(f"logs        {report['logs']}")
    if report["checkpoint"]:
        lines.append(f"checkpoint  {report['checkpoint']}")
        lines.append(f"release it  fxrep models export {report['checkpoint']} -o FOLDER")
    return "\n".join(lines)
