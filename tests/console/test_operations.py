"""What monitoring asks."""

from datetime import timedelta

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
