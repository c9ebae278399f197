"""
Stage "meaning": deriving what calls mean, and deriving stored ones anew. Pure code on one core, and Postgres.

The calls are those of the load as they would be heard: its turns, with sentences of the sample calls, and emotions
drawn at random.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from statistics import median

import numpy as np
from rich.table import Table

from bench.calls import SAMPLES, Call, plan_call
from bench.cluster import forget
from bench.machine import resident_mb
from bench.stage import Bench
from callscope.calls import (
    AudioFacts,
    CallMetadata,
    Emotion,
    EventKind,
    Hearing,
    RecordingRef,
    Role,
    Segment,
    Word,
)
from callscope.evaluation import read_reference
from callscope.jobs import ResultNote
from callscope.meaning.conversation import ConversationOptions
from callscope.meaning.interpret import Interpreter
from models import ledger, results
from models.session import Engine, Session, connected, transaction, upgrade
from standalone.servers import run_servers
from workers.reanalyse import reanalyse_calls

LONG_MS = 600_000
_TIMES = 30
_STORED = 10_000
_STORED_QUICK = 60
_STORED_MEAN_MS = 150_000
"""Calls of 26 segments, on average."""
_A_TRANSACTION = 100
_LAUGHTER_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Deriving:
    """What the stage found out."""

    segments: int
    """Of a call of `LONG_MS`."""
    derive_ms: float
    """Everything that is derived from it, rules and scorecards included; median."""
    rules: int
    calls: int
    """Stored, and derived anew."""
    stored_segments: int
    reanalyse_s: float
    growth_mb: float
    """Memory that the process held more at the end than when it began to derive anew."""

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {key: round(value, 2) if isinstance(value, float) else value for key, value in asdict(self).items()}

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        table = Table(title="What calls mean", title_justify="left", header_style="bold")
        for heading in ("what", "segments", "took"):
            table.add_column(heading, justify="left" if heading == "what" else "right")
        table.add_row(f"a call of ten minutes, {self.rules} rules", f"{self.segments:,}", f"{self.derive_ms:.1f} ms")
        table.add_row(f"{self.calls:,} stored calls anew", f"{self.stored_segments:,}", f"{self.reanalyse_s:.1f} s")
        return [table]


def run(bench: Bench) -> Deriving:
    """Derive a long call often, then many stored ones anew."""
    interpreter = Interpreter.of(bench.settings)
    sentences = _sentences()
    long = hear(plan_call(0, mean_ms=LONG_MS, duration_ms=LONG_MS), sentences)
    interpreter.interpret(long, CallMetadata())  # dictionaries are loaded
    took_ms = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        interpreter.interpret(long, CallMetadata())
        took_ms.append((time.perf_counter() - began) * 1000)
    bench.progress(f"meaning: a call of ten minutes in {median(took_ms):.1f} ms")
    wanted = _STORED_QUICK if bench.quick else _STORED
    settings = bench.settings.model_copy(update={"state_folder": bench.folder / "meaning"})
    forget(settings.state_folder)
    with run_servers(settings, broker=False, s3=False) as servers:
        url = servers.settings.require_database_url()
        upgrade(url)
        with connected(url) as engine:
            bench.progress(f"meaning: storing {wanted:,} calls")
            segments = _store(engine, interpreter, sentences, calls=wanted)
            changed = Interpreter(replace(interpreter.rulebook, version="changed"), ConversationOptions.of(settings))
            before_mb, began = resident_mb(os.getpid()), time.perf_counter()
            changes = reanalyse_calls(engine, changed)
            reanalyse_s = time.perf_counter() - began
    bench.progress(f"meaning: {changes.derived:,} stored calls anew in {reanalyse_s:.1f} s")
    return Deriving(
        segments=len(long.segments),
        derive_ms=median(took_ms),
        rules=len(interpreter.rulebook.as_data()["rules"]),
        calls=changes.derived,
        stored_segments=segments,
        reanalyse_s=reanalyse_s,
        growth_mb=resident_mb(os.getpid()) - before_mb,
    )


def hear(call: Call, sentences: dict[Role, list[str]]) -> Hearing:
    """Return a planned call as it would be heard: the same for the same number."""
    draw = np.random.default_rng(call.number)
    segments = []
    for turn in call.turns:
        role = (Role.AGENT, Role.CUSTOMER)[turn.channel]
        choice = sentences[role]
        text = choice[int(draw.integers(len(choice)))]
        shares = draw.dirichlet(np.full(len(Emotion), 0.4)).round(4)
        distribution = dict(zip(Emotion, shares.tolist(), strict=True))
        laughs = draw.random() < _LAUGHTER_SHARE
        segments.append(
            Segment(
                channel=turn.channel,
                role=role,
                start_ms=turn.interval.start_ms,
                end_ms=turn.interval.end_ms,
                text=text,
                language=_LANGUAGE,
                emotion=max(distribution, key=distribution.__getitem__),
                emotion_distribution=distribution,
                event=EventKind.LAUGHTER if laughs else EventKind.SPEECH,
                event_probability=0.9,
                words=_spread(text, turn.interval.start_ms, turn.interval.end_ms),
                loudness_dbfs=float(draw.uniform(-30, -15)),
                is_speech=True,
                event_distribution={EventKind.SPEECH: 0.1 if laughs else 0.9},
            )
        )
    facts = AudioFacts("wav", "pcm_s16le", 8_000, 2, call.duration_ms, truncated=False, dual_mono=False)
    return Hearing("bench-00000000", "torch-fp32", "cpu", facts, tuple(segments), timings_ms={})


_LANGUAGE = read_reference(SAMPLES / "reference" / "shipping-delay-zh.json").turns[0].language


def _sentences() -> dict[Role, list[str]]:
    turns = [turn for path in sorted((SAMPLES / "reference").glob("*-zh.json")) for turn in read_reference(path).turns]
    return {role: [turn.text for turn in turns if turn.role is role] for role in (Role.AGENT, Role.CUSTOMER)}


def _spread(text: str, start_ms: int, end_ms: int) -> tuple[Word, ...]:
    """Return the letters of a text, evenly spread over its time."""
    letters = [letter for letter in text if letter.isalnum()]
    bounds = np.linspace(start_ms, end_ms, len(letters) + 1).astype(int).tolist()
    return tuple(Word(letter, *when) for letter, when in zip(letters, pairwise(bounds), strict=True))


def _store(engine: Engine, interpreter: Interpreter, sentences: dict[Role, list[str]], *, calls: int) -> int:
    """Store so many calls as writers do; return how many segments they have."""
    segments = 0
    for first in range(0, calls, _A_TRANSACTION):
        with transaction(engine) as session:
            numbers = range(first, min(first + _A_TRANSACTION, calls))
            segments += _store_some(session, interpreter, sentences, numbers)
    return segments


def _store_some(
    session: Session, interpreter: Interpreter, sentences: dict[Role, list[str]], numbers: Sequence[int]
) -> int:
    metadata = CallMetadata(agent_id="a-1", queue="hotline")
    found = [
        ledger.Discovered(RecordingRef("bench", f"{number}.wav", "1", 1), metadata, priority=0) for number in numbers
    ]
    ledger.discover(session, found)
    taken = ledger.take(session, limit=len(numbers), sent_deadline_ms=1, waiting=0)
    segments = 0
    for number, one in zip(numbers, taken, strict=True):
        hearing = hear(plan_call(number, mean_ms=_STORED_MEAN_MS), sentences)
        segments += len(hearing.segments)
        results.store(session, ResultNote(one.job.recording_id, one.job.attempt, "bench:1:cpu", hearing), interpreter)
    return segments
