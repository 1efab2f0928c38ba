"""How often ENIs are really captured, and from when on, is said wherever a flow log says how often it samples."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.models import User
from flowlogs import scope, services
from flowlogs.models import FlowLog, Vpc
from flowlogs.services import coverage
from tests.flowlogs.conftest import MakeFlowLog, make_interface

LIST = "/cn-hangzhou/flow-logs/"
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def minute(number: float) -> datetime:
    """Return the instant so many minutes after noon."""
    return datetime.fromtimestamp(NOON.timestamp() + 60 * number, UTC)


@pytest.fixture
def clock() -> Any:
    """The clock, at noon."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def real(flow_log: FlowLog, now: float) -> list[tuple[int, int, int, int, float | None, str]]:
    """Return what is said of a flow log at a minute after noon; boundaries are minutes after noon too."""
    flow_log.refresh_from_db()
    return [
        (
            each.enis, each.of, each.now, each.later,
            (each.since.timestamp() - NOON.timestamp()) / 60 if each.since else None, each.because_of,
        )
        for each in scope.real_intervals(flow_log, minute(now))
    ]  # fmt: skip


def text(response: Any) -> str:
    """Return an answer without tags and with runs of white space as one space."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def test_a_quicker_flow_log_decides_from_the_common_boundary_on(
    clock: Any, make_flow_log: MakeFlowLog
) -> None:
    slow = make_flow_log(name="slow")
    assert real(slow, 0) == []
    clock.move_to(minute(32))
    quick = make_flow_log(name="quick", interval=1)
    assert real(slow, 32) == [(3, 3, 10, 1, 40, quick.pk)]
    assert real(quick, 32) == [(3, 3, 10, 1, 40, "")]
    assert real(slow, 40) == [(3, 3, 1, 1, None, quick.pk)], "without another refresh"
    assert real(quick, 40) == []


def test_it_goes_back_when_the_quicker_one_is_deleted(clock: Any, make_flow_log: MakeFlowLog) -> None:
    slow, quick = make_flow_log(name="slow"), make_flow_log(name="quick", interval=1)
    clock.move_to(minute(45))
    services.delete(quick, None)
    services.finish_transition(quick.pk)
    assert real(slow, 45) == [(3, 3, 1, 10, 50, "")]
    assert real(slow, 50) == []


def test_only_some_enis_may_be_captured_otherwise(clock: Any, make_flow_log: MakeFlowLog) -> None:
    whole = make_flow_log(name="whole")
    clock.move_to(minute(12))
    make_flow_log(name="one", resource_type="VSwitch", resource_id="vsw-vpc-1-a", interval=5)
    [case] = real(whole, 13)
    assert case[:5] == (2, 3, 10, 5, 20)


def test_an_eni_that_joins_is_captured_at_once(clock: Any, make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    make_flow_log(name="slow")
    clock.move_to(minute(12))
    quick = make_flow_log(name="quick", interval=1)
    make_interface(vpc.vswitches.earliest("pk"), 9)
    coverage.refresh(vpc)
    assert real(quick, 13) == [(3, 4, 10, 1, 20, "")]


def test_a_stopped_flow_log_says_nothing(clock: Any, make_flow_log: MakeFlowLog) -> None:
    slow = make_flow_log(name="slow")
    make_flow_log(name="quick", interval=1)
    services.stop(slow, None)
    services.finish_transition(slow.pk)
    assert real(slow, 1) == []


@pytest.mark.parametrize("page", ["", "{pk}/"], ids=["list", "details"])
def test_the_pages_say_so(
    page: str, clock: Any, client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    slow = make_flow_log(name="slow")
    clock.move_to(minute(32))
    quick = make_flow_log(name="quick", interval=1)
    client.force_login(owner)
    url = LIST + page.format(pk=slow.pk)
    assert f"1 min from 12:40 UTC because of {quick.pk}" in text(client.get(url))
    assert "10 min until 12:40 UTC" in text(client.get(LIST + page.format(pk=quick.pk)))
    clock.move_to(minute(41))
    client.force_login(owner)
    assert f"really 1 min because of {quick.pk}" in text(client.get(url))


def test_the_cell_of_the_list_keeps_it_when_editing_is_given_up(
    clock: Any, client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    slow = make_flow_log(name="slow")
    quick = make_flow_log(name="quick", interval=1)
    client.force_login(owner)
    asked = client.get(f"{LIST}{slow.pk}/interval/?cancel=1", headers={"HX-Request": "true"})
    assert f"because of {quick.pk}" in text(asked)


def test_the_panel_says_from_when_a_quicker_one_would_count(
    clock: Any, client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log(name="slow")
    clock.move_to(minute(32))
    client.force_login(owner)
    sent = {"resource_type": "VPC", "resource_id": "vpc-1", "interval": "1", "refresh": "live"}
    shown = text(client.post(f"{LIST}create/", sent, headers={"HX-Request": "true"}))
    assert "3 ENIs are captured every 10 minutes until 12:40 UTC" in shown


def test_it_takes_no_query(
    client: Client, owner: User, make_flow_log: MakeFlowLog, many_flow_logs: Callable[[int], None], vpc: Vpc
) -> None:
    many_flow_logs(20)
    client.force_login(owner)
    client.get(LIST)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            client.get(LIST)
        return len(found)

    before = queries()
    FlowLog.objects.filter(name="log-3").update(interval=1)
    coverage.refresh(vpc)
    assert FlowLog.objects.exclude(captured={}).count() > 10
    assert queries() == before
