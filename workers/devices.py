"""Devices and engines as they are named on the command line, and how many recordings a device keeps in flight."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from callscope.errors import UsageError
from callscope.settings import Settings

ACCELERATOR_RECORDINGS = 96
"""A batch that fills a large accelerator holds ten minutes of speech, and half of the recordings are elsewhere."""

CPU_RECORDINGS_AHEAD = 4
"""Beyond one for each core: what is being fetched, decoded and stored while the cores compute."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def recogniser_options(command: _Command) -> _Command:
    """Add the options that say what a recogniser runs on: ``engine`` and ``dtype``, None where not given."""
    for name, meaning in (("dtype", "Number format of the network"), ("engine", "What the network runs on")):
        choices = get_args(Settings.model_fields[name].annotation)
        help_text = f"{meaning}; auto: the fastest on the device.  [default: CALLSCOPE_{name.upper()}]"
        command = click.option(f"--{name}", type=click.Choice(choices), help=help_text)(command)
    return command


def parse_devices(text: str) -> tuple[str, ...]:
    """
    Read ``cuda:0,cuda:1``: one process for each, so a device named twice gets two.

    Whether a device is there only its own process can tell, for looking needs torch.

    Raises
    ------
    UsageError
        None is named, or one is empty.
    """
    devices = tuple(name.strip() for name in text.split(","))
    if not all(devices):
        raise UsageError(f"--devices {text!r} names no device, or an empty one", why="it looks like cuda:0,cuda:1")
    return devices


def recordings_in_flight(settings: Settings) -> int:
    """
    Return how many recordings a worker process keeps in flight, beside urgent ones.

    As many as ``threads`` says; 0 lets the device decide. Each holds its samples in memory, 16 bits each: a minute of
    two-channel telephony 1.9 MB (8 kHz), of wideband 3.8 MB, and while it is decoded the same once more at most.
    """
    if settings.threads:
        return settings.threads
    if settings.device == "cpu":
        return CPU_RECORDINGS_AHEAD + (settings.cpu_threads or len(os.sched_getaffinity(0)))
    return ACCELERATOR_RECORDINGS
