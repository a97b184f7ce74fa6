"""What `fxrep train` runs: any Lightning module and data module that a configuration names by `class_path`."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.distributed as dist
from jsonargparse import ArgumentError as ParserError
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from encoders.training.configurations import find_configuration
from encoders.training.logs import run_loggers
from encoders.training.parser_errors import one_line
from encoders.training.resumption import AtomicCheckpointIO, LastCheckpoint, find_last_checkpoint, read_checkpoint
from fxrep.errors import ArgumentError, FxrepError
from fxrep.files import output_error

STAGES = ("fit", "validate", "test")


@dataclass(frozen=True)
class TrainingReport:
    """Where a run left its results: the checkpoint to go on from or export, the logs, and the last figures."""

    stage: str
    steps: int
    checkpoint: str | None
    logs: str | None
    metrics: dict[str, float]


def run_training(
    configurations: Sequence[str], stage: str = "fit", overrides: Sequence[str] = (), resume: str | None = None
) -> TrainingReport:
    """Build trainer, module and data from configurations and run one stage.

    Args:
        configurations: files or names, see `find_configuration`; later ones override earlier ones.
        stage: one of `STAGES`.
        overrides: ``--key value`` pairs in the way of jsonargparse, for example ``["--trainer.max_steps", "100"]``.
        resume: a Lightning checkpoint, or "last" for the newest of this configuration's runs. Fit goes on from it;
            the other stages take its weights.

    Raises:
        ArgumentError: a configuration is missing, or has unknown keys or values of the wrong type.
        CheckpointError: the checkpoint to resume is missing or damaged.
        DataError: the data cannot be used; nothing is written then.
        OutputError: the run's folder cannot be written, or the disk is full.
        TrainingStoppedError: a signal ended the run; its state is saved.
    """
    if stage not in STAGES:
        raise ArgumentError(f"unknown stage {stage!r}: choose {', '.join(STAGES)}")
    if not configurations:
        raise ArgumentError("no configuration: name one with -c, for example -c configs/encoders/fx_encoder.yaml")
    paths = [find_configuration(name) for name in configurations]
    arguments = [item for path in paths for item in ("--config", str(path))] + list(overrides)
    _quieten()
    command = _Command.build(arguments, paths[-1].stem, stage, resume)
    # Lightning makes the run's folder before it asks for data: what is wrong with them is said before.
    _check_first(command.model, command.datamodule, stage)
    # Standard output belongs to the caller; progress bars and summaries are for people who watch.
    with redirect_stdout(sys.stderr):
        try:
            getattr(command.trainer, stage)(
                command.model, datamodule=command.datamodule, ckpt_path=command.checkpoint, weights_only=True
            )
        except OSError as error:
            # Whatever else is read or written in a run has errors of its own: these are the loggers' files.
            raise output_error(error.filename or command.trainer.default_root_dir, error) from error
        except ValueError as error:
            if "SyncBatchNorm" not in str(error):
                raise
            raise ArgumentError(
                "batch statistics are joined over processes on GPUs only: add --trainer.sync_batchnorm false, and each "
                "process normalises by its own"
            ) from error
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()  # its threads would be cut off in the middle of their work
    return _report(command.trainer, stage)


def _check_first(model: Any, data: Any, stage: str) -> None:
    """Ask modules that can tell, `check_stage` of data and `check_data` of models, whether the stage can run."""
    if hasattr(data, "check_stage"):
        data.check_stage(stage)
    if hasattr(model, "check_data"):
        model.check_data(data)


class _Command(LightningCLI):
    """LightningCLI without its own sub-commands: parses, builds, and leaves running to `run_training`."""

    run_name: str
    stage: str
    resume: str | None
    checkpoint: str | None

    @classmethod
    def build(cls, arguments: list[str], run_name: str, stage: str, resume: str | None) -> _Command:
        # The base class parses and builds in its constructor, so what it needs must be there before.
        named = type("_Command", (cls,), {"run_name": run_name, "stage": stage, "resume": resume})
        try:
            built: _Command = named(
                LightningModule,
                LightningDataModule,
                subclass_mode_model=True,
                subclass_mode_data=True,
                seed_everything_default=0,
                save_config_kwargs={"overwrite": True},
                parser_kwargs={"exit_on_error": False},
                args=arguments,
                run=False,
                auto_configure_optimizers=False,
                load_from_checkpoint_support=False,
            )
        except FxrepError:
            raise
        except ParserError as error:
            raise ArgumentError(one_line(str(error))) from error
        # What the constructors of the trainer and of the configured classes refuse: a value, never the work itself.
        except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
            raise _refused(error) from error
        return built

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """One seed for weights, data and effects."""
        parser.link_arguments("seed_everything", "model.init_args.seed", compute_fn=_seed)
        parser.link_arguments("seed_everything", "data.init_args.seed", compute_fn=_seed)
        # Our loaders share the data out themselves; Lightning's sampler would also break their exact positions.
        parser.set_defaults({"trainer.use_distributed_sampler": False})
        parser.add_argument("--checkpoint_every", type=int, default=500, help="Steps between two saves of last.ckpt.")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the given arguments; the base class would warn that the program has its own."""
        self.config = parser.parse_args(args)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add what every run has: a folder, CSV and TensorBoard logs, and a checkpoint to go on from."""
        given = self._get(self.config_init, "trainer")
        root = given.get("default_root_dir") or str(Path("runs") / self.run_name)
        self.checkpoint, step = _checkpoint_to_resume(self.resume, Path(root))
        settings: dict[str, Any] = {"default_root_dir": root, "plugins": _with_atomic_checkpoints(given.get("plugins"))}
        if given.get("logger") in (None, True):
            settings["logger"] = run_loggers(root, self.checkpoint if self.stage == "fit" else None, step)
        if given.get("enable_progress_bar") is None:
            settings["enable_progress_bar"] = sys.stderr.isatty()
        if given.get("enable_checkpointing") is not False:
            callbacks = given.get("callbacks") or []
            callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
            every = self._get(self.config_init, "checkpoint_every")
            settings["callbacks"] = [*callbacks, LastCheckpoint(every)]
        return super().instantiate_trainer(**settings, **kwargs)


def _refused(error: BaseException) -> FxrepError:
    """The clearest error in the chain: one of this library where there is one, else what was said first."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None:
        chain.append(link)
        link = link.__cause__ or link.__context__
    ours = [one for one in chain if isinstance(one, FxrepError)]
    if ours:
        return ours[0]
    first = str(chain[-1]).strip().splitlines() or [type(chain[-1]).__name__]
    return ArgumentError(
        f"the configuration was refused: {first[0].rstrip('!.')}: change that setting, --print_config shows all"
    )


def _seed(value: bool | int) -> int:
    return value if not isinstance(value, bool) else 0


def _with_atomic_checkpoints(plugins: Any) -> list[Any]:
    given = plugins if isinstance(plugins, list) else [plugins] if plugins is not None else []
    return given or [AtomicCheckpointIO()]


def _checkpoint_to_resume(resume: str | None, run_folder: Path) -> tuple[str | None, int]:
    """The checkpoint's path and its optimiser step."""
    if resume is None:
        return None, 0
    path = find_last_checkpoint(run_folder) if resume == "last" else Path(resume)
    return str(path), int(read_checkpoint(path).get("global_step", 0))


def _report(trainer: Trainer, stage: str) -> TrainingReport:
    saved = [callback.path for callback in trainer.checkpoint_callbacks if isinstance(callback, LastCheckpoint)]
    best = [path for callback in trainer.checkpoint_callbacks if (path := getattr(callback, "best_model_path", ""))]
    checkpoint = best[0] if best else next((str(path) for path in saved if path is not None), None)
    return TrainingReport(
        stage=stage,
        steps=trainer.global_step,
        checkpoint=checkpoint if stage == "fit" else None,
        logs=trainer.log_dir,
        metrics={name: float(value) for name, value in trainer.callback_metrics.items() if "/" in name},
    )


def _quieten() -> None:
    """Keep Lightning's advertisements and hints about things that are so on purpose out of the user's sight."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for hint in (
        ".*does not have many workers.*",
        ".*number of training batches.*",
        ".*not supported by the model summary.*",
        ".*sync_dist=True.*",  # every process hears the same held-out pairs
        ".*Checkpoint directory.*",
        ".*could not find the monitored key.*",
        ".*Total length of .* across ranks is zero.*",
        ".*isinstance.treespec, LeafSpec.*",
        ".*in eval mode at the start of training.*",
    ):
        warnings.filterwarnings("ignore", message=hint)
