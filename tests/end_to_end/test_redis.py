"""With REDIS_URL set, ordinary ``celery worker`` and ``celery beat`` processes do what one process does by default."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.end_to_end import installation
from tests.end_to_end.installation import ROOT, environment, eventually

PREPARE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from console import services
services.ensure_owner("admin", services.DEMO_ACCOUNT, "Demo", is_demo=True)
from flowlogs.demo import ensure
ensure()
"""


@contextmanager
def process(*command: str, env: dict[str, str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(command, env=env, cwd=ROOT, start_new_session=True, **options)  # type: ignore[call-overload]
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait(5)


@pytest.fixture
def redis(tool: Callable[[str], str], tmp_path: Path) -> Iterator[str]:
    """A real Redis of this test's own; yields its URL."""
    port = installation.free_port(socket.SOCK_STREAM)
    command = [
        tool("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with process(*command, env=dict(os.environ), stdout=subprocess.DEVNULL):

        def answers() -> bool:
            with closing(socket.socket()) as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(answers, "Redis answers")
        yield f"redis://127.0.0.1:{port}/0"


def flush(redis: str) -> None:
    """Make Redis forget everything."""
    with closing(
        socket.create_connection(("127.0.0.1", int(redis.split(":")[2].split("/")[0])))
    ) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(100).startswith(b"+OK")


def count(home: Path, query: str) -> int:
    """Ask the installation's database, read only, from outside."""
    with closing(
        sqlite3.connect(f"file:{home / 'flowlog.sqlite3'}?mode=ro", uri=True, timeout=10)
    ) as database:
        return int(database.execute(query).fetchone()[0])


def test_worker_and_beat_of_their_own_deliver_through_redis(redis: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = environment(home, REDIS_URL=redis, DJANGO_SETTINGS_MODULE="console.settings")
    subprocess.run([sys.executable, "-c", PREPARE], env=env, cwd=ROOT, check=True, capture_output=True)
    celery = [sys.executable, "-m", "celery", "-A", "console"]
    quarantined = "SELECT count(*) FROM flowlogs_closing WHERE state = 'quarantined'"
    delivered = "SELECT count(*) FROM flowlogs_closing WHERE state = 'delivered'"
    with ExitStack() as stack:
        stack.enter_context(process(*celery, "worker", "--pool", "threads", "--concurrency", "2", env=env))
        stack.enter_context(process(*celery, "beat", "--schedule", str(tmp_path / "beat"), env=env))
        eventually(lambda: count(home, delivered) >= 3, "closings are delivered through Redis", within=60)
        flush(redis)
        before = count(home, delivered)
        eventually(
            lambda: count(home, delivered) >= before + 10, "delivery goes on after FLUSHALL", within=60
        )
    assert count(home, quarantined) == 0
    assert count(home, "SELECT sum(rows) FROM flowlogs_part") > 0
