"""Settings fail loudly, and are safe to deploy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from console import environment
from console.celery import app
from console.secret import load_or_create

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_flag(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("X", value)
    assert environment.flag("X") is expected


@pytest.mark.parametrize("value", ["maybe", "2", "ja"])
def test_flag_that_is_neither_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured, match="X must be 1 or 0"):
        environment.flag("X")


@pytest.mark.parametrize("value", ["", "ten", "0", "11", "1.5"])
def test_number_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured, match="X must be"):
        environment.number("X", 5, least=1, most=10)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////srv/f.db", {"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/f.db"}),
        (
            "postgresql://u%40x:p%2Fw@db:5433/flow?sslmode=require",
            {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "flow",
                "USER": "u@x",
                "PASSWORD": "p/w",
                "HOST": "db",
                "PORT": "5433",
                "OPTIONS": {"sslmode": "require"},
            },
        ),
    ],
    ids=["sqlite", "postgresql"],
)
def test_database(monkeypatch: pytest.MonkeyPatch, url: str, expected: dict[str, object]) -> None:
    monkeypatch.setenv("X", url)
    assert environment.database("X", "") == expected


@pytest.mark.parametrize("url", ["mysql://x/y", "flow.sqlite3", "sqlite:///"])
def test_database_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("X", url)
    with pytest.raises(ImproperlyConfigured):
        environment.database("X", "")


def test_secret_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret-key"
    first = load_or_create(path)
    assert len(first) >= 50
    assert load_or_create(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret-key"]


def manage(*arguments: str, home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command the way an operator does, with nothing of this test run in its environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWLOG_", "DJANGO_"))}
    environ = {**kept, "FLOW_SYSTEM_PYTHON": "1", "FLOWLOG_HOME": str(home), **settings}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environ, capture_output=True, text=True
    )


def test_deployment_check_is_clean(tmp_path: Path) -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", home=tmp_path, FLOWLOG_SECURE="1")
    assert done.returncode == 0, done.stderr


def test_a_wrong_setting_is_one_clear_line(tmp_path: Path) -> None:
    done = manage("check", home=tmp_path, FLOWLOG_SECURE="perhaps")
    assert (done.returncode, done.stderr) == (1, "error: FLOWLOG_SECURE must be 1 or 0, not 'perhaps'\n")


def test_a_misspelt_setting_is_warned_of(tmp_path: Path) -> None:
    done = manage("check", home=tmp_path, FLOWLOG_HOMEE="x")
    assert "FLOWLOG_HOMEE is set, but there is no such setting" in done.stderr


def test_a_home_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = manage("check", home=file / "home")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: cannot write to FLOWLOG_HOME {file}/home: ")
    assert done.stderr.count("\n") == 1


def test_celery_takes_json_only_and_keeps_no_results() -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_ignore_result
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
