"""A launcher to be killed: runs all servers on the folder it is given, tells what runs, and waits for end of input."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from callscope.settings import Settings
from standalone.servers import run_servers


def main() -> None:
    with run_servers(Settings(state_folder=Path(sys.argv[1])), s3=True) as running:
        pids = {name: running.supervisor.process(name).pid for name in running.supervisor.restarts}
        told = {"environment": running.settings.as_environment(), "pids": pids, "uid": os.geteuid()}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
