"""The first command on a fresh machine: it builds its environment, or says in one line what it lacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from console import bootstrap

ROOT = Path(__file__).resolve().parent.parent.parent
PRETEND = """
import runpy, sys
sys.version_info = {version}
sys.argv = ["manage.py", "check"]
runpy.run_path("manage.py", run_name="__main__")
"""


def start(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project's folder, outside of this test run's environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOW", "DJANGO_"))}
    host = getattr(sys, "_base_executable", sys.executable)
    return subprocess.run(
        [host, *arguments], cwd=ROOT, env={**kept, **settings}, capture_output=True, text=True
    )


def test_an_old_python_is_told_in_one_line() -> None:
    done = start("-c", PRETEND.format(version=(3, 9, 2)))
    assert done.returncode == 1
    assert done.stderr == "Flow Log Console needs Python 3.11 or newer; this is 3.9.\n"


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = start("manage.py", "check", FLOW_VENV=str(file / "venv"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot build the environment in ")
    assert done.stderr.count("\n") == 1


def test_a_changed_lock_makes_the_environment_stale(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("django==5.2\n")
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(sys.executable)
    assert not bootstrap._is_current(environment, lock)
    (environment / bootstrap.STAMP).write_text(f"{bootstrap._checksum(lock)} requirements.lock\n")
    assert bootstrap._is_current(environment, lock)
    lock.write_text("django==5.3\n")
    assert not bootstrap._is_current(environment, lock)


def test_an_environment_whose_python_is_gone_is_stale(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("")
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(tmp_path / "removed")
    (environment / bootstrap.STAMP).write_text(f"{bootstrap._checksum(lock)} requirements.lock\n")
    assert not bootstrap._is_current(environment, lock)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_by_hash_and_name_no_index(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert pins
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert not [line for line in lines if "://" in line or line.startswith("-")]


def test_development_lock_holds_the_runtime_lock() -> None:
    def pins(name: str) -> set[str]:
        return {line.split(" ")[0] for line in (ROOT / name).read_text().splitlines() if "==" in line}

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


@pytest.mark.long
def test_two_first_commands_at_once_build_one_environment(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOW", "DJANGO_"))}
    environ = {**kept, "FLOW_VENV": str(tmp_path / "venv"), "FLOWLOG_HOME": str(tmp_path / "home")}
    host = getattr(sys, "_base_executable", sys.executable)
    first, second = (
        subprocess.Popen(
            [host, "manage.py", "check"],
            cwd=ROOT,
            env=environ,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    )
    outputs = [process.communicate(timeout=300) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert sum("Preparing the environment" in error for _, error in outputs) == 1
