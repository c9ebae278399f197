"""
The list of calls: filtered, sorted, and read a page at a time from where the last page ended.

Rows are never counted off: a page begins behind a key, so that the thousandth costs what the first does.

Filters over what was said and felt are answered by `call_index`. A filter may fit every second call or three of a
million, and nobody knows before: so the first calls in the order are looked at, one by one, and only where they don't
fill the page are all that fit fetched by the filter's own index, and sorted. What fits often is found by the first,
what fits seldom is little to sort; so the work is bounded, whatever Postgres believes about frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from callscope.calls import Emotion, EventKind, Language, Severity, Soothing
from callscope.search import Question, first_place, parse_question
from models.call_index import NOTHING, SHARE_STEPS, STRIP_PARTS, facet, felt
from models.reading import AnyRow
from models.tables import CALL_AT, RuleSet, State

MAX_LIMIT = 500
WALKED, WALKED_FAR, TEXTS_WALKED = 3_000, 30_000, 12_000
"""Calls that are looked at in their order before the filter's own index is asked: at first, then at most; a text costs
more to look at than all else."""
COUNTED = 1_000
"""Of more calls nobody is told the exact number: it would cost more than the list."""
NAMED = 500
"""Agents, queues and rules that a menu offers, at most."""

_SNIPPET_CHARS = 72
_LEAD_CHARS = 16


class Sort(StrEnum):
    """Which calls come first."""

    NEWEST = "newest"
    ANGRIEST = "angriest"
    """By the angry share of the customer's speech."""
    LONGEST = "longest"


class Anger(StrEnum):
    """Calls with a customer's burst of anger."""

    BURST = "burst"
    AFTER_SILENCE = "after-silence"
    """At least one that follows an agent's silence."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls are wanted; None: any."""

    first: date | None = None
    """UTC date of the call."""
    last: date | None = None
    """Inclusive."""
    agent_id: str | None = None
    queue: str | None = None
    language: Language | None = None
    emotion: Emotion | None = None
    """Of the customer."""
    min_percent: int = SHARE_STEPS[0]
    """Of the customer's speech, that the emotion must reach; a step of `SHARE_STEPS`."""
    event: EventKind | None = None
    rule: str | None = None
    severity: Severity | None = None
    """Of at least one finding."""
    anger: Anger | None = None
    outcome: Soothing | None = None
    """Of at least one burst of anger or sadness."""
    device: str | None = None
    """That heard it."""
    state: State | None = None
    code: str | None = None
    """Of the failure."""
    text: str = ""
    """As typed; see `callscope.search`."""
    sort: Sort = Sort.NEWEST


@dataclass(frozen=True, slots=True)
class ListedCall:
    """A call as the list shows it. What comes of an analysis is empty while there is none."""

    recording_id: int
    key: str
    file_name: str | None
    """As whoever uploaded it called it; None for one that telephony put into the bucket."""
    call_id: str | None
    agent_id: str | None
    queue: str | None
    direction: str | None
    call_at: datetime
    """When it began, else when it was discovered."""
    state: State
    error_code: str | None
    error_message: str | None
    duration_ms: int | None
    languages: tuple[str, ...]
    events: tuple[str, ...]
    """Kinds."""
    rules: tuple[str, ...]
    """That hit."""
    severity: Severity | None
    """The gravest of its findings'."""
    finding_count: int
    anger_bursts: int
    angry_share: float | None
    """Of the customer's speech."""
    emotion_shares: dict[str, float]
    """Of the customer's speech, by label."""
    strip: str
    """The customer's emotions in equal parts of the call, a letter each."""
    snippet: str | None = None
    """The line with the words that were looked for, cut around them."""
    marked: tuple[int, int] | None = None
    """Where in the snippet they stand."""
    snippet_ms: int | None = None
    """Where in the call the line begins."""


Place = tuple[datetime | float, int]
"""In the list: by what a row is sorted, a moment in UTC or a number, and its recording."""


@dataclass(frozen=True, slots=True)
class CallPage:
    """A stretch of the list."""

    items: tuple[ListedCall, ...]
    next_place: Place | None
    """After which the next page begins; None at the end."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the menus of filters offer."""

    agents: tuple[str, ...]
    queues: tuple[str, ...]
    rules: tuple[str, ...]


def list_calls(session: Session, wanted: Filter, *, limit: int = 50, after: Place | None = None) -> CallPage:
    """
    Return a page of the list.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    wanted : Filter
        Which calls, and in what order.
    limit : int in [1, MAX_LIMIT]
        Rows of the page.
    after : Place, optional
        Where the page before ended, of the same filter; None: from the first.
    """
    question = parse_question(wanted.text) if wanted.text.strip() else None
    if wanted.text.strip() and question is None:
        return CallPage((), None)  # nothing but marks: no text holds them
    keys = _keys(session, wanted, question, limit=limit + 1, after=after)
    shown = keys[:limit]
    return CallPage(_read(session, [number for _, number in shown], question), shown[-1] if len(keys) > limit else None)


def count_calls(session: Session, wanted: Filter) -> int:
    """Return how many calls the filter fits; `COUNTED` + 1 stands for any greater number."""
    question = parse_question(wanted.text) if wanted.text.strip() else None
    if wanted.text.strip() and question is None:
        return 0
    listing, limit = _listing(wanted, question), COUNTED + 1
    if not listing.is_ordered:
        walked = listing.values | {"limit": limit, "walked": listing.farthest}
        if len(_ask(session, listing.walk(after=False), walked)) == limit:
            return limit
    return session.scalar(text(listing.count()), listing.values | {"limit": limit}) or 0


def ids(session: Session, wanted: Filter, *, limit: int) -> list[int]:
    """Return the recordings that the filter fits, in its order, at most ``limit``."""
    question = parse_question(wanted.text) if wanted.text.strip() else None
    if wanted.text.strip() and question is None:
        return []
    return [number for _, number in _keys(session, wanted, question, limit=limit, after=None)]


def read_listed(session: Session, recording_ids: Sequence[int]) -> tuple[ListedCall, ...]:
    """Return calls as the list shows them, in the order of the numbers; unknown numbers are left out."""
    return _read(session, recording_ids, None)


def choices(session: Session) -> Choices:
    """Return the agents and queues of all recordings, and the rules of the newest rule set; each at most `NAMED`."""
    newest = select(RuleSet.rules).order_by(RuleSet.first_used_at.desc()).limit(1)
    rules = session.scalar(newest) or []
    return Choices(
        agents=_distinct(session, "agent_id"),
        queues=_distinct(session, "queue"),
        rules=tuple(sorted(rule["name"] for rule in rules)),
    )


def _distinct(session: Session, column: str) -> tuple[str, ...]:
    """Return the values of an indexed column by leaping from one to the next, not by reading every row."""
    found = session.scalars(
        text(f"""
WITH RECURSIVE leap AS (
    (SELECT {column} AS value FROM recording WHERE {column} IS NOT NULL ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM recording WHERE {column} > leap.value ORDER BY {column} LIMIT 1)
    FROM leap WHERE leap.value IS NOT NULL
)
SELECT value FROM leap WHERE value IS NOT NULL LIMIT :limit
"""),  # noqa: S608 - our own words
        {"limit": NAMED},
    )
    return tuple(found)


# --- keys -------------------------------------------------------------------------------------------------------------


def _keys(
    session: Session, wanted: Filter, question: Question | None, *, limit: int, after: Place | None
) -> list[Place]:
    listing = _listing(wanted, question)
    values, is_behind = dict(listing.values) | {"limit": limit}, after is not None
    if after is not None:
        values |= {"after_key": after[0], "after_id": after[1]}
    if listing.is_ordered:
        return _ask(session, listing.in_order(after=is_behind), values)
    for walked in (max(WALKED, 2 * limit), listing.farthest):
        keys = _ask(session, listing.walk(after=is_behind), values | {"walked": walked})
        if len(keys) == limit:
            return keys
    return _ask(session, listing.seek(after=is_behind), values)


def _ask(session: Session, statement: str, values: dict[str, Any]) -> list[Place]:
    return [(key, number) for key, number in session.execute(text(statement), values)]


@dataclass(frozen=True, slots=True)
class _Listing:
    """The statements for a filter; all values are parameters, and all else are words of this file."""

    table: str
    key: str
    """What is sorted by; an index of the table has it and then the number."""
    number: str
    bounds: tuple[str, ...]
    """Conditions that the order's own index answers."""
    conditions: tuple[str, ...]
    """The others."""
    phrases: tuple[str, ...]
    """Conditions that need the text itself, the dearest."""
    is_newest: bool
    is_ordered: bool
    """An index gives exactly these rows in this order."""
    joins_ledger: bool
    values: dict[str, Any] = field(default_factory=dict)

    def in_order(self, *, after: bool) -> str:
        """Return the statement that follows an index."""
        return f"""
SELECT {self.key}, {self.number} FROM {self.table}
{_where(self._behind(after=after), self.bounds, self.conditions)}
ORDER BY {self.key} DESC, {self.number} DESC LIMIT :limit
"""  # noqa: S608 - our own words

    def walk(self, *, after: bool) -> str:
        """Return the statement that looks at the first calls in the order, one by one."""
        return f"""
SELECT sorted_by, {self.number} FROM (
    SELECT *, {self.key} AS sorted_by FROM {self.table}
    {_where(self._behind(after=after), self.bounds)}
    ORDER BY {self.key} DESC, {self.number} DESC LIMIT :walked
) AS {self.table}
{self._join()}
{_where(self.conditions, self.phrases)}
ORDER BY sorted_by DESC, {self.number} DESC LIMIT :limit
"""  # noqa: S608 - our own words

    def seek(self, *, after: bool) -> str:
        """Return the statement that fetches all that fit and sorts them; of texts no more than needed are read."""
        columns = f"{self.key} AS sorted_by, {self.number}" + (", text" if self.phrases else "")
        return f"""
SELECT sorted_by, {self.number} FROM (
    SELECT {columns} FROM {self.table}
    {self._join()}
    {_where(self._behind(after=after), self.bounds, self.conditions)}
    OFFSET 0
) AS found
{_where(self.phrases)}
ORDER BY sorted_by DESC, {self.number} DESC LIMIT :limit
"""  # noqa: S608 - our own words

    def count(self) -> str:
        """Return the statement that counts as far as the limit."""
        return f"""
SELECT count(*) FROM (
    SELECT FROM {self.table}
    {self._join()}
    {_where(self.bounds, self.conditions, self.phrases)}
    LIMIT :limit
) AS found
"""  # noqa: S608 - our own words

    @property
    def farthest(self) -> int:
        """How many calls are looked at, one by one, at most."""
        if not self.is_newest and {"agent_id", "queue", "first", "beyond"} & self.values.keys():
            # These have indexes that find few rows, and other orders than time lead all over the table.
            return WALKED
        return TEXTS_WALKED if "grams" in self.values and len(self.conditions) == 1 else WALKED_FAR

    def _behind(self, *, after: bool) -> tuple[str, ...]:
        return (f"({self.key}, {self.number}) < (:after_key, :after_id)",) if after else ()

    def _join(self) -> str:
        return "JOIN recording ON recording.id = call_index.recording_id" if self.joins_ledger else ""


def _where(*conditions: Sequence[str]) -> str:
    listed = [one for some in conditions for one in some]
    return "WHERE " + " AND ".join(listed) if listed else ""


_SORTED_BY = {Sort.NEWEST: "call_at", Sort.ANGRIEST: "angry_share", Sort.LONGEST: "duration_ms"}


def _listing(wanted: Filter, question: Question | None) -> _Listing:
    facets = _facets(wanted)
    asks_index = bool(facets) or question is not None or wanted.sort is not Sort.NEWEST
    asks_ledger = wanted.state is not None or wanted.code is not None
    table = "call_index" if asks_index else "recording"
    call_at = f"{table}.call_at" if asks_index else CALL_AT
    values: dict[str, Any] = {}
    period, of_whom, others, phrases = list[str](), list[str](), list[str](), list[str]()
    if wanted.first is not None:
        period.append(f"{call_at} >= :first")
        values["first"] = _midnight(wanted.first)
    if wanted.last is not None:
        period.append(f"{call_at} < :beyond")
        values["beyond"] = _midnight(min(wanted.last, date.max - timedelta(1)) + timedelta(1))
    for name, value in (("agent_id", wanted.agent_id), ("queue", wanted.queue)):
        if value is not None:
            of_whom.append(f"{table}.{name} = :{name}")
            values[name] = value
    for name, column, told in (("state", "state", wanted.state), ("code", "error_code", wanted.code)):
        if told is not None:
            others.append(f"recording.{column} = :{name}")
            values[name] = told
    if facets:
        others.append("facets @> CAST(:facets AS text[])")
        values["facets"] = facets
    if question is not None:
        others.append("grams @@ CAST(:grams AS tsquery)")
        values["grams"] = " & ".join(
            [*(f"'{gram}'" for gram in question.grams), *(f"'{gram}':*" for gram in question.beginnings)]
        )
        for place, phrase in enumerate(question.phrases):
            phrases.append(f"lower(text) LIKE :phrase_{place}")
            values[f"phrase_{place}"] = f"%{_literal(phrase)}%"
    is_newest = wanted.sort is Sort.NEWEST
    return _Listing(
        table=table,
        key=f"{table}.{_SORTED_BY[wanted.sort]}" if asks_index else CALL_AT,
        number="recording_id" if asks_index else "id",
        bounds=tuple(period) if is_newest else (),
        conditions=(*([] if is_newest else period), *of_whom, *others),
        phrases=tuple(phrases),
        is_newest=is_newest,
        is_ordered=(is_newest and not others) or not (period or of_whom or others),
        joins_ledger=asks_index and asks_ledger,
        values=values,
    )


def _facets(wanted: Filter) -> list[str]:
    """Return the marks that a call must bear."""
    marks = {
        "language": wanted.language,
        "event": wanted.event,
        "rule": wanted.rule,
        "severity": wanted.severity,
        "anger": wanted.anger,
        "outcome": wanted.outcome,
        "device": wanted.device,
    }
    found = [facet(kind, value) for kind, value in marks.items() if value is not None]
    if wanted.emotion is not None:
        reached = [step for step in SHARE_STEPS if step <= wanted.min_percent]
        found.append(felt(wanted.emotion, max(reached, default=SHARE_STEPS[0])))
    return found


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _literal(phrase: str) -> str:
    """Return a phrase in which LIKE sees no wildcard."""
    return phrase.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


# --- rows -------------------------------------------------------------------------------------------------------------

_ROWS = f"""
SELECT
    recording.id AS recording_id,
    recording.key,
    recording.metadata ->> 'file_name' AS file_name,
    recording.call_id,
    recording.agent_id,
    recording.queue,
    recording.direction,
    {CALL_AT} AS call_at,
    recording.state,
    recording.error_code,
    recording.error_message,
    call_index.duration_ms,
    call_index.facets,
    call_index.severity,
    call_index.finding_count,
    call_index.anger_bursts,
    call_index.angry_share,
    call_index.emotion_shares,
    call_index.strip,
    CASE WHEN :with_text THEN call_index.text END AS text,
    CASE WHEN :with_text THEN call_index.starts_ms END AS starts_ms
FROM recording
LEFT JOIN call_index ON call_index.recording_id = recording.id
WHERE recording.id = ANY(:numbers)
"""  # noqa: S608 - our own words


def _read(session: Session, numbers: Sequence[int], question: Question | None) -> tuple[ListedCall, ...]:
    if not numbers:
        return ()
    rows = session.execute(text(_ROWS), {"numbers": list(numbers), "with_text": question is not None})
    found = {row.recording_id: _listed(row, question) for row in rows}
    return tuple(found[number] for number in numbers if number in found)


def _listed(row: AnyRow, question: Question | None) -> ListedCall:
    marks = row.facets or ()
    snippet = None if question is None or row.text is None else _snippet(row.text, row.starts_ms, question)
    return ListedCall(
        recording_id=row.recording_id,
        key=row.key,
        file_name=row.file_name,
        call_id=row.call_id,
        agent_id=row.agent_id,
        queue=row.queue,
        direction=row.direction,
        call_at=row.call_at,
        state=State(row.state),
        error_code=row.error_code,
        error_message=row.error_message,
        duration_ms=row.duration_ms,
        languages=_marks(marks, "language"),
        events=_marks(marks, "event"),
        rules=_marks(marks, "rule"),
        severity=None if row.severity is None else Severity(row.severity),
        finding_count=row.finding_count or 0,
        anger_bursts=row.anger_bursts or 0,
        angry_share=row.angry_share,
        emotion_shares=dict(sorted((row.emotion_shares or {}).items(), key=lambda one: -one[1])),
        strip=row.strip or NOTHING * STRIP_PARTS,
        snippet=snippet.text if snippet else None,
        marked=snippet.marked if snippet else None,
        snippet_ms=snippet.at_ms if snippet else None,
    )


def _marks(facets: Sequence[str], kind: str) -> tuple[str, ...]:
    return tuple(one.removeprefix(f"{kind}:") for one in facets if one.startswith(f"{kind}:"))


@dataclass(frozen=True, slots=True)
class _Snippet:
    text: str
    marked: tuple[int, int]
    at_ms: int


def _snippet(lines: str, starts_ms: Sequence[int], question: Question) -> _Snippet | None:
    """Return the first line of speech that holds what was looked for, cut around it."""
    for line, at_ms in list(zip(lines.split("\n"), starts_ms, strict=True))[1:]:
        if (place := first_place(line, question)) is not None:
            begin = max(0, place[0] - _LEAD_CHARS)
            lead = "…" if begin else ""
            cut = line[begin : begin + _SNIPPET_CHARS]
            tail = "…" if begin + _SNIPPET_CHARS < len(line) else ""
            shift = len(lead) - begin
            return _Snippet(f"{lead}{cut}{tail}", (place[0] + shift, place[1] + shift), at_ms)
    return None
