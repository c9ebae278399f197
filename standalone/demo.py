"""The sample calls through the whole cluster, and what became of them."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from callscope.errors import ServerMissing
from callscope.evaluation import CallScore, Reference, read_reference, score_call, total
from callscope.processes import LOOPBACK
from callscope.settings import Settings
from callscope.storage import open_storage
from models import ledger
from models.queries import QUERIES, run_query
from models.reading import read_calls
from models.session import Engine, transaction
from models.tables import FINISHED
from standalone.machine import Machine
from standalone.report import ShownCall
from standalone.servers.launch import locked

SAMPLES = Path(__file__).resolve().parents[1] / "samples"

_PATIENCE_MS = 600_000
_LOOK_EVERY_MS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """A ready question with its rows."""

    question: str
    sql: str
    headings: list[str]
    rows: list[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo found in Postgres at its end."""

    calls: tuple[ShownCall, ...]
    score: CallScore
    answers: tuple[Answer, ...]

    @property
    def went_well(self) -> bool:
        """Every sample became rows."""
        return all(call.state == "done" for call in self.calls)


def demo_settings(settings: Settings) -> Settings:
    """Return the settings with a folder of the demo's own, and periods for a person who waits."""
    folder = settings.state_folder / "demo"
    return settings.model_copy(
        update={
            "state_folder": folder,
            "store_folder": folder / "store",
            "sweep_ms": 500,
            "stable_ms": 500,
            # The sample calls are nobody's: no key is asked for, and nobody but this machine reaches them.
            "api_auth": "open",
            "api_host": LOOPBACK,
            "api_port": 0,
        }
    )


def forget_last_demo(settings: Settings) -> None:
    """
    Empty the demo's own folder, so that every demo shows the whole way of a recording.

    Raises
    ------
    StateFolderInUse
        A demo that was kept is still running.
    """
    folder = settings.state_folder
    with locked(folder.resolve()):
        for child in folder.iterdir():
            if child.is_dir():
                shutil.rmtree(child)


def read_samples() -> list[Reference]:
    """
    Return the sample calls' references, ascending by name.

    Raises
    ------
    ServerMissing
        The samples aren't beside the code: this isn't a checkout.
    """
    references = [read_reference(path) for path in sorted((SAMPLES / "reference").glob("*.json"))]
    if not references:
        raise ServerMissing(f"there are no sample calls in {SAMPLES}", why="the demo runs from a checkout")
    return references


def upload(settings: Settings, samples: Sequence[Reference]) -> None:
    """Drop the samples into the bucket, as a telephony system would."""
    storage = open_storage(settings)
    for sample in samples:
        storage.put(settings.bucket, sample.key, SAMPLES / sample.file, metadata={"direction": "inbound"})


def follow(
    machine: Machine,
    engine: Engine,
    samples: Sequence[Reference],
    *,
    on_progress: Callable[[list[ledger.RecordingProgress]], None],
) -> None:
    """
    Wait until every sample came to its end.

    Raises
    ------
    ServerMissing
        They don't, in ten minutes; or a part of the cluster can't run.
    """
    keys = {sample.key for sample in samples}
    deadline = time.monotonic() + _PATIENCE_MS / 1_000
    while True:
        machine.check()
        with transaction(engine) as session:
            rows = [row for row in ledger.progress(session) if row.key in keys]
        on_progress(rows)
        if len({row.key for row in rows if row.state in FINISHED}) == len(keys):
            return
        if time.monotonic() > deadline:
            states = Counter(row.state.value for row in rows)
            raise ServerMissing("the samples did not come to their end in ten minutes", why=f"states: {dict(states)}")
        time.sleep(_LOOK_EVERY_MS / 1_000)


def look_up(engine: Engine, settings: Settings, samples: Sequence[Reference]) -> Outcome:
    """Read everything back from Postgres, and score it."""
    with transaction(engine) as session:
        stored = read_calls(session, bucket=settings.bucket, keys=[sample.key for sample in samples])
        answers = tuple(Answer(query.question, query.sql, *run_query(session, query)) for query in QUERIES)
    references = {sample.key: sample for sample in samples}
    scores = {call.key: score_call(references[call.key], call.segments, call.events) for call in stored}
    return Outcome(
        calls=tuple(
            ShownCall(
                key=call.key,
                state=call.state.value,
                duration_ms=call.duration_ms,
                segments=call.segments,
                events=call.events,
                cer=scores[call.key].cer,
            )
            for call in stored
        ),
        score=total(list(scores.values())),
        answers=answers,
    )
