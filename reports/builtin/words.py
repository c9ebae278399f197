"""Hot words: what is said most, and what is said in anger."""

from __future__ import annotations

from collections.abc import Sequence

from models import reports
from models.reports import HotWord, Scope
from models.session import Session
from reports.builtin.document import Column, Document, Unit, section
from reports.builtin.show import counted

NAME = "hot-words"

COLUMNS = (
    Column("word", "word"),
    Column("language", "language"),
    Column("mentions", "mentions", Unit.COUNT),
    Column("calls", "calls", Unit.COUNT),
    Column("angry_mentions", "in anger", Unit.COUNT),
    Column("share_angry", "share in anger", Unit.SHARE, has_bar=True),
    Column("mentions_before", "period before", Unit.COUNT),
    Column("change", "change", Unit.CHANGE),
)


def compose(
    session: Session, scope: Scope, *, language: str | None, by_anger: bool, limit: int, page_url: str
) -> Document:
    """
    Return the report.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    scope : Scope
        Which calls; the period before is as long and ends the day before.
    language : str, optional
        None: every language.
    by_anger : bool
        Whether mentions in anger put a word first.
    limit : int > 0
        At most so many words.
    page_url : str
        Where the pages are served, or empty.
    """
    found = reports.hot_words(session, scope, language=language, by_anger=by_anger, limit=limit)
    return Document(
        report=NAME,
        title="Hot words",
        question="Which words are said most, and which in anger?",
        scope=scope,
        options={"language": language, "order": "anger" if by_anger else "mentions", "limit": limit},
        summary=(_summary(found),),
        totals={
            "words": len(found),
            "mentions": sum(word.mentions for word in found),
            "angry_mentions": sum(word.angry_mentions for word in found),
        },
        sections=(section("words", "Words", COLUMNS, found),),
        page_url=page_url,
    )


def _summary(found: Sequence[HotWord]) -> str:
    if not found:
        return "No words were counted."
    first = found[0]
    return f"“{first.word}” comes first: {counted(first.mentions, 'mention')}, {first.angry_mentions:,} in anger."
