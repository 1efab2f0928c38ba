"""What the log says of requests that are refused."""

import errno
import io
import logging
import logging.config
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from console.access import ActionDenied
from console.logs import Escaped, OneLineFullDisk, OneLineRefusals, WithoutReadiness


def _raising(error: Exception) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        raise error

    return view


urlpatterns = [
    path("denied/", _raising(PermissionDenied("no"))),
    path("action/", _raising(ActionDenied("vpc:CreateFlowLog"))),
    path("bad/", _raising(BadRequest("odd"))),
    path("broken/", _raising(RuntimeError("a fault of ours"))),
    path("locked/", _raising(OperationalError("database is locked"))),
    path("full/", _raising(OperationalError("database or disk is full"))),
]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a handler with the filter writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(WithoutReadiness())
    handler.addFilter(OneLineRefusals())
    handler.addFilter(OneLineFullDisk())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def test_the_log_has_the_filter() -> None:
    filters = [found for handler in logging.getLogger().handlers for found in handler.filters]
    assert any(isinstance(found, OneLineRefusals) for found in filters)


def test_the_log_is_written_escaped() -> None:
    line = logging.config.DictConfigurator(settings.LOGGING).configure_formatter(
        dict(settings.LOGGING["formatters"]["line"])
    )
    assert isinstance(line, Escaped)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param("a\0b", r"a\x00b", id="nul"),
        pytest.param("\x1b[31mred\x9b0m", r"\x1b[31mred\x9b0m", id="terminal colours"),
        pytest.param("a\rb", r"a\x0db", id="carriage return"),
        pytest.param("a\u202eb\u2028c", r"a\u202eb\u2028c", id="direction and line separator"),
        pytest.param("a\n2026-01-01 INFO forged", "a\n  2026-01-01 INFO forged", id="forged line"),
        pytest.param("流日志\té", "流日志\té", id="text stays"),
    ],
)
def test_control_characters_are_escaped(sent: str, expected: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (sent,), None)
    assert Escaped("%(name)s: %(message)s").format(record) == f"x: {expected}"


def test_control_characters_of_an_exception_are_escaped() -> None:
    try:
        raise ValueError("a\0\n2026 forged")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "broken", (), (ValueError, error, None))
    assert Escaped("%(message)s").format(record) == "broken\n  ValueError: a\\x00\n  2026 forged"


@override_settings(ROOT_URLCONF=__name__)
@pytest.mark.parametrize("page", ["denied", "action", "bad"])
def test_a_refusal_is_one_line(client: Client, written: io.StringIO, page: str) -> None:
    client.raise_request_exception = False
    client.get(f"/{page}/")
    assert written.getvalue().count("\n") == 1
    assert f"/{page}/" in written.getvalue()


@override_settings(ROOT_URLCONF=__name__)
def test_a_foreign_host_is_one_line(client: Client, written: io.StringIO) -> None:
    client.get("/denied/", headers={"host": "evil.example"})
    assert "evil.example" in written.getvalue()
    assert "Traceback" not in written.getvalue()


@override_settings(ROOT_URLCONF=__name__)
def test_a_fault_keeps_its_traceback(client: Client, written: io.StringIO) -> None:
    client.raise_request_exception = False
    client.get("/broken/")
    assert "Traceback" in written.getvalue()


@override_settings(ROOT_URLCONF=__name__)
def test_a_full_disk_is_said_to_the_user_and_once_in_the_log(client: Client, written: io.StringIO) -> None:
    client.raise_request_exception = False
    for _ in range(3):
        answer = client.get("/full/")
        assert answer.status_code == 503
        assert "The disk of this installation is full" in answer.content.decode()
    assert written.getvalue().count("\n") == 1
    assert "the disk is full" in written.getvalue()


@override_settings(ROOT_URLCONF=__name__)
def test_a_database_that_stays_locked_is_said_to_pass(client: Client) -> None:
    client.raise_request_exception = False
    answer = client.get("/locked/")
    assert answer.status_code == 503
    assert "The database was busy" in answer.content.decode()


def test_what_a_full_disk_caused_is_told_in_one_line(written: io.StringIO) -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise RuntimeError("could not write a part") from error
    except RuntimeError:
        logging.getLogger("flowlogs.delivery").exception("closing 7")
    assert written.getvalue() == "the disk is full: closing 7\n"
