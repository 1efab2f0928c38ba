"""One command runs everything, says clearly why it cannot, and ends all of it."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port(kind: socket.SocketKind) -> int:
    """Return a port that nothing uses now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """A folder of its own with the ports of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.udp = free_port(socket.SOCK_DGRAM)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FLOW", "DJANGO_", "REDIS"))
        }
        self.processes: list[subprocess.Popen[str]] = []
        self.environ = {**kept, "FLOW_SYSTEM_PYTHON": "1", "FLOWLOG_HOME": str(home), "PYTHONUNBUFFERED": "1"}

    def up(self, *arguments: str) -> "subprocess.Popen[str]":
        """Begin `up` on a free port."""
        command = [
            sys.executable,
            "manage.py",
            "up",
            "--no-demo",
            "--port",
            "0",
            "--collector-port",
            str(self.udp),
        ]
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def end(self) -> None:
        """Kill what a failed test has left."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path / "home")
    yield installation
    installation.end()


@pytest.fixture
def running(installation: Installation) -> "subprocess.Popen[str]":
    return installation.up()


def greeting(process: "subprocess.Popen[str]") -> str:
    """Return what `up` prints until it is up."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            return "".join(lines)
    raise AssertionError("".join(lines) + (process.stderr.read() if process.stderr else ""))


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until a condition holds, asking every few milliseconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.02)


def children_of(parent: int) -> list[int]:
    """Return the processes whose parent this is."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


def collectors_of(parent: int) -> list[int]:
    """Return the collectors among the children of a process."""
    return [child for child in children_of(parent) if b"flowlogs.collector" in command_of(child)]


def command_of(process: int) -> bytes:
    """Return the command line of a process, empty when it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def get(address: tuple[str, int], path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def address_in(text: str) -> tuple[str, int]:
    found = re.search(r"http://([\d.]+):(\d+)/", text)
    assert found
    return found[1], int(found[2])


def test_up_serves_works_and_ends_within_five_seconds(
    installation: Installation, running: "subprocess.Popen[str]"
) -> None:
    shown = greeting(running)
    address = address_in(shown)
    assert re.search(r"The first user is admin, the password \S{16}", shown)
    assert get(address, "/healthz") == (200, "ok\n")
    assert get(address, "/login/")[0] == 200
    wait_for(lambda: '"worker": {"ok": true' in get(address, "/readyz")[1], 20)
    wait_for(lambda: children_of(running.pid))

    second = installation.up()
    _, error = second.communicate(timeout=30)
    assert second.returncode == 1
    assert error == f"CommandError: `up` already runs on {installation.home} (process {running.pid}).\n"

    children = children_of(running.pid)
    begun = time.monotonic()
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=10) == 0
    assert time.monotonic() - begun < 5
    assert not [child for child in children if Path(f"/proc/{child}").exists()]

    again = installation.up()
    assert "password" not in greeting(again)
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=10) == 0


def test_a_child_that_dies_is_started_again_and_ends_with_its_parent(
    running: "subprocess.Popen[str]",
) -> None:
    greeting(running)
    wait_for(lambda: collectors_of(running.pid))
    [first] = collectors_of(running.pid)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: collectors_of(running.pid) not in ([], [first]))
    children = children_of(running.pid)
    running.kill()
    running.wait()
    wait_for(lambda: not [child for child in children if Path(f"/proc/{child}").exists()])


def refusal(process: "subprocess.Popen[str]") -> str:
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert error.count("\n") == 1, error
    return error


def test_a_busy_web_port_is_one_clear_line(installation: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        error = refusal(installation.up("--port", str(port)))
    assert f"cannot serve pages on 127.0.0.1, port {port}: Address already in use" in error


def test_a_busy_collector_port_is_one_clear_line(installation: Installation) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", installation.udp))
        error = refusal(installation.up())
    assert f"cannot receive on 127.0.0.1, UDP port {installation.udp}: Address already in use" in error


def test_a_redis_that_does_not_answer_is_one_clear_line(installation: Installation) -> None:
    installation.environ["REDIS_URL"] = f"redis://:secret@127.0.0.1:{free_port(socket.SOCK_STREAM)}/0"
    error = refusal(installation.up())
    assert "cannot use the Redis of REDIS_URL" in error
    assert "secret" not in error


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--port", "99999"), "from 0 to 65535"),
        (("--host", "203.0.113.1"), "cannot serve pages"),
        (("--collector-port", "0"), "from 1 to 65535"),
        (("--no-worker",), "needs REDIS_URL"),
    ],
)
def test_options_that_cannot_work_are_one_clear_line(
    installation: Installation, arguments: tuple[str, ...], reason: str
) -> None:
    assert reason in refusal(installation.up(*arguments))


@pytest.mark.parametrize("name", ["FLOWLOG_STORE", "FLOWLOG_SPOOL"])
def test_a_folder_that_cannot_be_written_is_named(
    installation: Installation, tmp_path: Path, name: str
) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "below"
    installation.environ[name] = str(folder)
    assert f"cannot write to {name} {folder}: " in refusal(installation.up())


def test_a_database_that_is_none_is_one_clear_line(installation: Installation) -> None:
    home = Path(installation.environ["FLOWLOG_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    (home / "flowlog.sqlite3").write_bytes(b"no database" * 1000)
    error = refusal(installation.up())
    assert f"cannot prepare the database {home / 'flowlog.sqlite3'}: file is not a database" in error


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid", "a..b"])
def test_a_collector_host_that_cannot_be_bound_is_named(installation: Installation, host: str) -> None:
    installation.environ["FLOWLOG_COLLECTOR_HOST"] = host
    error = refusal(installation.up())
    assert f"cannot receive on {host}, " in error
    assert "Correct FLOWLOG_COLLECTOR_HOST." in error
    assert "--collector-port" not in error
