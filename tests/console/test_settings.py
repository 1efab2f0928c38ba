"""Settings fail loudly, and are safe to deploy."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

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
        ("sqlite:////tmp/f.db", {"ENGINE": "django.db.backends.sqlite3", "NAME": "/tmp/f.db"}),
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
    monkeypatch.setitem(sys.modules, "psycopg", ModuleType("psycopg"))
    monkeypatch.setenv("X", url)
    assert environment.database("X", "") == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://x/y", "must start with"),
        ("flow.sqlite3", "must start with"),
        ("sqlite:///", "names no file"),
        ("sqlite:////no/such/folder/f.db", "in the folder /no/such/folder, which does not exist"),
        ("sqlite:////tmp", "names the folder /tmp"),
        ("postgresql://u:secret@db:port/flow", "the port must be from 0 to 65535"),
        ("postgresql://u:secret@db:99999/flow", "the port must be from 0 to 65535"),
        ("postgresql://u:secret@[db/flow", "the host is not well-formed"),
        ("postgresql://u:secret@db", "names no database"),
        ("postgresql://u:secret@db/flow", "needs psycopg"),
    ],
)
def test_database_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, url: str, reason: str) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("X", url)
    with pytest.raises(ImproperlyConfigured, match=f"^X .*{reason}") as caught:
        environment.database("X", "")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["", "redis://:p%40ss@db:6379/0", "rediss://db", "redis://[::1]:6379/1"],
)
def test_redis(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("X", url)
    assert environment.redis("X") == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("localhost:6379", "must start with redis://"),
        ("http://db", "must start with redis://"),
        ("redis://", "names no host"),
        ("redis://:6379/0", "names no host"),
        ("redis:///0", "names no host"),
        ("unix:///run/redis.sock", "redis:// or rediss://"),
        ("redis://:secret@db:99999/0", "the port must be from 0 to 65535"),
    ],
)
def test_redis_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, url: str, reason: str) -> None:
    monkeypatch.setenv("X", url)
    with pytest.raises(ImproperlyConfigured, match=f"^X .*{reason}") as caught:
        environment.redis("X")
    assert "secret" not in str(caught.value)


def test_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "https://a.example, http://b:8080,")
    assert environment.origins("X") == ["https://a.example", "http://b:8080"]


@pytest.mark.parametrize("value", ["a.example", "ftp://a", "https://", "https://a,b"])
def test_origins_without_a_scheme_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured, match=r"^X must hold origins that begin with http://"):
        environment.origins("X")


@pytest.mark.parametrize(
    "value", ["short", "sixteen letters and spaces", "sechzehn-gr\u00f6\u00dfere-zeichen", "a\x00" * 20]
)
def test_a_weak_secret_is_refused_and_not_told(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr(environment, "text", lambda name, default="": value)
    with pytest.raises(ImproperlyConfigured, match=r"^X must have at least 16 ASCII characters") as caught:
        environment.secret("X", least=16)
    assert value not in str(caught.value)


def test_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "10.0.0.0/8, ::1,")
    assert [str(network) for network in environment.networks("X", "")] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize("value", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0-10.0.0.9"])
def test_networks_that_cannot_be_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured, match=r"^X must hold IP addresses and CIDR blocks"):
        environment.networks("X", "")


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://db:port/flow"),
        ("DATABASE_URL", "sqlite:////no/such/folder/f.db"),
        ("REDIS_URL", "localhost"),
        ("FLOWLOG_TRUSTED_ORIGINS", "flowlog.example.org"),
    ],
)
def test_an_address_that_cannot_be_is_one_clear_line(tmp_path: Path, name: str, value: str) -> None:
    done = manage("check", home=tmp_path, **{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {name} ")
    assert done.stderr.count("\n") == 1


def test_a_home_with_odd_characters_holds_the_database(tmp_path: Path) -> None:
    done = manage("check", home=tmp_path / "a#b?c%20")
    assert done.returncode == 0, done.stderr


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


TELL_MODES = """
import os
from pathlib import Path
import django
os.umask(0o022)
django.setup()
from django.conf import settings
from django.db import connection
from console.management.commands.up import _make_folder
from console.readiness import FOLDERS
for name in FOLDERS:
    _make_folder(name)
with connection.cursor() as cursor:
    cursor.execute("CREATE TABLE t (x)")
    for path in (settings.FLOWLOG_HOME, *sorted(settings.FLOWLOG_HOME.iterdir())):
        print(f"{path.name} {path.stat().st_mode & 0o777:o}")
"""


@pytest.mark.parametrize("is_there", [False, True], ids=["new-home", "open-home"])
def test_nobody_else_reads_what_an_installation_keeps(tmp_path: Path, is_there: bool) -> None:
    home = tmp_path / "home"
    if is_there:
        home.mkdir()
        home.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWLOG_")}
    environ = {**kept, "FLOWLOG_HOME": str(home), "DJANGO_SETTINGS_MODULE": "console.settings"}
    told = subprocess.run(
        [sys.executable, "-c", TELL_MODES], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    ).stdout
    modes = dict(line.split() for line in told.splitlines())
    files = {
        name: modes[name] for name in modes if name.startswith("flowlog.sqlite3") or name == "secret-key"
    }
    assert set(files) >= {"flowlog.sqlite3", "flowlog.sqlite3-wal", "flowlog.sqlite3-shm", "secret-key"}
    assert set(files.values()) == {"600"}
    assert modes["home"] == ("755" if is_there else "700")
    assert (modes["store"], modes["spool"]) == ("700", "700")
