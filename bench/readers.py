"""People and programs at the pages: a file that locust runs, in a process of its own."""

from __future__ import annotations

import random
from argparse import ArgumentParser
from uuid import uuid4

from locust import HttpUser, between, events, task
from typing_extensions import override

_WAIT_S = 60
"""Longest that one request waits for a recording to end."""
_LISTS = ("?sort=angriest", "?emotion=ANGRY", "?q=%E5%8F%91%E8%B4%A7", "?event=SILENCE", "?language=zh")
_random = random.Random(1)  # noqa: S311 - which page is looked at next


def _add_options(parser: ArgumentParser, **_: object) -> None:
    parser.add_argument("--recording", help="A file to upload again and again.")
    parser.add_argument("--calls", help="Numbers of analysed calls, separated by commas.")


events.init_command_line_parser.add_listener(_add_options)  # type: ignore[no-untyped-call]


class Reader(HttpUser):
    """Leafs through calls as a quality manager does, a little faster."""

    wait_time = between(0.5, 1.5)

    @task(4)
    def one_call(self) -> None:
        """Look at a call, and at what its page fetches."""
        number = _random.choice(self.environment.parsed_options.calls.split(","))
        self.client.get(f"/calls/{number}", name="/calls/{id}")
        self.client.get(f"/v1/calls/{number}/waveform", name="/v1/calls/{id}/waveform")

    @task(4)
    def calls(self) -> None:
        """Filter the list."""
        self.client.get(f"/calls{_random.choice(_LISTS)}", name="/calls?filter")

    @task(1)
    def overview(self) -> None:
        """Look at all calls together."""
        self.client.get("/overview")

    @task(1)
    def document(self) -> None:
        """Read a call as a program does."""
        number = _random.choice(self.environment.parsed_options.calls.split(","))
        self.client.get(f"/v1/calls/{number}", name="/v1/calls/{id}")


class Uploader(HttpUser):
    """Hands a recording over, waits until it is analysed, and hands over the next."""

    wait_time = between(0.1, 0.2)
    fixed_count = 5

    @override
    def on_start(self) -> None:
        """Read the recording once."""
        with open(self.environment.parsed_options.recording, "rb") as file:  # noqa: PTH123 - locust names a path
            self._content = file.read()

    @task
    def upload(self) -> None:
        """Follow one recording to its end."""
        headers = {"Idempotency-Key": uuid4().hex}
        files = {"file": (f"{uuid4().hex}.wav", self._content)}
        with self.client.post("/v1/recordings", files=files, headers=headers, catch_response=True) as answer:
            if answer.status_code != 202:  # noqa: PLR2004 - accepted
                answer.failure(f"{answer.status_code}: {answer.text[:200]}")
                return
        number = answer.json()["recording_id"]
        state = "queued"
        while state not in {"done", "no_speech", "dead", "skipped"}:
            where = f"/v1/recordings/{number}?wait={_WAIT_S}"
            with self.client.get(where, name="/v1/recordings/{id}?wait", catch_response=True) as told:
                if not told.ok:
                    return
                state = told.json()["state"]
                if state in {"dead", "skipped"}:
                    told.failure(f"the recording is {state}")
