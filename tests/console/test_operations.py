"""What monitoring asks."""

import shutil
from collections import namedtuple
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from console import hooks, readiness
from console.hooks import Health
from console.models import Heartbeat
from console.tasks import heartbeat


@pytest.fixture(autouse=True)
def only_own_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what other apps have registered."""
    own = ("database", "migrations", "worker", "disk")
    monkeypatch.setattr(hooks, "_health", {name: hooks._health[name] for name in own})


def test_healthz_needs_no_login(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"


def test_ready_when_the_worker_has_just_run(client: Client, db: None) -> None:
    heartbeat()
    response = client.get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (200, True)


def test_not_ready_before_the_worker_ran(client: Client, db: None) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["worker"] == {"ok": False, "detail": "no task has run yet"}


def test_not_ready_when_the_worker_stopped(client: Client, db: None) -> None:
    Heartbeat.objects.create(name="worker", at=timezone.now() - timedelta(minutes=2))
    assert client.get("/readyz").status_code == 503


def test_a_check_that_fails_is_not_ready_and_keeps_its_reason_to_the_log(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Health:
        raise RuntimeError("password of the database")

    monkeypatch.setitem(hooks._health, "broken", broken)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "password" not in response.content.decode()


def test_full_disk_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LEAST_FREE", 2**62)
    assert not readiness.disk().ok


Usage = namedtuple("Usage", "free")


@pytest.mark.parametrize("name", ["FLOWLOG_HOME", "FLOWLOG_STORE", "FLOWLOG_SPOOL"])
def test_the_fullest_folder_decides(
    home: Path, settings: object, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    full = getattr(settings, name)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**20 if path == full else 2**40))
    assert readiness.disk() == Health(False, f"1 MiB free in {name}")
    free = {metric.labels: metric.value for metric in readiness._disk_metrics()}
    assert free[(("folder", name),)] == 2**20
    assert len(free) == 3


def test_a_folder_that_is_not_made_yet_counts_where_it_would_be(home: Path, settings: object) -> None:
    settings.FLOWLOG_SPOOL = home / "later" / "spool"  # type: ignore[attr-defined]
    assert readiness.disk().ok


def test_metrics_speak_the_text_format(client: Client, db: None) -> None:
    heartbeat()
    client.get("/healthz")
    lines = client.get("/metrics").content.decode().splitlines()
    assert "# TYPE flowlog_http_requests_total counter" in lines
    assert any(
        line.startswith('flowlog_http_requests_total{view="console:healthz",status="200"} ') for line in lines
    )
    assert any(line.startswith('flowlog_heartbeat_age_seconds{role="worker"} ') for line in lines)
    assert len([line for line in lines if line.startswith("# HELP flowlog_http_requests_total")]) == 1
