"""The worker and beat as processes of their own, with a real Redis between them."""

import os
import pickle
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from console.celery import app

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def redis_url(tool: Callable[[str], str], tmp_path: Path) -> Iterator[str]:
    """A Redis server of this test's own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
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
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    yield f"redis://127.0.0.1:{port}/0"
    server.kill()
    server.wait()


def heartbeats(database: Path) -> int:
    """Return how many heartbeats there are in the database of another process."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM console_heartbeat").fetchone()[0])


def test_worker_and_beat_run_alone_with_redis(redis_url: str, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWLOG_", "DJANGO_"))}
    home = tmp_path / "home"
    environ = {**kept, "FLOW_SYSTEM_PYTHON": "1", "FLOWLOG_HOME": str(home), "REDIS_URL": redis_url}
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=environ, check=True)
    celery = [sys.executable, "-m", "celery", "-A", "console"]
    roles = [
        subprocess.Popen(
            [*celery, "worker", "--concurrency", "1"], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL
        ),
        subprocess.Popen([*celery, "beat"], cwd=ROOT, env=environ, stdout=subprocess.DEVNULL),
    ]
    try:
        deadline = time.monotonic() + 60
        while heartbeats(home / "flowlog.sqlite3") == 0:
            assert time.monotonic() < deadline
            assert [role.poll() for role in roles] == [None, None]
            threading.Event().wait(0.1)
    finally:
        for role in roles:
            role.terminate()
        codes = [role.wait(timeout=30) for role in roles]
    assert codes == [0, 0]
    assert not list(ROOT.glob("celerybeat-schedule*"))


def test_a_pickled_message_is_refused() -> None:
    with pytest.raises(ContentDisallowed):
        loads(pickle.dumps({}), "application/x-python-serialize", "binary", accept=app.conf.accept_content)
