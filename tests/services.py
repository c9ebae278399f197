"""Real services for the tests: where they come from, and a proxy that spoils what they answer."""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from typing_extensions import override

from callscope.ports import Storage
from callscope.processes import LOOPBACK, ChildProcess, ChildSpec, free_ports


@dataclass(frozen=True, slots=True)
class Bucket:
    """An empty bucket in a store."""

    storage: Storage
    name: str


@contextmanager
def moto_server(log_folder: Path) -> Iterator[str]:
    """Run moto's S3 server; yield its URL."""
    [port] = free_ports(1)
    argv = (sys.executable, "-m", "moto.server", "--host", LOOPBACK, "--port", str(port))
    with ChildProcess(ChildSpec("moto", argv, log_folder / "moto.log")) as process:
        while not _accepts(port):
            assert process.poll() is None, process.log_tail()
            time.sleep(0.05)
        yield f"http://{LOOPBACK}:{port}"


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


class Spoil(StrEnum):
    """What the proxy does to the answer to a GET."""

    NOTHING = "nothing"
    SHORTEN = "shorten"
    """Half of the body, under a Content-Length that fits it."""
    CUT = "cut"
    """Half of the body, then the end of the connection."""
    CORRUPT = "corrupt"
    """The first byte of the body is another one."""
    STALL = "stall"
    """Half of the body, then silence."""
    REFUSE = "refuse"
    """503 Slow Down in its place."""
    DENY = "deny"
    """403 in its place."""


class SpoilingProxy(socketserver.ThreadingTCPServer):
    """
    Passes HTTP requests on to an endpoint as they are, and spoils the answers to GET of an object.

    The request's bytes stay what they were, so signatures stay good. One request a connection.
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__((LOOPBACK, 0), _Exchange)
        self.daemon_threads = True
        self.upstream = (str(urlsplit(endpoint).hostname), int(urlsplit(endpoint).port or 80))
        self.spoil = Spoil.NOTHING
        self.spoils_left = sys.maxsize
        self.spoiled = 0
        """How many answers were spoiled."""
        self.stopped = threading.Event()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[SpoilingProxy]:
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.stopped.set()
            self.shutdown()
            thread.join()
            self.server_close()


class _Exchange(socketserver.StreamRequestHandler):
    server: SpoilingProxy

    @override
    def handle(self) -> None:
        request = self._read_head()
        with socket.create_connection(self.server.upstream) as upstream:
            upstream.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            answer = upstream.makefile("rb").read()
        if request.startswith(b"GET") and self.server.spoil is not Spoil.NOTHING and self.server.spoils_left:
            self.server.spoiled += 1
            self.server.spoils_left -= 1
            self._send_spoiled(answer)
        else:
            self.wfile.write(answer)

    def _read_head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n") and (line := self.rfile.readline()):
            head += line
        return head

    def _send_spoiled(self, answer: bytes) -> None:
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        lines.append(b"Connection: close")
        match self.server.spoil:
            case Spoil.SHORTEN:
                body = body[: len(body) // 2]
                lines = [line for line in lines if not line.lower().startswith(b"content-length:")]
                lines.append(b"Content-Length: %d" % len(body))
            case Spoil.CUT | Spoil.STALL:
                body = body[: len(body) // 2]
            case Spoil.CORRUPT:
                body = bytes([body[0] ^ 0xFF]) + body[1:]
            case Spoil.REFUSE:
                lines, body = [b"HTTP/1.1 503 Slow Down", b"Content-Length: 0", b"Connection: close"], b""
            case Spoil.DENY:
                lines, body = [b"HTTP/1.1 403 Forbidden", b"Content-Length: 0", b"Connection: close"], b""
            case Spoil.NOTHING:
                pass
        self.wfile.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self.wfile.flush()
        if self.server.spoil is Spoil.STALL:
            self.server.stopped.wait()
