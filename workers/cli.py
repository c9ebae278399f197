"""The workers' commands."""

from __future__ import annotations

import sys

import click

from callscope.cli import EXIT_FAILED
from callscope.logs import configure_logging
from callscope.processes import stop_signals
from callscope.settings import load_settings
from workers.celery import require_broker
from workers.devices import parse_devices, recogniser_options
from workers.supervise import supervise


@click.command()
@click.option("--devices", help="cpu, or cuda:0,cuda:1: one process for each.  [default: CALLSCOPE_DEVICE]")
@recogniser_options
def work(devices: str | None, engine: str | None, dtype: str | None) -> None:
    """
    Run the analysis workers, one process a device, until stopped.

    SIGTERM costs no attempt: what is being analysed is given back. Needs the broker and the store, no database.

    Example: callscope work --devices cuda:0,cuda:1 --engine torch --dtype bf16
    """
    settings = load_settings()
    chosen = {"CALLSCOPE_ENGINE": engine, "CALLSCOPE_DTYPE": dtype}
    configure_logging(settings)
    require_broker()
    with stop_signals() as stopping:
        went_well = supervise(
            parse_devices(devices or settings.device),
            environment={name: value for name, value in chosen.items() if value},
            stopping=stopping,
        )
    sys.exit(0 if went_well else EXIT_FAILED)


@click.command()
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True, help="Writers side by side.")
def write(processes: int) -> None:
    """
    Run the result writers until stopped; needs the broker and the database.

    Example: callscope write --processes 4
    """
    # Only a writer's image has SQLAlchemy.
    from workers.writer import run_writers  # noqa: PLC0415

    settings = load_settings()
    configure_logging(settings)
    sys.exit(run_writers(settings, processes=processes))
