"""
A process that answers requests, lines of JSON both ways; whatever else it prints goes to its log.

So contenders can take turns on the same cores within one run, and none inherits another's threads, caches or memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self

from callscope.errors import ConfigurationFault
from callscope.settings import Settings

_LAST_LINES = 5


class Child:
    """
    A running child; it ends with the `with` block.

    Parameters
    ----------
    arguments : sequence of str
        Module that calls `serve`, and its words.
    settings : Settings
        Become its environment.
    log : Path
        Gets what it prints.
    """

    def __init__(self, arguments: Sequence[str], *, settings: Settings, log: Path) -> None:
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as printed:
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                [sys.executable, "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                text=True,
                env={**os.environ, **settings.as_environment()},  # noqa: TID251 - handed on whole; nothing is read here
            )

    def wait_until_ready(self) -> None:
        """
        Return when it has loaded what it needs.

        Raises
        ------
        ConfigurationFault
            It ended instead; the message has the last lines of its log.
        """
        self._read()

    def ask(self, request: object) -> Any:  # noqa: ANN401 - JSON
        """
        Return its answer to a request.

        Raises
        ------
        ConfigurationFault
            It ended instead; the message has the last lines of its log.
        """
        assert self._process.stdin is not None  # noqa: S101 - made with a pipe
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - made with a pipe
        if line := self._process.stdout.readline():
            return line
        last = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        raise ConfigurationFault(
            f"{self._log.stem} ended with exit code {self._process.wait()}", why=" | ".join(last) or "it said nothing"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()  # it holds nothing that a signal could spoil
        self._process.communicate()


def share_out(children: Sequence[Child], requests: Iterable[object]) -> tuple[float, list[list[Any]]]:
    """
    Let each child that is free take the next request.

    Returns
    -------
    wall_s : float
        Seconds from the first request to the last answer.
    answers : list of list
        Of each child, in the order in which it gave them.

    Raises
    ------
    ConfigurationFault
        A child ended instead of answering.
    """
    waiting: SimpleQueue[object] = SimpleQueue()
    for request in requests:
        waiting.put(request)

    def work(child: Child) -> list[Any]:
        answers = []
        while True:
            try:
                answers.append(child.ask(waiting.get_nowait()))
            except Empty:
                return answers

    began = time.perf_counter()
    with ThreadPoolExecutor(len(children)) as pool:
        answers = list(pool.map(work, children))
    return time.perf_counter() - began, answers


def serve(load: Callable[[], Callable[[Any], object]]) -> None:
    """
    Answer requests until there are no more: a child's main function.

    Parameters
    ----------
    load : callable
        Loads what is needed, and returns what answers a request.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print what they think

    def tell(data: object) -> None:
        answers.write(json.dumps(data) + "\n")
        answers.flush()

    answer = load()
    tell("ready")
    for line in sys.stdin:
        tell(answer(json.loads(line)))
