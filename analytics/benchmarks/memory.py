"""Memory of the whole process tree, as the proportional share that the kernel counts (PSS)."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from django.conf import settings

from .measure import Measure

MOST_IDLE_MB = 350
START_LIMIT = 60.0
SETTLE = 8.0
MEGABYTE = 1_000_000


def pss_of_tree(roots: Iterable[int]) -> int:
    """Return the PSS of processes and all their descendants in bytes; those that end meanwhile count nothing."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, ValueError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, list(roots)
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        with suppress(OSError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def seconds_of(process: int) -> float:
    """Return the seconds of a processor that a process has used so far, in all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(folder: Path) -> Iterator[Measure]:
    """Measure a running, idle installation of its own: web, worker, beat and collector."""
    with installation(folder) as running:
        time.sleep(SETTLE)
        yield Measure(
            "idle process tree, PSS",
            pss_of_tree([running.process]) / MEGABYTE,
            "MB",
            target=MOST_IDLE_MB,
            smaller_is_better=True,
        )


@dataclass(frozen=True)
class Running:
    """An installation that runs for a measurement."""

    address: str
    password: str
    process: int


@contextmanager
def installation(folder: Path) -> Iterator[Running]:
    """Run `up` without the demo in a home of its own; it ends with the block."""
    address = f"http://127.0.0.1:{_free_port(socket.SOCK_STREAM)}"
    environment = os.environ | {"FLOWLOG_HOME": str(folder / "home"), "FLOWLOG_SYSTEM_PYTHON": "1"}
    command = [
        sys.executable,
        str(settings.ROOT / "manage.py"),
        "up",
        "--no-demo",
        "--port",
        address.rpartition(":")[2],
    ]
    command += ["--collector-port", str(_free_port(socket.SOCK_DGRAM))]
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=settings.ROOT
        )
    try:
        _await(f"{address}/healthz", process)
        password = re.search(r"the password (\S+)", log.read_text())
        yield Running(address, password[1] if password else "", process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _free_port(kind: socket.SocketKind) -> int:
    with closing(socket.socket(socket.AF_INET, kind)) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("the installation to measure did not start")
        with suppress(URLError, ConnectionError), urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own
            return
        time.sleep(0.2)
    raise RuntimeError("the installation to measure did not answer in time")
