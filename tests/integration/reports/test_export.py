from __future__ import annotations

import csv
import io
import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, event, text

from callscope.calls import CallMeasures, CallMetadata
from callscope.cli import callscope
from callscope.errors import DatabaseUnavailable, NotStored, StorageUnavailable, UsageError
from models import extracts
from models.extracts import NAMES, Selection
from models.session import transaction
from reports.export import files
from tests.examples import a_segment
from tests.integration.models import steps
from tests.integration.models.stored import store
from tests.whole_call import METADATA, a_whole_call

pytestmark = pytest.mark.integration

NUMBER = "202611090012"


@pytest.fixture
def run(database_url: str) -> Any:
    def export(*words: str | Path) -> Result:
        environment = {"CALLSCOPE_DATABASE_URL": database_url, "CALLSCOPE_BUCKET": "calls"}
        arguments = ["export", *map(str, words)]
        return CliRunner().invoke(callscope, arguments, env=environment, catch_exceptions=False)

    return export


@pytest.fixture
def stored(engine: Engine) -> int:
    """One whole call; return the number of its analysis."""
    return store(engine, "a.wav", a_whole_call(), metadata=METADATA, keep_values=True)


def lines(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("stored")
def test_every_table_in_every_format_holds_the_same(run: Any, tmp_path: Path, name: str) -> None:
    rows = [json.loads(line) for line in run(name, "--format", "jsonl").stdout.splitlines()]
    assert rows
    assert json.loads(run(name, "--format", "json").stdout) == rows
    assert {row["call_id"] for row in rows} == {"c-1"}
    as_csv = lines(run(name))
    assert [list(row) for row in as_csv] == [list(row) for row in rows]
    target = tmp_path / "table.parquet"
    assert run(name, "--format", "parquet", "-o", target).exit_code == 0
    table = pq.read_table(target)
    assert table.num_rows == len(rows)
    for column in table.schema:
        assert column.metadata[b"comment"], column.name
    for typed, plain in zip(table.to_pylist(), rows, strict=True):
        assert typed.keys() == plain.keys()
        for column, value in typed.items():
            expected = plain[column]
            if isinstance(value, datetime):
                assert (value.utcoffset(), value) == (UTC.utcoffset(None), datetime.fromisoformat(expected))
            elif isinstance(value, date):
                assert value.isoformat() == expected
            elif isinstance(expected, dict) or (isinstance(value, str) and isinstance(expected, list)):
                assert json.loads(value) == expected
            else:
                assert value == expected, column


@pytest.mark.usefixtures("stored")
def test_parquet_columns_are_typed(run: Any, tmp_path: Path) -> None:
    target = tmp_path / "turns.parquet"
    run("turns", "--format", "parquet", "-o", target)
    schema = pq.read_schema(target)
    assert schema.field("call_date").type == pa.date32()
    assert schema.field("started_at").type == pa.timestamp("us", tz="UTC")
    assert schema.field("segment_nos").type == pa.list_(pa.int32())
    assert schema.field("channel").type == pa.int16()
    assert schema.field("recording_id").type == pa.int64()
    assert schema.field("units_per_s").type == pa.float64()
    assert schema.field("response_ms").metadata == {
        b"comment": b"since the other party's last word, in ms; below 0: before it ended; null: the first to speak"
    }
    assert pq.read_table(target).column("started_at")[0].as_py() == METADATA.started_at


@pytest.mark.usefixtures("stored")
def test_a_table_of_calls_has_their_sums(run: Any) -> None:
    (call,) = [json.loads(line) for line in run("calls", "--format", "jsonl").stdout.splitlines()]
    measures = a_whole_call().meaning.measures
    for field in fields(CallMeasures):
        assert call[field.name] == getattr(measures, field.name), field.name
    assert (call["checkpoint"], call["rules"]) == ("demo-0123abcd", "shop-00000001")


def test_an_empty_table_is_a_heading(run: Any, tmp_path: Path) -> None:
    assert run("events").stdout.startswith("recording_id,analysis_id,call_id")
    assert len(run("events").stdout.splitlines()) == 1
    assert run("events", "--format", "jsonl").stdout == ""
    assert json.loads(run("events", "--format", "json").stdout) == []
    run("events", "--format", "parquet", "-o", tmp_path / "e.parquet")
    assert pq.read_table(tmp_path / "e.parquet").num_rows == 0


def test_only_the_current_analysis_is_told_and_shares_its_segments(run: Any, engine: Engine) -> None:
    base_id = store(engine, "a.wav", a_whole_call(rules="shop-00000001"), metadata=METADATA)
    analysis_id = store(engine, "a.wav", a_whole_call(rules="shop-00000002"), base_id=base_id)
    for name, count in (("calls", 1), ("segments", 4), ("emotions", 4), ("findings", 1), ("scores", 1)):
        rows = lines(run(name))
        assert [row["analysis_id"] for row in rows] == [str(analysis_id)] * count, name
    assert [row["segment_no"] for row in lines(run("segments"))] == ["0", "1", "2", "3"]


def test_calls_are_chosen_by_date_queue_and_agent(run: Any, engine: Engine) -> None:
    for number, (queue, agent) in enumerate([("returns", "a-1"), ("returns", "a-2"), ("sales", "a-1")]):
        moment = datetime(2026, number + 1, 15, 23, 59, tzinfo=UTC)
        metadata = CallMetadata(call_id=f"c-{number}", queue=queue, agent_id=agent, started_at=moment)
        store(engine, f"{number}.wav", a_whole_call(), metadata=metadata)
    for words, expected in (
        ([], ["c-0", "c-1", "c-2"]),
        (["--from", "2026-02-15"], ["c-1", "c-2"]),
        (["--to", "2026-02-15"], ["c-0", "c-1"]),
        (["--from", "2026-02-15", "--to", "2026-02-15"], ["c-1"]),
        (["--queue", "returns"], ["c-0", "c-1"]),
        (["--agent", "a-1"], ["c-0", "c-2"]),
        (["--agent", "a-1", "--queue", "sales"], ["c-2"]),
        (["--queue", "nobody's"], []),
    ):
        for name in ("calls", "recordings", "bursts", "scores", "emotions"):
            found = [row["call_id"] for row in lines(run(name, *words))]
            assert list(dict.fromkeys(found)) == expected, (name, words)


def test_the_ledger_is_told_whole_also_without_analyses(run: Any, engine: Engine) -> None:
    steps.discover(engine, "waits.wav", metadata=CallMetadata(call_id="c-9", extra={"vip": "yes"}))
    (row,) = lines(run("recordings"))
    assert (row["state"], row["key"], row["analysis_id"]) == ("discovered", "waits.wav", "")
    assert json.loads(row["metadata"]) == {"vip": "yes"}
    assert lines(run("calls")) == []


@pytest.mark.usefixtures("stored")
def test_numbers_of_people_are_masked_unless_asked_for(run: Any) -> None:
    for name in NAMES:
        assert NUMBER not in run(name).stdout, name
    (entity,) = lines(run("entities"))
    assert (entity["masked_value"], entity["value"]) == ("********0012", "")
    assert lines(run("segments"))[1]["text"] == "订单********0012三天了。"
    (entity,) = lines(run("entities", "--clear"))
    assert entity["value"] == NUMBER
    assert lines(run("segments", "--clear"))[1]["text"] == f"订单{NUMBER}三天了。"


def test_a_value_that_was_not_stored_can_not_be_told(run: Any, engine: Engine) -> None:
    store(engine, "a.wav", a_whole_call())
    (entity,) = lines(run("entities", "--clear"))
    assert (entity["masked_value"], entity["value"]) == ("********0012", "")


def test_what_was_said_is_no_formula(run: Any, engine: Engine) -> None:
    analysis = a_whole_call()
    said = '=HYPERLINK("http://evil.example","ok")'
    hearing = replace(analysis.hearing, segments=(a_segment(text=said),))
    meaning = replace(analysis.meaning, entities=())
    store(engine, "a.wav", replace(analysis, hearing=hearing, meaning=meaning), metadata=CallMetadata(agent_id="@a"))
    (row,) = lines(run("segments"))
    assert (row["text"], row["agent_id"], row["loudness_dbfs"]) == ("'" + said, "'@a", "-21.5")
    # A program that reads JSON takes no text for a formula.
    assert json.loads(run("segments", "--format", "jsonl").stdout)["text"] == said


def test_rows_stream_through_a_cursor_of_the_server(
    run: Any, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        store(engine, f"{number}.wav", a_whole_call())
    monkeypatch.setattr(extracts, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(files, "ROWS_A_GROUP", 6)
    with transaction(engine) as session:
        cursors: list[Any] = []
        event.listen(engine, "before_cursor_execute", lambda *arguments: cursors.append(arguments[1]))
        portions = list(extracts.stream(session, "segments", Selection(), clear=False))
    assert [len(portion) for portion in portions] == [3, 3, 3, 3, 3, 3, 2]
    assert cursors[-1].name, "a cursor with a name is one of the server's"
    run("segments", "--format", "parquet", "-o", tmp_path / "s.parquet")
    parquet = pq.ParquetFile(tmp_path / "s.parquet")
    assert [parquet.metadata.row_group(n).num_rows for n in range(parquet.num_row_groups)] == [6, 6, 6, 2]
    assert len(lines(run("segments"))) == 20


def test_a_parquet_file_is_not_for_the_terminal(run: Any) -> None:
    result = run("calls", "--format", "parquet")
    assert result.exit_code == 2
    assert "-o FILE" in result.output


@pytest.mark.usefixtures("stored")
def test_a_file_appears_whole_or_not_at_all(run: Any, engine: Engine, tmp_path: Path) -> None:
    target = tmp_path / "calls.csv"
    target.write_text("the old one")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE analysis RENAME COLUMN turn_count TO turns_count"))
    with pytest.raises(Exception, match="turn_count"):
        run("calls", "-o", target)
    assert target.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [target]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE analysis RENAME COLUMN turns_count TO turn_count"))
    assert run("calls", "-o", target).exit_code == 0
    assert "c-1" in target.read_text()
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there_is_named(run: Any, tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match=r"calls\.csv"):
        run("calls", "-o", tmp_path / "nowhere" / "calls.csv")


def test_a_database_that_is_away_is_named() -> None:
    with pytest.raises(DatabaseUnavailable):
        CliRunner().invoke(
            callscope,
            ["export", "calls"],
            env={"CALLSCOPE_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"},
            catch_exceptions=False,
        )


# --- one call ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["c-1", "a.wav", "1"])
@pytest.mark.usefixtures("stored")
def test_a_call_is_exported_by_any_of_its_names(run: Any, name: str) -> None:
    document = json.loads(run("call", name).stdout)
    assert document["metadata"]["call_id"] == "c-1"
    assert document["analysis"]["meaning"]["measures"]["agent_silence_ms"] == 1_800


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("srt", "Customer: 订单********0012三天了。"),
        ("vtt", "<v Customer><c.angry>订单********0012三天了。</c></v>"),
        ("vcon", '"vcon": "0.4.0"'),
        ("json", '"masked_value": "********0012"'),
    ],
)
@pytest.mark.usefixtures("stored")
def test_a_call_is_masked_unless_asked_for(run: Any, tmp_path: Path, form: str, part: str) -> None:
    shown = run("call", "c-1", "--format", form)
    assert part in shown.stdout
    assert NUMBER not in shown.stdout
    assert run("call", "c-1", "--format", form, "-o", tmp_path / "call").exit_code == 0
    assert (tmp_path / "call").read_text(encoding="utf-8") == shown.stdout
    assert NUMBER in run("call", "c-1", "--format", form, "--clear").stdout


def test_an_older_version_of_a_call(run: Any, engine: Engine) -> None:
    base_id = store(engine, "a.wav", a_whole_call(rules="shop-00000001"), metadata=METADATA)
    store(engine, "a.wav", a_whole_call(rules="shop-00000002"), base_id=base_id)
    for words, rules in (([], "shop-00000002"), (["--version", "shop-00000001"], "shop-00000001")):
        document = json.loads(run("call", "c-1", *words).stdout)
        assert document["analysis"]["version"]["rules"] == rules
        assert len(document["analysis"]["hearing"]["segments"]) == 4
    with pytest.raises(UsageError, match="no analysis version"):
        run("call", "c-1", "--version", "shop-00000003")


def test_a_call_that_is_not_there(run: Any, engine: Engine) -> None:
    steps.discover(engine, "waits.wav")
    for name in ("waits.wav", "c-404"):
        with pytest.raises(NotStored, match=name):
            run("call", name)
