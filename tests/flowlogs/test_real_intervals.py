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
            (each.since.timestamp() - NOON.timestamp()) / 60 if each.since else None,
            " ".join(each.because_of),
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
    assert f"1 min from 12:40 UTC because of {quick.name}" in text(client.get(url))
    assert "10 min until 12:40 UTC" in text(client.get(LIST + page.format(pk=quick.pk)))
    clock.move_to(minute(41))
    client.force_login(owner)
    assert f"really 1 min because of {quick.name}" in text(client.get(url))


def test_the_cell_of_the_list_keeps_it_when_editing_is_given_up(
    clock: Any, client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    slow = make_flow_log(name="slow")
    quick = make_flow_log(name="quick", interval=1)
    client.force_login(owner)
    asked = client.get(f"{LIST}{slow.pk}/interval/?cancel=1", headers={"HX-Request": "true"})
    assert f"because of {quick.name}" in text(asked)


def test_the_panel_says_from_when_a_quicker_one_would_count(
    clock: Any, client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    make_flow_log(name="slow")
    clock.move_to(minute(32))
    client.force_login(owner)
    sent = {"resource_type": "VPC", "resource_id": "vpc-1", "interval": "1", "refresh": "live"}
    shown = text(client.post(f"{LIST}create/", sent, headers={"HX-Request": "true"}))
    assert "3 ENIs are captured every 10 minutes until 12:40 UTC" in shown


def alone(make_flow_log: MakeFlowLog, eni: str, **values: Any) -> FlowLog:
    """Make a flow log of one ENI, every minute."""
    return make_flow_log(resource_type="NetworkInterface", resource_id=eni, interval=1, **values)


@pytest.mark.parametrize("page", ["", "{pk}/"], ids=["list", "details"])
def test_all_enis_and_all_flow_logs_that_decide_are_said_in_force_and_due(
    page: str, clock: Any, client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    whole = make_flow_log(name="whole")
    first = alone(make_flow_log, "eni-vsw-vpc-1-a-1", name="first")
    second = alone(make_flow_log, "eni-vsw-vpc-1-a-2", name="second")
    third = alone(make_flow_log, "eni-vsw-vpc-1-b-1", name="third")
    named = sorted([first.pk, second.pk, third.pk])
    assert real(whole, 1) == [(3, 3, 1, 1, None, " ".join(named))], "at noon every boundary is shared"
    clock.move_to(minute(3))
    services.delete(third, None)
    services.finish_transition(third.pk)
    both = " ".join(sorted([first.pk, second.pk]))
    assert real(whole, 4) == [(2, 3, 1, 1, None, both), (1, 3, 1, 10, 10, "")]
    client.force_login(owner)
    url = LIST + page.format(pk=whole.pk)
    html = text(client.get(url))
    assert "3 of 3 ENIs at another interval:" in html
    assert re.search(r"2 of 3 ENIs: really 1 min because of (first , second|second , first)", html)
    assert "1 of 3 ENIs: 1 min until 12:10 UTC" in html
    shown = client.get(url).content.decode()
    assert f'/{second.pk}/">second</a>' in shown.replace('<a href="', "/"), "with a link"
    clock.move_to(minute(11))
    client.force_login(owner)
    html = text(client.get(url))
    assert "2 of 3 ENIs: really 1 min" in html and "at another interval:" not in html


def test_what_was_noted_apart_is_one_once_the_boundary_has_passed(
    clock: Any, client: Client, owner: User, make_flow_log: MakeFlowLog
) -> None:
    whole = make_flow_log(name="whole")
    clock.move_to(minute(3))
    made = [alone(make_flow_log, f"eni-vsw-vpc-1-{eni}", name=eni) for eni in ("a-1", "a-2", "b-1")]
    names = sorted(each.pk for each in made)
    assert real(whole, 4) == [(3, 3, 10, 1, 10, " ".join(names))]
    whole.captured["otherwise"] = [
        [2, names[:2], 0, [[0, 1]]],
        [1, names[2:], 0, whole.captured["otherwise"][0][3]],
    ]
    whole.save()
    assert real(whole, 12) == [(3, 3, 1, 1, None, " ".join(names))]
    client.force_login(owner)
    clock.move_to(minute(12))
    client.force_login(owner)
    assert re.search(r"because of \S+ , \S+ \+1", text(client.get(LIST)))


def test_notes_of_before_are_still_read(clock: Any, make_flow_log: MakeFlowLog) -> None:
    whole = make_flow_log(name="whole")
    FlowLog.objects.update(captured={"enis": 3, "otherwise": [[1, "fl-x", [[0, 1]]], [1, "", [[0, 1]]]]})
    assert real(whole, 1) == [(2, 3, 1, 1, None, "fl-x")]


def test_it_takes_one_query_for_the_names_however_many(
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
    assert queries() == before + 1, "the names, at once"
