"""The cluster tells others: the notifier is one of its processes when a file of receivers is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from callscope.calls import Notice, NoticeKind
from callscope.settings import Settings
from models import results
from models.session import transaction
from standalone.cluster import NOTIFIER
from tests.clusters import running_cluster
from tests.integration.reports.outbox.receivers import SECRET, HttpReceiver
from tests.integration.servers.processes import wait_for

pytestmark = pytest.mark.acceptance


def test_the_cluster_sends_what_is_in_the_outbox(quick_settings: Settings, tmp_path: Path) -> None:
    targets = tmp_path / "targets.yaml"
    notice = Notice(NoticeKind.WEBHOOK, "tickets", {"type": "call.finding", "data": {"rule": "angry"}})
    with HttpReceiver().running() as receiver:
        targets.write_text(
            f"tickets: {{webhook: {{url: '{receiver.url()}', secret: {SECRET}, allow_private: true}}}}",
            encoding="utf-8",
        )
        settings = quick_settings.model_copy(update={"targets_file": targets})
        with running_cluster(settings) as running:
            with transaction(running.engine) as session:
                results.write_notices(session, [notice], recording_id=None)
            wait_for(lambda: len(receiver.requests) == 1)
            assert receiver.requests[0].verified()["data"]["rule"] == "angry"
            wait_for(lambda: running.query("SELECT FROM outbox WHERE sent_at IS NOT NULL") != [])
            assert {child.exit_code for child in running.cluster.health() if child.name == NOTIFIER} == {None}


def test_without_a_file_of_receivers_there_is_no_notifier(quick_settings: Settings) -> None:
    with running_cluster(quick_settings) as running:
        assert NOTIFIER not in {child.name for child in running.cluster.health()}
