"""What monitoring asks."""

import shutil
import socket
from collections import namedtuple
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone

from console import hooks, readiness
from console.hooks import Health
from console.models import Heartbeat
from console.roles import Web
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


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param({"REMOTE_ADDR": "127.0.0.1"}, 200, id="this machine"),
        pytest.param({"REMOTE_ADDR": "::1"}, 200, id="this machine by IPv6"),
        pytest.param({"REMOTE_ADDR": "::ffff:127.0.0.1"}, 200, id="this machine by a mapped address"),
        pytest.param({"REMOTE_ADDR": "192.168.1.5"}, 403, id="a neighbour"),
        pytest.param({"REMOTE_ADDR": "203.0.113.7"}, 403, id="a stranger"),
        pytest.param({"REMOTE_ADDR": ""}, 403, id="no address"),
        pytest.param({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 403, id="through a proxy that says for whom"),
        pytest.param({"HTTP_X_FORWARDED_PROTO": "https"}, 403, id="through a proxy of FLOWLOG_SECURE"),
        pytest.param({"HTTP_FORWARDED": "for=127.0.0.1"}, 403, id="through a proxy of RFC 7239"),
    ],
)
def test_metrics_answer_this_machine_only(
    client: Client, db: None, asked: dict[str, str], status: int
) -> None:
    response = client.get("/metrics", **asked)
    assert response.status_code == status
    assert (b"flowlog_" in response.content) == (status == 200)


@pytest.mark.parametrize(
    ("secure", "header", "value"),
    [
        (False, "X-Forwarded-For", "127.0.0.1"),
        (False, "Forwarded", "for=127.0.0.1"),
        (False, "Via", "1.1 proxy"),
        (True, "X-Forwarded-For", "127.0.0.1"),
        (True, "X-Forwarded-Proto", "https"),
    ],
)
def test_the_web_server_leaves_the_marks_of_a_proxy_to_metrics(
    db: None, settings: object, secure: bool, header: str, value: str
) -> None:
    settings.FLOWLOG_SECURE = secure  # type: ignore[attr-defined]
    answers: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Web(listener)._server
        asked = RequestFactory(REMOTE_ADDR="127.0.0.1").get("/metrics", headers={header: value})
        server.application(asked.environ, lambda status, _headers: answers.append(status))
        server.close()
    assert answers == ["403 Forbidden"]


def test_metrics_answer_the_addresses_of_the_setting(client: Client, db: None, settings: object) -> None:
    settings.FLOWLOG_METRICS_FROM = [ip_network("10.0.0.0/8")]  # type: ignore[attr-defined]
    assert client.get("/metrics", REMOTE_ADDR="10.9.8.7").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 403


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        ("", 403),
        ("Bearer long-enough-token", 200),
        ("bearer  long-enough-token", 200),
        ("Bearer long-enough-toke", 403),
        ("Basic long-enough-token", 403),
        ("Bearer l\u00f6ng", 403),
    ],
)
def test_with_a_token_only_its_holder_reads_metrics(
    client: Client, db: None, settings: object, shown: str, status: int
) -> None:
    settings.FLOWLOG_METRICS_TOKEN = "long-enough-token"  # type: ignore[attr-defined]
    headers = {"HTTP_AUTHORIZATION": shown, "HTTP_X_FORWARDED_FOR": "203.0.113.7"}
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9", **headers).status_code == status
    assert client.get("/metrics").status_code == 403
