"""When the first delivery comes: after the window that is open, which may be one of another flow log."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.models import User
from flowlogs import services
from flowlogs.models import Closing, Delivery, FlowLog, Logstore, Vpc, Window
from tests.flowlogs.conftest import MakeFlowLog, make_interface

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SAID = "The first delivery follows about a minute after the end of the first window"


def details(client: Client, flow_log: FlowLog) -> str:
    return unescape(client.get(f"/cn-hangzhou/flow-logs/{flow_log.pk}/?tab=deliveries").content.decode())


@pytest.mark.parametrize(
    ("other", "own", "minute", "end"),
    [
        pytest.param(None, 10, 3.5, "12:10", id="alone"),
        pytest.param(None, 1, 3.5, "12:04", id="alone, every minute"),
        pytest.param(10, 1, 3.5, "12:10", id="a longer window is open"),
        pytest.param(5, 1, 7, "12:10", id="a longer window is open, from 12:05"),
        pytest.param(1, 10, 3.5, "12:04", id="another flow log asks for shorter windows"),
        pytest.param(10, 1, 10, "12:11", id="at the boundary"),
    ],
)
def test_it_tells_when_the_window_that_is_open_ends(
    client: Client,
    owner: User,
    make_flow_log: MakeFlowLog,
    other: int | None,
    own: int,
    minute: float,
    end: str,
) -> None:
    with time_machine.travel(NOON - timedelta(hours=1), tick=False) as clock:
        if other:
            make_flow_log(interval=other)
        clock.move_to(NOON + timedelta(minutes=minute))
        flow_log = make_flow_log(interval=own)
        client.force_login(owner)
        assert f"{SAID}, {end} UTC." in details(client, flow_log)
        clock.shift(timedelta(seconds=20))
        assert f"{SAID}, {end} UTC." in details(client, flow_log)


def test_it_is_the_first_of_the_windows_of_its_interfaces(
    client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    with time_machine.travel(NOON + timedelta(minutes=1), tick=False) as clock:
        make_flow_log(interval=10, resource_type="VSwitch", resource_id="vsw-vpc-1-a")
        clock.move_to(NOON + timedelta(minutes=2))
        whole = make_flow_log(interval=1)
        client.force_login(owner)
        assert f"{SAID}, 12:03 UTC." in details(client, whole)


def test_where_nothing_is_covered_no_time_is_told(
    client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    client.force_login(owner)
    assert f"{SAID}." in details(client, make_flow_log(finished=False))


@pytest.mark.parametrize(
    ("code", "reason", "remedy"),
    [
        ("RoleRevoked", "Delivery is not authorized: the role", "Authorize delivery again; it then goes on"),
        ("UnknownError", "An internal error occurred.", "It is tried again by itself."),
        (
            "LogstoreNotExist",
            "The Logstore does not exist.",
            "Create a Logstore with the same name, then start",
        ),
    ],
)
def test_what_fails_before_says_why_and_what_to_do_instead_of_when(
    client: Client, owner: User, make_flow_log: MakeFlowLog, code: str, reason: str, remedy: str
) -> None:
    flow_log = make_flow_log()
    if code == "LogstoreNotExist":
        services.delete_logstore(Logstore.objects.get(), None)
    services.delivery_failed(flow_log.pk, code)
    client.force_login(owner)
    html = details(client, flow_log)
    assert "Nothing delivered yet" in html
    assert SAID not in html
    assert f"Delivery failed. {reason}" in html
    assert html.count(remedy) == 2, "above and in the empty table"
    assert ("Create it again" in html) == (code == "LogstoreNotExist")


def test_one_that_is_not_started_is_to_be_started(
    client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log()
    services.stop(flow_log, None)
    services.finish_transition(flow_log.pk)
    client.force_login(owner)
    html = details(client, flow_log)
    assert SAID not in html
    assert "Start the flow log to capture traffic." in html


@pytest.mark.parametrize("page", ["", "{pk}/"], ids=["list", "details"])
def test_one_that_has_delivered_and_was_started_again_says_since_when_nothing_came(
    client: Client, owner: User, make_flow_log: MakeFlowLog, page: str
) -> None:
    def shown() -> str:
        client.force_login(owner)
        return client.get("/cn-hangzhou/flow-logs/" + page.format(pk=flow_log.pk)).content.decode()

    with time_machine.travel(NOON, tick=False) as clock:
        flow_log = make_flow_log(interval=5)
        assert "No delivery yet, due about 12:06 UTC" in shown()
        window = Window.objects.create(vpc=flow_log.vpc, interval=5, start=int(NOON.timestamp()))
        closing = Closing.objects.create(window=window, number=0)
        Delivery.objects.create(flow_log=flow_log, closing=closing, state=Delivery.State.DELIVERED)
        services.delivery_succeeded([flow_log.pk])
        assert "No delivery" not in shown()
        clock.move_to(NOON + timedelta(minutes=20))
        services.stop(flow_log, None)
        services.finish_transition(flow_log.pk)
        clock.move_to(NOON + timedelta(minutes=33))
        services.start(flow_log, None)
        services.finish_transition(flow_log.pk)
        assert "No delivery since it was started, due about 12:36 UTC" in shown()
        clock.move_to(NOON + timedelta(minutes=40))
        html = shown()
        assert "No delivery since it was started<" in html, "what is late is not due any more"


def test_it_costs_the_same_queries_for_many_interfaces(
    client: Client, owner: User, make_flow_log: MakeFlowLog, vpc: Vpc
) -> None:
    client.force_login(owner)
    flow_log = make_flow_log()
    counts = []
    for number in range(2):
        make_interface(vpc.vswitches.earliest("pk"), 10 + number)
        services.coverage.refresh(vpc)
        with CaptureQueriesContext(connection) as queries:
            assert SAID in details(client, flow_log)
        counts.append(len(queries))
    assert counts[0] == counts[1]
