"""What a call means: everything that is derived from what was heard, in one pure call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from callscope.calls import AnalysisVersion, CallAnalysis, CallMetadata, Hearing, Meaning, Notice
from callscope.errors import RulesInvalid
from callscope.meaning.bursts import find_bursts
from callscope.meaning.conversation import ConversationOptions, derive_events
from callscope.meaning.entities import find_entities
from callscope.meaning.facts import CallFacts
from callscope.meaning.measures import measure_call
from callscope.meaning.rules.book import Rulebook, load_rulebook, rules_fingerprint
from callscope.meaning.rules.evaluate import find_findings
from callscope.meaning.rules.notices import make_notices
from callscope.meaning.scorecards import score_call
from callscope.meaning.turns import find_turns
from callscope.meaning.words import count_words
from callscope.settings import Settings
from callscope.timeline import union

_log = structlog.get_logger(__name__)

LOOK_EVERY_S = 5.0
"""Time between two looks at the files of rules."""

PIPELINE_VERSION = 3
"""Raise it with every change that makes other rows of the same recording and checkpoint."""


class Interpreter:
    """
    Derives what calls mean.

    Parameters
    ----------
    rulebook : Rulebook
        Rules and scorecards.
    options : ConversationOptions
        What counts as a silence, a crosstalk.
    """

    def __init__(self, rulebook: Rulebook, options: ConversationOptions) -> None:
        self.rulebook = rulebook
        self._options = options

    @classmethod
    def of(cls, settings: Settings) -> Interpreter:
        """
        Return the interpreter that the settings describe.

        Raises
        ------
        RulesInvalid
            The rules can't be read.
        """
        return cls(load_rulebook(settings.rules_folder), ConversationOptions.of(settings))

    def version(self, hearing: Hearing) -> AnalysisVersion:
        """Return what makes this result comparable with others."""
        return AnalysisVersion(hearing.checkpoint, PIPELINE_VERSION, self.rulebook.version)

    def interpret(self, hearing: Hearing, metadata: CallMetadata) -> CallAnalysis:
        """
        Return the whole result of a recording.

        Parameters
        ----------
        hearing : Hearing
            What was heard, or what was stored of it.
        metadata : CallMetadata
            What telephony told of the call; rules may ask for it.
        """
        segments, duration_ms = hearing.segments, hearing.audio.duration_ms
        events = derive_events(segments, duration_ms=duration_ms, options=self._options)
        turns = find_turns(segments)
        entities = find_entities(segments)
        measures = measure_call(segments, events, turns)
        facts = CallFacts(
            segments=segments,
            events=events,
            turns=turns,
            entities=entities,
            measures=measures,
            metadata=metadata,
            duration_ms=duration_ms,
        )
        bursts = find_bursts(facts, self.rulebook.soothing)
        findings = find_findings(facts, self.rulebook)
        spoken = union(segment.interval for segment in segments if segment.is_speech)
        return CallAnalysis(
            version=self.version(hearing),
            hearing=hearing,
            meaning=Meaning(
                speech_coverage=sum(interval.duration_ms for interval in spoken) / max(1, duration_ms),
                events=events,
                turns=turns,
                entities=entities,
                bursts=bursts,
                words=count_words(segments),
                measures=measures,
                findings=findings,
                scores=score_call(bursts, findings, self.rulebook),
            ),
        )

    def notices(self, analysis: CallAnalysis, metadata: CallMetadata) -> list[Notice]:
        """Return what is to be told to others about a call, by the actions of the rules that fired."""
        return make_notices(analysis, metadata, self.rulebook)


class InterpreterSource:
    """
    The interpreter of a running process: follows changes of the rules, and keeps the last good ones.

    Parameters
    ----------
    settings : Settings
        Name the folder of the rules.
    clock : callable
        Returns seconds that never run backward.

    Raises
    ------
    RulesInvalid
        There are no good rules yet.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_s = clock()
        self._files = rules_fingerprint(settings.rules_folder)
        self._interpreter = Interpreter.of(settings)

    def current(self) -> Interpreter:
        """Return the interpreter with the newest good rules; looks for changes every few seconds."""
        with self._lock:
            now_s = self._clock()
            if now_s - self._looked_s >= LOOK_EVERY_S:
                self._looked_s = now_s
                self._follow()
            return self._interpreter

    def _follow(self) -> None:
        files = rules_fingerprint(self._settings.rules_folder)
        if files == self._files:
            return
        # Noted first: a refusal is told once for each change, and a change while the files are read is seen next time.
        self._files = files
        try:
            interpreter = Interpreter.of(self._settings)
        except RulesInvalid as error:
            kept = self._interpreter.rulebook.version
            _log.error("rules_refused", what=error.what, why=error.why, do=error.advice, kept=kept)
            return
        self._interpreter = interpreter
        _log.info("rules_loaded", version=interpreter.rulebook.version)
