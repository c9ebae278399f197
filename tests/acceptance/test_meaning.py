"""The sample calls through the whole cluster: what is derived, what rules find, what follows when they change."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callscope.evaluation import read_reference
from callscope.meaning import rules
from callscope.meaning.interpret import LOOK_EVERY_S
from callscope.settings import Settings
from tests.clusters import RunningCluster, finished, running_cluster
from tests.integration.reports.outbox.receivers import SECRET, HttpReceiver
from tests.integration.servers.processes import wait_for

pytestmark = pytest.mark.acceptance

SAMPLES = Path(__file__).parents[2] / "samples"
BUILTIN = Path(rules.__file__).parent / "builtin"

FINDINGS = """
SELECT recording.key, analysis.rules, finding.rule, finding.start_ms, finding.severity, analysis.is_current
FROM finding JOIN analysis ON analysis.id = finding.analysis_id JOIN recording ON recording.id = recording_id
"""
ARTICLE = ("sigh-then-angry", "angry-next-to-silence", "sad-with-allergy", "ja-angry-with-sigh")


@pytest.fixture(scope="module")
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver().running() as running:
        yield running


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, receiver: HttpReceiver) -> Iterator[RunningCluster]:
    """A cluster that has analysed every sample call, with rules of its own to be changed."""
    folder = tmp_path_factory.mktemp("meaning")
    shutil.copytree(BUILTIN, folder / "centre")
    targets = folder / "targets.yaml"
    targets.write_text(
        f"tickets: {{webhook: {{url: '{receiver.url()}', secret: {SECRET}, allow_private: true}}}}", encoding="utf-8"
    )
    settings = Settings(
        state_folder=folder / "state",
        store_folder=folder / "store",
        # The same tokens on every machine, and stock FunASR's.
        engine="torch",
        dtype="fp32",
        cpu_threads=1,
        sweep_ms=500,
        stable_ms=200,
        rules_folder=folder / "centre",
        targets_file=targets,
    )
    references = [read_reference(path) for path in sorted((SAMPLES / "reference").glob("*.json"))]
    with running_cluster(settings) as running:
        for reference in references:
            running.upload(reference.key, SAMPLES / reference.file)
        running.wait(lambda counts: finished(counts) == len(references))
        yield running


def rows(running: RunningCluster, table: str, name: str) -> list[dict[str, Any]]:
    return running.query(
        f"SELECT {table}.* FROM {table} JOIN analysis ON analysis.id = analysis_id"  # noqa: S608 - our own names
        f" JOIN recording ON recording.id = recording_id WHERE key LIKE '%%/{name}.%%' AND is_current ORDER BY start_ms"
    )


def findings(running: RunningCluster) -> set[tuple[str, str]]:
    """Return which of the article's rules fire in which call, by the current analyses."""
    return {
        (Path(row["key"]).stem, row["rule"])
        for row in running.query(FINDINGS + f"WHERE is_current AND rule IN {ARTICLE}")
    }


def test_what_the_articles_scene_holds_is_in_postgres(samples: RunningCluster) -> None:
    name = "shipping-delay-zh"
    entities = {(row["kind"], row["masked_value"], row["value"]) for row in rows(samples, "entity", name)}
    assert ("ORDER_NUMBER", "********3574", None) in entities
    # 满300减50 is said; the checkpoint hears the coupon, with a nought missing.
    assert ("COUPON", "满30减50", None) in entities
    events = rows(samples, "event", name)
    owned = [(row["start_ms"], row["end_ms"] - row["start_ms"]) for row in events if row["owner"] == "agent"]
    reference = read_reference(SAMPLES / "reference" / f"{name}.json")
    for silence in (s for s in reference.silences if s.owner == "agent"):  # of 2.7 s, and the 1.8 s after the anger
        assert any(
            abs(start_ms - silence.start_ms) <= 250 and abs(duration_ms - (silence.end_ms - silence.start_ms)) <= 250
            for start_ms, duration_ms in owned
        )
    (music,) = (row for row in events if row["kind"] == "BGM" and row["origin"] == "derived")
    (played,) = (sound for sound in reference.events if sound.kind == "BGM")
    assert (music["start_ms"], music["end_ms"]) == (
        pytest.approx(played.start_ms, abs=500),
        pytest.approx(played.end_ms, abs=500),
    )
    assert {"SIGH", "LAUGHTER"} <= {row["kind"] for row in events}
    assert all(row["owner"] == "customer" for row in events if row["kind"] == "SIGH")


def test_the_articles_rules_fire_where_they_should_and_nowhere_else(samples: RunningCluster) -> None:
    assert findings(samples) == {
        ("shipping-delay-zh", "sigh-then-angry"),
        ("shipping-delay-zh", "angry-next-to-silence"),
        ("bad-review-zh", "angry-next-to-silence"),
        ("late-parcel-yue", "angry-next-to-silence"),
        ("birthday-cake-ja", "ja-angry-with-sigh"),
        ("allergy-zh", "sad-with-allergy"),
    }
    # Outranked by the sigh before it.
    for name in ("shipping-delay-zh", "birthday-cake-ja"):
        assert "angry" not in {row["rule"] for row in rows(samples, "finding", name)}


def test_a_ticket_is_told_once_and_signed(samples: RunningCluster, receiver: HttpReceiver) -> None:
    def told() -> dict[tuple[str, str], int]:
        heard = [request.verified()["data"] for request in receiver.requests]
        return {(one["call"]["call_id"], one["rule"]): one["recording_id"] for one in heard}

    wait_for(lambda: len(receiver.requests) == 3)
    assert told().keys() == {
        ("shipping-delay-zh", "sigh-then-angry"),
        ("allergy-zh", "sad-with-allergy"),
        ("birthday-cake-ja", "ja-angry-with-sigh"),
    }
    # `quality` is a receiver that nobody configured: nothing waits for it.
    wait_for(lambda: samples.query("SELECT FROM outbox WHERE sent_at IS NULL") == [])


def test_rules_that_change_are_followed_by_the_findings(samples: RunningCluster) -> None:
    (before,) = {row["rules"] for row in samples.query("SELECT DISTINCT rules FROM analysis")}
    file = (samples.settings.rules_folder or Path()) / "customers.yaml"
    text = file.read_text(encoding="utf-8")
    changed = text.replace("within_ms: 10000\n    actions:\n      - webhook: tickets", "within_ms: 3000", 1)
    assert changed != text
    file.write_text(changed, encoding="utf-8")
    assert samples.callscope("rules", "check", str(file.parent)).returncode == 0

    answer = samples.callscope("reanalyse", "--json")
    assert answer.returncode == 0, answer.stderr
    changes = json.loads(answer.stdout)
    assert (changes["derived"], changes["calls_with_other_findings"]) == (10, 1)
    assert (changes["before"]["sigh-then-angry"], changes["after"].get("sigh-then-angry", 0)) == (1, 0)

    current = {row["rule"] for row in rows(samples, "finding", "shipping-delay-zh")}
    assert "angry" in current
    assert "sigh-then-angry" not in current
    old = samples.query(FINDINGS + f"WHERE analysis.rules = '{before}' AND rule = 'sigh-then-angry'")
    assert [row["is_current"] for row in old] == [False]

    compared = samples.callscope("compare", before, changes["rules"], "--json")
    assert compared.returncode == 0, compared.stderr
    document = json.loads(compared.stdout)
    told = document["total"]["findings"]
    assert (told["sigh-then-angry"]["lost"], told["sigh-then-angry"]["gained"]) == (1, 0)
    assert (told["angry"]["lost"], told["angry"]["gained"]) == (0, 1)
    samples.audit()


def test_a_mistake_in_the_rules_is_told_and_the_cluster_keeps_its_rules(
    samples: RunningCluster, tmp_path: Path
) -> None:
    file = (samples.settings.rules_folder or Path()) / "customers.yaml"
    good = file.read_text(encoding="utf-8")
    try:
        file.write_text(good.replace("emotion: ANGRY", "emotion: ANGRI", 1), encoding="utf-8")
        checked = samples.callscope("rules", "check", str(file.parent))
        assert checked.returncode == 1
        assert "customers.yaml, line" in checked.stdout + checked.stderr
        assert "ANGRI" in checked.stdout + checked.stderr
        time.sleep(LOOK_EVERY_S)  # the writers look when a result comes, unless they have just looked
        # A new version of a recording is analysed all the same, by the rules that were good.
        known = len(samples.query("SELECT FROM analysis"))
        again = tmp_path / "again.wav"
        again.write_bytes((SAMPLES / "allergy-zh.wav").read_bytes() + b"\0\0")
        samples.upload("hotline/2026-11-20/a1/again.wav", again)
        samples.wait(lambda counts: finished(counts) == 11)
        assert len(samples.query("SELECT FROM analysis")) == known + 1
        wait_for(lambda: samples.log_lines("writers", "rules_refused") != [])
    finally:
        file.write_text(good, encoding="utf-8")
