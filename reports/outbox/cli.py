"""The commands of the outbox."""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime

import click
from pydantic import TypeAdapter
from rich.table import Table

from callscope.calls import NoticeKind
from callscope.cli import EXIT_FAILED, console, tell
from callscope.errors import NotDelivered, Undeliverable, UsageError
from callscope.logs import configure_logging
from callscope.processes import stop_signals
from callscope.settings import load_settings
from callscope.targets import Receiver
from models import outbox as messages
from models.outbox import Message, MessageState
from models.session import connected, require_schema, transaction
from reports.outbox.deliver import Deliverer, SenderSource

TEST = "callscope.test"


@click.command()
@click.option("--once", is_flag=True, help="Try each message that is due now once, and end.")
def notify(*, once: bool) -> None:
    """
    Send webhooks and mail from the outbox until stopped.

    Run one; a second one is harmless. With --once, exit 1 when a message was not taken.

    Example: CALLSCOPE_TARGETS_FILE=targets.yaml callscope notify
    """
    settings = load_settings()
    configure_logging(settings)
    senders = SenderSource(settings)
    with stop_signals() as stopping, connected(settings.require_database_url()) as engine:
        require_schema(engine)
        deliverer = Deliverer(engine, senders)
        if not once:
            deliverer.run(stopping)
            return
        deliverer.run_once(stopping)
    tally = deliverer.tally
    click.echo(f"{tally.sent} sent, {tally.failed} to be tried again, {tally.dead} given up")
    sys.exit(EXIT_FAILED if tally.failed or tally.dead else 0)


@click.group()
def outbox() -> None:
    """Look after messages to others."""


@outbox.command("list")
@click.option(
    "--state",
    "states",
    type=click.Choice([state.value for state in MessageState]),
    multiple=True,
    help="May be given several times.  [default: waiting, dead]",
)
@click.option("--target", help="Only messages to this receiver.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The latest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a message.")
def outbox_list(states: tuple[str, ...], target: str | None, *, limit: int, as_json: bool) -> None:
    """
    List messages that wait or were given up, and how each receiver is doing; never what they tell.

    Example: callscope outbox list --state dead --json | jq -r .error_message
    """
    chosen = [MessageState(state) for state in states] or [MessageState.WAITING, MessageState.DEAD]
    with connected(load_settings().require_database_url()) as engine, transaction(engine) as session:
        found = messages.list_messages(session, states=chosen, target=target, limit=limit)
        counts = messages.count_messages(session)
    if as_json:
        adapter = TypeAdapter(messages.MessageStatus)
        for one in found:
            click.echo(json.dumps(adapter.dump_python(one, mode="json"), ensure_ascii=False))
        return
    table = Table(header_style="bold")
    for heading in ("id", "type", "to", "state", "written", "attempts", "next", "why"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(
            str(one.id),
            one.type,
            f"{one.target} ({one.kind})",
            one.state,
            _when(one.created_at),
            str(one.attempts),
            _when(one.not_before) if one.not_before else "",
            one.error_message,
        )
    out = console()
    out.print(table)
    for each in counts:
        oldest = f", the oldest for {each.oldest_waiting_ms // 1_000} s" if each.waiting else ""
        out.print(
            f"{each.target} ({each.kind}): {each.waiting} wait{oldest}; {each.sent} sent, {each.dead} given up",
            highlight=False,
        )


@outbox.command("replay")
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "every", is_flag=True, help="Every dead message.")
@click.option("--target", help="Every dead message to this receiver.")
def outbox_replay(ids: tuple[int, ...], target: str | None, *, every: bool) -> None:
    """
    Let dead messages be sent again, under the ids that they had, with all their attempts before them.

    Example: callscope outbox replay --target tickets
    """
    if bool(ids) + every + (target is not None) != 1:
        raise click.UsageError("name messages by their id, or say --target, or --all")
    with connected(load_settings().require_database_url()) as engine, transaction(engine) as session:
        count = messages.replay(session, ids=ids or None, target=target)
    click.echo(f"{count} message(s) wait again")


@outbox.command("send-test")
@click.argument("target")
def outbox_send_test(target: str) -> None:
    """
    Send a test message to a receiver right now, past the outbox; exit 1 when it isn't taken.

    Example: callscope outbox send-test tickets
    """
    settings = load_settings()
    configure_logging(settings)
    sender = SenderSource(settings).current()
    found = sender.targets.get(target)
    if found is None:
        raise UsageError(f"there is no target named {target}", why=f"there are: {', '.join(sorted(sender.targets))}")
    kinds = [NoticeKind.WEBHOOK] if found.webhook else []
    kinds += [NoticeKind.MAIL] if found.mail else []
    went_well = True
    for kind in kinds:
        now = datetime.now(UTC)
        message = Message(
            id=0,
            message_id=f"msg_{uuid.uuid4().hex}",
            receiver=Receiver(kind, target),
            payload={"type": TEST, "data": {"text": "callscope can reach you"}},
            recording_id=None,
            attempts=0,
            created_at=now,
            lease_until=now,
        )
        try:
            sender.send(message)
        except (NotDelivered, Undeliverable) as error:
            went_well = False
            tell(error)
        else:
            click.echo(f"{target} took the {kind} {message.message_id}")
    if not went_well:
        sys.exit(EXIT_FAILED)


def _when(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
