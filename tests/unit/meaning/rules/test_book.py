"""Files of rules: what is read, how mistakes are told, what makes a version; and the commands about them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from callscope.cli import COMMANDS, callscope
from callscope.errors import RulesInvalid
from callscope.meaning.rules.book import BUILTIN_FOLDER, check_rules, load_rulebook
from callscope.meaning.rules.files import read_text, rule_files
from callscope.meaning.rules.schema import RuleFile
from tests.scripts import play
from tests.unit.meaning.rules.scenes import a_rulebook, facts_of, findings, fired, write

pytestmark = pytest.mark.unit

GOOD = """
rules:
  - name: angry
    about: The customer is angry.
    when: {emotion: ANGRY, role: customer}
"""


def mistake(text: str) -> str:
    """Return the one mistake of a rule whose condition begins on line 5."""
    lines = "".join(f"      {line}\n" for line in text.strip("\n").splitlines())
    return only(f"rules:\n  - name: x\n    about: x\n    when:\n{lines}")


def only(text: str) -> str:
    found = read_text("a.yaml", text)
    assert isinstance(found, list)
    (one,) = found
    return str(one)


# --- mistakes


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("emotion: ANGR", "line 5: `emotion`: ANGR can't be used; there are `HAPPY`, "),
        ("emotion: ANGR", "did you mean `ANGRY`?"),
        ("emotion: SAD\nrole: costumer", "line 6: `role`: costumer can't be used; there are `agent`, `customer`"),
        (
            "emotion: SAD\nmin_prob: 1",
            "line 6: `min_prob` is no field here; there are `emotion`, `role`, `min_probability`",
        ),
        (
            "emotion: SAD\n\n# far away\nmin_probability: 1.5",
            "line 8: `min_probability`: 1.5 can't be used; it should be less",
        ),
        ("emotoin: SAD", "line 5: `emotoin`: no operator; operators are `emotion`, "),
        ("emotoin: SAD", "did you mean `emotion`?"),
        ("{}", "the condition is empty"),
        ("ANGRY", "ANGRY is no condition; a condition is a mapping"),
        ("emotion: SAD\nevent: SIGH", "one condition has 2 operators: `emotion`, `event`; a condition has one"),
        ("keyword: 12315", 'without quotes this is a number; write "12315"'),
        ("keyword: []", "`keyword`: [] can't be used; it needs 1 or more"),
        ("keyword: [a]\nat_least: 2", "2 of 1 words can't be said"),
        ("regex: '(?=x)'", "line 5: `regex` can't be used as it is; look-around"),
        ("regex: '('", "unclosed group"),
        (f"regex: {'a' * 1_001}", "at most 1000 characters"),
        ("talk_speed: {at_lest: 3}", "line 5: `at_lest` is no field here; there are `at_least`, `at_most`"),
        ("talk_speed: {}", "a range needs `at_least`, `at_most`, or both"),
        ("talk_speed: {at_least: 3, at_most: 2}", "nothing is at least 3 and at most 2"),
        ("talk_speed: {at_least: 3}\nover: call", "`over: call` needs `role: agent` or `role: customer`"),
        ("talk_share: {at_least: 1}", "`role` is missing; it has no default; add `role: ...`"),
        ("all: [{emotion: SAD}]", "it needs 2 or more"),
        ("all:\n  - emotion: SAD\n  - event: SIHG", "line 7: `event`: SIHG can't be used"),
        ("sequence: [{emotion: SAD}, {emotion: SAD}]", "`within_ms` is missing"),
        ("at: {emotion: SAD}\nwithin_ms: 1", "say what is beside it: `with`, or what isn't: `without`"),
        ("at: {emotion: SAD}\nwith: {event: SIGH}", "say how near: `within_ms` or `within_turns`"),
        ("count: {emotion: SAD}", "say how many: `at_least`, `at_most`, or both"),
        ("count: {emotion: SAD}\nat_most: 2\nwithin_ms: 5", "`within_ms` goes with `at_least` alone"),
        (
            "find: {emotion: SAD}\nin: {first_ms: 1, last_ms: 2}",
            "line 6: `in` can't be used as it is; say one of `first_ms`",
        ),
        ("find: {emotion: SAD}\nin: {first_ms: 1, role: agent}", "`role` goes with `first_turns` or `last_turns`"),
        ("metadata: queue", "say one of `equals`, `one_of`, `matches`, `exists`"),
        ("not: {not: {not: {emotion: x}}}", "`emotion`: x can't be used"),
    ],
)
def test_a_mistake_in_a_condition(condition: str, told: str) -> None:
    assert told in mistake(condition)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules: [", "line 1: this is no YAML"),
        ("rules:\n  - name: a\n   about: b", "line 3: this is no YAML"),
        ("rules: []\nrule: []", "line 2: `rule` is no field here; there are `rules`, `scorecards`, `soothing`"),
        ("rules: []\nrules: []", "line 2: `rules` is there twice"),
        ("rules: &a []\nscorecards: *a", "an alias stands for something else"),
        ("rules: []\n? [a]\n: b", "line 2: a key is a word"),
        ("soothing: {benchmark: yes}", "`benchmark`: yes can't be used"),
        ("- a", "can't be used"),
        ("[" * 60 + "]" * 60, "more than 40 levels"),
        ("scorecards: [{name: a, items: [{name: b}]}]", "rules that are `found`, or that are `not_found`"),
        ("soothing: {softened_by: agent}", "there are `customer`, `either`"),
    ],
)
def test_a_mistake_in_a_file(text: str, told: str) -> None:
    assert told in only(text)


def test_every_mistake_of_every_file_is_told(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "shop",
        a="rules:\n  - name: Bad Name\n    about: x\n    enabled: no\n    when: {emotion: SAD}\n",
        b="rules:\n  - {name: one, about: x, outranks: [tow], when: {emotion: SAD}}\n"
        "  - {name: two, about: x, outranks: [three], when: {emotion: SAD}}\n"
        "  - {name: three, about: x, outranks: [two], when: {emotion: SAD}}\n",
        c="rules:\n  - {name: one, about: x, when: {emotion: SAD}}\n"
        "scorecards: [{name: card, items: [{name: i, found: [four]}]}]\n",
    )
    (folder / "d.yml").write_bytes(b"rules: []\n# \xff")
    (folder / "notes.txt").write_text("[")
    _, mistakes = check_rules(folder)
    assert [(one.file, one.line) for one in mistakes] == [
        ("a.yaml", 2),
        ("a.yaml", 4),
        ("b.yaml", 2),
        ("b.yaml", 3),
        ("b.yaml", 4),
        ("c.yaml", 2),
        ("c.yaml", 3),
        ("d.yml", 2),
    ]
    told = [one.what for one in mistakes]
    assert told[2:] == [
        "there is no rule `tow`",
        "`two` outranks itself",
        "`three` outranks itself",
        "there are two rules `one`",
        "there is no rule `four`",
        "this is no UTF-8",
    ]
    assert mistakes[2].advice == "did you mean `two`?"
    with pytest.raises(RulesInvalid, match=r"a\.yaml, line 2: .*; and 7 more") as refused:
        load_rulebook(folder)
    assert refused.value.why.count("\n") == 7


def test_a_folder_that_is_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(RulesInvalid, match="can't be read"):
        load_rulebook(tmp_path / "nowhere")
    with pytest.raises(RulesInvalid, match="holds no rules"):
        load_rulebook(tmp_path)


def test_words_are_words(tmp_path: Path) -> None:
    book = a_rulebook("rules: [{name: x, about: x, when: {keyword: [no, on, 12:30, 1e3, ~x, '012']}}]")
    assert fired(facts_of([("agent", 0, 1_000, "no")]), book) == [("x", 0)]
    assert fired(facts_of([("agent", 0, 1_000, "at 12:30")]), book) == [("x", 0)]
    assert fired(facts_of([("agent", 0, 1_000, "false")]), book) == []
    assert load_rulebook(write(tmp_path / "one", a="# nothing yet\n", b=GOOD)).rules


# --- versions


def test_the_version_names_what_was_understood(tmp_path: Path) -> None:
    one = load_rulebook(write(tmp_path / "shop", a=GOOD)).version
    name, _, digest = one.rpartition("-")
    assert (name, len(digest)) == ("shop", 8)
    again = tmp_path / "again"
    again.mkdir()
    same = """
# The same, said at length.
rules:
    - when:
        emotion: [ANGRY]
        role:    customer
        min_probability: 0.5
      about: "The customer is angry."
      enabled: true
      name: angry
"""
    assert load_rulebook(write(again / "shop", other=same, more="scorecards: []")).version == one
    for changed in (
        GOOD.replace("ANGRY", "SAD"),
        GOOD.replace("is angry", "was angry"),
        GOOD + "    enabled: false\n",
        GOOD + "soothing: {benchmark: 0.7}\n",
    ):
        assert load_rulebook(write(tmp_path / "shop", a=changed)).version != one


def test_a_book_as_data_explains_its_findings(tmp_path: Path) -> None:
    book = load_rulebook(write(tmp_path / "shop", a=GOOD))
    data = json.loads(json.dumps(book.as_data()))
    (rule,) = data["rules"]
    assert rule["name"] == "angry"
    assert rule["when"] == {"emotion": ["ANGRY"], "role": "customer", "min_probability": 0.5}
    assert data["scorecards"][0]["name"] == "soothing"
    assert data["scorecards"][0]["benchmark"] == 0.65
    builtin = load_rulebook(None).as_data()
    assert [card["name"] for card in builtin["scorecards"]] == ["soothing", "service"]
    assert all(rule["when"] for rule in builtin["rules"])
    # What was stored can be read again.
    RuleFile.model_validate_json(json.dumps({"rules": builtin["rules"]}))


# --- rules


def test_a_rule_that_is_off_finds_nothing_and_outranks_nothing() -> None:
    text = """
rules:
  - {name: weak, about: x, when: {emotion: ANGRY}}
  - {name: strong, about: x, enabled: ENABLED, outranks: [weak], when: {emotion: ANGRY, role: customer}}
"""
    angry = facts_of([("customer", 0, 1_000, "一", "ANGRY"), ("agent", 2_000, 3_000, "二", "ANGRY")])
    assert fired(angry, a_rulebook(text.replace("ENABLED", "true"))) == [("strong", 0), ("weak", 2_000)]
    assert fired(angry, a_rulebook(text.replace("ENABLED", "false"))) == [("weak", 0), ("weak", 2_000)]


def test_facts_of_the_call_outrank_nothing() -> None:
    book = a_rulebook("""
rules:
  - {name: weak, about: x, when: {duration_ms: {at_least: 1}}}
  - {name: strong, about: x, outranks: [weak], when: {turn_count: {at_least: 1}}}
""")
    assert {rule for rule, _ in fired(facts_of([("agent", 0, 1_000, "一")]), book)} == {"weak", "strong"}


def test_rules_may_trust_guessed_roles_more_or_less() -> None:
    (segment,) = play([("customer", 0, 1_000, "一", "ANGRY")])
    book = a_rulebook("""
rules:
  - {name: careful, about: x, when: {emotion: ANGRY, role: customer}, min_role_confidence: 0.9}
  - {name: bold, about: x, when: {emotion: ANGRY, role: customer}, min_role_confidence: 0.1}
""")
    (finding,) = findings(facts_of((replace(segment, role_confidence=0.4),)), book)
    assert (finding.rule, finding.probability) == ("bold", 0.4)


# --- schema and commands


def test_the_schema_takes_what_is_good_and_refuses_what_is_not() -> None:
    result = CliRunner().invoke(callscope, ["rules", "schema"])
    schema = json.loads(result.output)
    validator = jsonschema.Draft202012Validator(schema)
    for path in rule_files(BUILTIN_FOLDER):
        validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    for bad in ({"emotion": "ANGR"}, {"emotion": "SAD", "event": "SIGH"}, {"emotion": "SAD", "x": 1}, {}):
        assert not validator.is_valid({"rules": [{"name": "x", "about": "x", "when": bad}]})


def test_check_says_what_is_there() -> None:
    result = CliRunner().invoke(callscope, ["rules", "check"])
    assert result.exit_code == 0
    assert result.output.startswith(load_rulebook(None).version)


def test_check_lists_mistakes_and_fails(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", a=GOOD.replace("ANGRY", "ANGR") + "    x: 1\n")
    result = CliRunner().invoke(callscope, ["rules", "check", str(folder)])
    assert result.exit_code == 1
    assert "a.yaml, line 5: `emotion`: ANGR can't be used\n    why: " in result.output
    assert "a.yaml, line 6: `x` is no field here\n" in result.output
    lines = CliRunner().invoke(callscope, ["rules", "check", "--json", str(folder)]).output.splitlines()
    assert [json.loads(line)["line"] for line in lines] == [5, 6]


def test_the_list_of_rules(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "shop", a=GOOD + "    enabled: false\n    actions: [{webhook: tickets}, {mail: quality}]\n"
    )
    result = CliRunner().invoke(callscope, ["rules", "list", str(folder)])
    assert "angry (off)" in result.output
    assert "webhook tickets" in result.output
    assert "mail quality" in result.output
    as_json = CliRunner().invoke(callscope, ["rules", "list", "--json"])
    assert {json.loads(line)["name"] for line in as_json.output.splitlines()} >= {"angry", "sigh-then-angry"}


def test_the_commands_are_on_the_table() -> None:
    assert "rules" in COMMANDS
