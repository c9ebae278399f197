"""The rule book: rules and scorecards as read from a folder, with the version that names their content."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callscope.errors import RulesInvalid
from callscope.meaning.rules.files import Mistake, Source, read_files, rule_files
from callscope.meaning.rules.operators import Strict
from callscope.meaning.rules.schema import SOOTHING, Rule, Scorecard, SoothingCard

BUILTIN_FOLDER = Path(__file__).with_name("builtin")
"""The rules that come with callscope."""

_HASH_CHARS = 8


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Rules and scorecards of one folder."""

    version: str
    """Name of the folder and a short hash of its content, such as ``builtin-5d41402a``."""
    rules: tuple[Rule, ...] = ()
    """By name; those that are switched off too."""
    scorecards: tuple[Scorecard, ...] = ()
    """By name."""
    soothing: SoothingCard = field(default_factory=SoothingCard)

    def as_data(self) -> dict[str, list[dict[str, Any]]]:
        """Return ``rules`` and ``scorecards`` as they are stored: all that explains an old finding."""
        return {
            "rules": [_data(rule) for rule in self.rules],
            "scorecards": [{"name": SOOTHING, **_data(self.soothing)}, *(_data(card) for card in self.scorecards)],
        }


def load_rulebook(folder: Path | None) -> Rulebook:
    """
    Return the rule book of a folder.

    Parameters
    ----------
    folder : Path or None
        With files that end in ``.yaml`` or ``.yml``; None: the rules that come with callscope.

    Raises
    ------
    RulesInvalid
        A file can't be used; the message names every mistake with file, line, what, why, and what to do.
    """
    rulebook, mistakes = check_rules(folder)
    if mistakes:
        first, more = mistakes[0], len(mistakes) - 1
        what = f"{first.file}, line {first.line}: {first.what}" + (f"; and {more} more" if more else "")
        raise RulesInvalid(what, why="\n".join(str(mistake) for mistake in mistakes))
    return rulebook


def check_rules(folder: Path | None) -> tuple[Rulebook, list[Mistake]]:
    """Return the rule book of what can be used of a folder, and every mistake in it, by file and line."""
    folder = BUILTIN_FOLDER if folder is None else folder
    sources, mistakes = read_files(folder)
    return _bind(folder.resolve().name, sources), sorted(mistakes)


def rules_fingerprint(folder: Path | None) -> tuple[tuple[str, int, int], ...]:
    """Return name, time of change and size of each file of a folder: when these are equal, nothing was changed."""
    try:
        stats = [(path.name, path.stat()) for path in rule_files(BUILTIN_FOLDER if folder is None else folder)]
    except OSError:
        # Gone, or changed under our eyes: unlike what was seen before, so it will be read, and refused with a reason.
        return ()
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def _bind(name: str, sources: list[Source]) -> Rulebook:
    rules = sorted((rule for source in sources for rule in source.content.rules), key=lambda rule: rule.name)
    cards = sorted((card for source in sources for card in source.content.scorecards), key=lambda card: card.name)
    soothing = next((source.content.soothing for source in sources if source.content.soothing), SoothingCard())
    return Rulebook(f"{name}-{_hash([*rules, *cards, soothing])}", tuple(rules), tuple(cards), soothing)


def _hash(parts: list[Strict]) -> str:
    # Of what was understood, not of the bytes: comments, order, and which file a rule stands in make no new version,
    # nor does writing out a default.
    content = [part.model_dump(mode="json", by_alias=True, exclude_defaults=True) for part in parts]
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_HASH_CHARS]


def _data(part: Strict) -> dict[str, Any]:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)
