"""Files of rules: read with the line of everything, so that a mistake is told where it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import override

from callscope.meaning.rules.conditions import OPERATORS, TAG, Part, operator_keys
from callscope.meaning.rules.operators import Range, fields_of
from callscope.meaning.rules.schema import SOOTHING, Action, Rule, RuleFile, Scorecard, ScorecardItem, SoothingCard

Path_ = tuple[str | int, ...]
"""Way to a value of a file: keys and positions."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """Something in a file that can't be used."""

    file: str
    line: int
    what: str
    why: str
    advice: str
    """What to do."""

    @override
    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.what}; {self.why}; {self.advice}"


@dataclass(frozen=True, slots=True)
class Source:
    """A file as read, with the line of each of its values."""

    file: str
    content: RuleFile
    lines: Mapping[Path_, int] = field(repr=False)

    def line_of(self, path: Iterable[str | int]) -> int:
        """Return the line of the deepest part of a path that the file holds."""
        here: Path_ = ()
        for part in path:
            if (*here, part) in self.lines:
                here = (*here, part)
        return self.lines.get(here, 1)


def rule_files(folder: Path) -> list[Path]:
    """Return the files of a folder that hold rules, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"} and path.is_file())


def read_files(folder: Path) -> tuple[list[Source], list[Mistake]]:
    """Return the files of a folder that can be used, and every mistake of the others."""
    try:
        paths = rule_files(folder)
    except OSError as error:
        return [], [Mistake(str(folder), 1, "the folder can't be read", str(error), "name a folder that is there")]
    if not paths:
        why = "rules are in files that end in .yaml or .yml"
        return [], [Mistake(str(folder), 1, "the folder holds no rules", why, "put one there, or name another folder")]
    sources, mistakes = [], []
    for path in paths:
        try:
            source = read_text(path.name, path.read_text(encoding="utf-8"))
        except OSError as error:
            mistakes.append(Mistake(path.name, 1, "the file can't be read", str(error), "let the process read it"))
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            mistakes.append(Mistake(path.name, line, "this is no UTF-8", error.reason, "save the file as UTF-8"))
        else:
            if isinstance(source, Source):
                sources.append(source)
            else:
                mistakes += source
    return sources, mistakes + _mistakes_between(sources)


def read_text(file: str, text: str) -> Source | list[Mistake]:
    """
    Return a file's content, or its mistakes.

    Parameters
    ----------
    file : str
        Its name, for the mistakes.
    text : str
        What it holds.
    """
    reader = _Reader(file)
    try:
        data = reader.read(text)
    except yaml.YAMLError as error:
        return [_syntax_mistake(file, error)]
    if reader.mistakes:
        return reader.mistakes
    source = Source(file, RuleFile(), MappingProxyType(reader.lines))
    try:
        # As JSON, because strict models take a word for an enumeration's member from JSON alone.
        content = RuleFile.model_validate_json(json.dumps({} if data is None else data))
    except ValidationError as error:
        return sorted({_mistake(source, one) for one in _independent(error.errors(include_url=False))})
    return Source(file, content, source.lines)


_BOOLEANS = MappingProxyType({"true": True, "false": False})
_NULLS = frozenset({"", "~", "null"})
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]+")
_MAX_DEPTH = 40


class _Reader:
    """
    Makes plain data of a file, and notes the line of each value.

    What a bare word means is decided here, by fewer rules than YAML 1.1 has: there `no` is false, 12:30 is 750, and 012
    is 10. Here only `true`, `false`, `null` and decimal numbers are not texts.
    """

    def __init__(self, file: str) -> None:
        self.mistakes: list[Mistake] = []
        self.lines: dict[Path_, int] = {}
        self._file = file
        self._seen: set[int] = set()

    def read(self, text: str) -> Any:  # noqa: ANN401 - what a file holds is known when it is validated
        """
        Return the file's data.

        Raises
        ------
        yaml.YAMLError
            It is no YAML.
        """
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        return None if node is None else self._value(node, ())

    def _value(self, node: yaml.Node, path: Path_) -> Any:  # noqa: ANN401 - as `read`
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._seen:
            self._refuse(node, "an alias stands for something else", "write it out")
            return None
        if len(path) > _MAX_DEPTH:
            self._refuse(node, f"more than {_MAX_DEPTH} levels", "name a part as a rule of its own")
            return None
        self._seen.add(id(node))
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path)
            case yaml.SequenceNode():
                return [self._value(item, (*path, position)) for position, item in enumerate(node.value)]
            case yaml.ScalarNode():
                return _scalar(node)
            case _:
                self._refuse(node, "something else than a mapping, a list or a word", "write one of these")
                return None

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, "a key is a word", "write `name: value`")
            elif key.value in data:
                self._refuse(key, f"`{key.value}` is there twice", "keep one of them")
            else:
                self.lines[*path, key.value] = key.start_mark.line + 1
                data[key.value] = self._value(value, (*path, key.value))
        return data

    def _refuse(self, node: yaml.Node, what: str, advice: str) -> None:
        why = "rules are plain data, each thing said once"
        self.mistakes.append(Mistake(self._file, node.start_mark.line + 1, what, why, advice))


def _scalar(node: yaml.ScalarNode) -> str | float | bool | None:
    text: str = node.value
    if node.style is not None:
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


def _syntax_mistake(file: str, error: yaml.YAMLError) -> Mistake:
    advice = "look at indentation, colons and quotes here and in the line before"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        why = error.problem or error.context or "the file ends too early"
        return Mistake(file, mark.line + 1 if mark else 1, "this is no YAML", why, advice)
    return Mistake(file, 1, "this is no YAML", " ".join(str(error).split()), advice)


# --- what is wrong with a value -----------------------------------------------------------------------------------

_MODELS: Mapping[str | int, type[BaseModel]] = MappingProxyType(
    {
        "rules": Rule,
        "actions": Action,
        "scorecards": Scorecard,
        "items": ScorecardItem,
        "soothing": SoothingCard,
        "in": Part,
    }
)
"""Of the values, or the items of the values, under a key."""


def _independent(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return the errors without those that follow from others: a list whose items are wrong is "too short" as well."""
    paths = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if error["type"] != "too_short"
        or not any(len(path) > len(error["loc"]) and path[: len(error["loc"])] == error["loc"] for path in paths)
    ]


def _mistake(source: Source, error: ErrorDetails) -> Mistake:
    """Return what a validation error says, in three parts."""
    path, value, kind = error["loc"], error["input"], error["type"]
    name = next((str(part) for part in reversed(path) if not _is_tag(part) and isinstance(part, str)), "the file")
    what = f"`{name}`: {_shown(value)} can't be used"
    why = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    advice = "see docs/rules.md, or `callscope rules schema`"
    match kind:
        case "extra_forbidden":
            fields = list(fields_of(_model_at(path)))
            what = f"`{name}` is no field here"
            why, advice = f"there are {_listing(fields)}", _nearest(name, fields)
        case "missing":
            what, why, advice = f"`{name}` is missing", "it has no default", f"add `{name}: ...`"
        case "too_short":
            why, advice = f"it needs {error['ctx']['min_length']} or more", "add what is missing"
        case "union_tag_not_found":
            what, why, advice = _no_operator(value)
            # Of several operators the last is the one too many; where there is none, the first key was meant as one.
            keys = (operator_keys(value)[-1:] or [str(key) for key in value][:1]) if isinstance(value, dict) else []
            path = (*path, *keys)
        case "string_type" if isinstance(value, int | float):
            why, advice = "a text is needed, and without quotes this is a number", f'write "{_shown(value)}"'
        case "bool_type":
            why, advice = "only `true` and `false` are", "write one of them, without quotes"
        case "enum" | "literal_error" if isinstance(value, str):
            expected = str(error.get("ctx", {}).get("expected", ""))
            choices = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
            why, advice = f"there are {_listing(choices)}", _nearest(value, choices)
        case "value_error":
            what = f"`{name}` can't be used as it is"
            advice = "correct it; docs/rules.md has an example"
        case _:
            why = f"it should be {why[:1].lower()}{why[1:]}"
    return Mistake(source.file, source.line_of(path), what, why, advice)


def _no_operator(value: object) -> tuple[str, str, str]:
    if not isinstance(value, dict):
        return f"{_shown(value)} is no condition", "a condition is a mapping", "write `operator: value`"
    keys = operator_keys(value)
    if keys:
        what = f"one condition has {len(keys)} operators: {_listing(keys)}"
        return what, "a condition has one", "put them as items under `all:`, `any:` or `together:`"
    names = [str(key) for key in value] or [""]
    what = f"{_listing(names)}: no operator" if value else "the condition is empty"
    advice = _nearest(names[0], list(OPERATORS))
    return what, f"operators are {_listing(list(OPERATORS))}", advice


def _model_at(path: Path_) -> type[BaseModel]:
    """Return the model whose field the path's last part was meant to be."""
    model: type[BaseModel] = RuleFile
    for part in path[:-1]:
        if _is_tag(part):
            model = OPERATORS[str(part).removeprefix(TAG)]
        elif part in _MODELS:
            model = _MODELS[part]
        elif part in model.model_fields and "Range" in str(model.model_fields[str(part)].annotation):
            model = Range
    return model


def _is_tag(part: str | int) -> bool:
    return isinstance(part, str) and part.startswith(TAG)


def _nearest(word: str, choices: list[str]) -> str:
    near = get_close_matches(word.casefold(), [choice.casefold() for choice in choices], n=1)
    meant = next((choice for choice in choices if near and choice.casefold() == near[0]), None)
    return f"did you mean `{meant}`?" if meant else "use one of them"


def _listing(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str) if not isinstance(value, str) else value
    limit = 60
    return text if len(text) <= limit else text[:limit] + "..."


# --- what is wrong between files ------------------------------------------------------------------------------------


def _mistakes_between(sources: list[Source]) -> list[Mistake]:
    rules = {rule.name: rule for source in sources for rule in source.content.rules}
    seen: dict[tuple[str, str], str] = {}
    mistakes = []
    for source in sources:
        content = source.content
        named: list[tuple[Path_, str, str]] = [
            (("rules", number, "name"), "rule", rule.name) for number, rule in enumerate(content.rules)
        ]
        named += [
            (("scorecards", number, "name"), "scorecard", card.name) for number, card in enumerate(content.scorecards)
        ]
        if content.soothing is not None:
            named.append((("soothing",), "scorecard", SOOTHING))
        for path, kind, name in named:
            if (kind, name) in seen:
                what = f"there are two {kind}s `{name}`"
                why = f"the other one is in {seen[kind, name]}"
                mistakes.append(Mistake(source.file, source.line_of(path), what, why, "give one another name"))
            seen.setdefault((kind, name), f"{source.file}, line {source.line_of(path)}")
        for path, name in _references(content):
            if name not in rules:
                advice = _nearest(name, list(rules))
                why = f"there are {_listing(sorted(rules))}" if rules else "there are no rules"
                mistakes.append(Mistake(source.file, source.line_of(path), f"there is no rule `{name}`", why, advice))
        for number, rule in enumerate(content.rules):
            if _outranks_itself(rule, rules):
                line = source.line_of(("rules", number, "outranks"))
                what = f"`{rule.name}` outranks itself"
                why = "following `outranks` from rule to rule leads back to it"
                mistakes.append(Mistake(source.file, line, what, why, "take one of the steps out"))
    return mistakes


def _references(content: RuleFile) -> Iterator[tuple[Path_, str]]:
    """Yield every rule that is named by something else, and where."""
    for number, rule in enumerate(content.rules):
        for position, name in enumerate(rule.outranks):
            yield ("rules", number, "outranks", position), name
    for number, card in enumerate(content.scorecards):
        for position, name in enumerate(card.only_if):
            yield ("scorecards", number, "only_if", position), name
        for place, item in enumerate(card.items):
            for key, names in (("found", item.found), ("not_found", item.not_found)):
                for position, name in enumerate(names):
                    yield ("scorecards", number, "items", place, key, position), name


def _outranks_itself(rule: Rule, rules: Mapping[str, Rule]) -> bool:
    reached, ahead = set[str](), list(rule.outranks)
    while ahead:
        name = ahead.pop()
        if name == rule.name:
            return True
        if name not in reached and name in rules:
            reached.add(name)
            ahead += rules[name].outranks
    return False
