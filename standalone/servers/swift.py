"""OpenStack Swift with its S3 API on one machine, from the wheel `swift`: a real S3 server that checks signatures."""

from __future__ import annotations

import http.client
import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from callscope.errors import ServerMissing
from callscope.processes import LOOPBACK, ChildProcess, ChildSpec, free_ports
from standalone.servers.launch import START_TIMEOUT_MS, Prepared, secret

ACCESS_KEY = "callscope:callscope"

_PROBE_TIMEOUT_S = 5.0
_OK = 200

# The rings say which port serves the one device; ports are new at each start, the data's place isn't.
_MAKE_RINGS = """
import sys
from swift.common.ring import RingBuilder
folder, *rings = sys.argv[1:]
for ring in rings:
    name, port = ring.split("=")
    builder = RingBuilder(0, 1, 1)
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "port": int(port),
                     "device": "disk"})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{name}.ring.gz")
"""

# One process each: the S3 server is light, and a kill is a kill.
_COMMON = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
bind_timeout = 1
workers = 0
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
log_level = WARNING
"""

_BACKEND = """
[pipeline:main]
pipeline = healthcheck {name}-server
[filter:healthcheck]
use = egg:swift#healthcheck
[app:{name}-server]
use = egg:swift#{name}
# An update of a listing that comes too late is left to a daemon that doesn't run here: the object would stay unseen.
conn_timeout = 10
node_timeout = 60
container_update_timeout = 60
"""

_PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck listing_formats bulk s3api tempauth slo copy proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
[filter:tempauth]
use = egg:swift#tempauth
user_callscope_callscope = {secret} .admin
[filter:slo]
use = egg:swift#slo
[filter:copy]
use = egg:swift#copy
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 10
node_timeout = 60
"""


@dataclass(frozen=True, slots=True)
class S3Access:
    """How a client reaches the server."""

    endpoint: str
    access_key: str
    secret_key: str


def prepare(folder: Path, log_folder: Path) -> tuple[Prepared, S3Access]:
    """
    Write the configuration and the rings; return the four processes on free ports, and how to reach them.

    Parameters
    ----------
    folder : Path
        Absolute; holds the objects, the configuration and the secret.
    log_folder : Path
        Gets the log files.

    Raises
    ------
    ServerMissing
        Swift isn't installed, or the file system can't keep its objects.
    """
    if find_spec("swift") is None:
        raise ServerMissing("the S3 server isn't installed", why="the package swift is missing")
    (folder / "devices" / "disk").mkdir(parents=True, exist_ok=True)
    _check_attributes(folder)
    password = secret(folder / "secret")
    ports = dict(zip(("proxy", "account", "container", "object"), free_ports(4), strict=True))
    # Part of every object's place on the disk: it must never change.
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = callscope\n", encoding="utf-8")
    for name, port in ports.items():
        text = _COMMON + (_PROXY if name == "proxy" else _BACKEND)
        values = {"port": port, "folder": str(folder).replace("%", "%%"), "name": name, "secret": password}
        file = folder / f"{name}.conf"
        file.touch(mode=0o600)
        file.write_text(text.format(**values), encoding="utf-8")
    rings = [f"{name}={port}" for name, port in ports.items() if name != "proxy"]
    argv = (sys.executable, "-c", _MAKE_RINGS, str(folder), *rings)
    with ChildProcess(ChildSpec("swift-rings", argv, log_folder / "swift-rings.log")) as process:
        if (code := process.wait(START_TIMEOUT_MS)) != 0:  # None: it hangs
            raise ServerMissing(f"Swift can't make its rings: exit code {code}", why=process.log_tail())
    modules = {"proxy": "swift.proxy.server", "account": "swift.account.server"}
    modules |= {"container": "swift.container.server", "object": "swift.obj.server"}
    children = tuple(
        ChildSpec(
            f"swift-{name}",
            (sys.executable, "-m", module, str(folder / f"{name}.conf"), "--verbose"),
            log_folder / f"swift-{name}.log",
        )
        for name, module in modules.items()
    )

    def is_ready() -> bool:
        return all(_is_healthy(port) for port in ports.values())

    return Prepared(children, is_ready), S3Access(f"http://{LOOPBACK}:{ports['proxy']}", ACCESS_KEY, password)


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", "/healthcheck")
        return connection.getresponse().status == _OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _check_attributes(folder: Path) -> None:
    """Swift keeps what it knows of an object in extended attributes."""
    try:
        os.setxattr(folder, "user.callscope", b"1")
    except OSError as error:
        raise ServerMissing(f"the file system of {folder} has no extended attributes", why=str(error)) from error
