"""Several flow logs at once: all or none; and the tags of flow logs."""

import threading
from contextlib import suppress
from typing import Any

import pytest
from django.db import OperationalError, connection
from pytest_django import DjangoAssertNumQueries

from console.access import ActionDenied
from console.models import Account, Change, Region, User
from flowlogs import rules, services
from flowlogs.models import FlowLog, Logstore, Project, Vpc
from flowlogs.rules import RuleError
from tests.flowlogs.conftest import MakeFlowLog

ENIS = ["eni-vsw-vpc-1-a-1", "eni-vsw-vpc-1-a-2", "eni-vsw-vpc-1-b-1"]
VALUES: dict[str, Any] = {
    "resource_type": "NetworkInterface",
    "project_name": "logs",
    "logstore_name": "flows",
    "interval": 1,
    "tags": {"team": "network"},
}


def codes(error: pytest.ExceptionInfo[RuleError]) -> list[str]:
    return [violation.code for violation in error.value.violations]


def test_each_eni_gets_a_flow_log(account: Account, region: Region, vpc: Vpc, logstore: Logstore) -> None:
    made = services.create_flow_logs(account, region, None, [*ENIS, ENIS[0]], **VALUES, name="web")
    assert [(each.resource_id, each.name) for each in FlowLog.objects.order_by("name")] == [
        (eni, f"web-{number}") for number, eni in enumerate(ENIS, start=1)
    ]
    assert {(each.status, each.interval, each.vpc_id) for each in made} == {("Activating", 1, "vpc-1")}
    assert {tuple(each.tags.items()) for each in made} == {(("team", "network"),)}
    notes = Change.objects.filter(action="vpc:CreateFlowLog")
    assert {note.resource_id for note in notes} == {each.pk for each in made}
    assert notes[0].values["tags"] == [None, {"team": "network"}]


def test_without_a_name_each_is_called_by_its_id(
    account: Account, region: Region, vpc: Vpc, logstore: Logstore
) -> None:
    for each in services.create_flow_logs(account, region, None, ENIS, **VALUES):
        assert each.name == each.pk


def test_a_name_must_have_room_for_the_number(
    account: Account, region: Region, vpc: Vpc, logstore: Logstore
) -> None:
    services.create_flow_logs(account, region, None, ENIS[:1], **VALUES, name="a" * 128)
    with pytest.raises(RuleError) as error:
        services.create_flow_logs(account, region, None, ENIS, **VALUES, name="a" * 127)
    assert codes(error) == ["NameLength"]


@pytest.mark.parametrize(
    ("ids", "changes", "expected"),
    [
        pytest.param([*ENIS, "eni-9"], {}, ["ResourceNotExist"], id="one does not exist"),
        pytest.param([], {}, ["Required"], id="none is chosen"),
        pytest.param(
            ["vsw-vpc-1-a", "vsw-vpc-1-b"],
            {"resource_type": "VSwitch"},
            ["OnlyInterfaces"],
            id="two vSwitches",
        ),
        pytest.param(ENIS, {"interval": 2}, ["Interval"], id="another rule"),
        pytest.param(ENIS, {"tags": {"acs:x": ""}}, ["TagPrefix"], id="a tag"),
    ],
)
def test_one_that_is_wrong_stops_all(
    account: Account,
    region: Region,
    vpc: Vpc,
    logstore: Logstore,
    ids: list[str],
    changes: dict[str, Any],
    expected: list[str],
) -> None:
    target = {
        "create_project": True,
        "create_logstore": True,
        "project_name": "fresh",
        "logstore_name": "new",
    }
    with pytest.raises(RuleError) as error:
        services.create_flow_logs(account, region, None, ids, **{**VALUES, **target, **changes})
    assert codes(error) == expected
    assert not FlowLog.objects.exists()
    assert not Project.objects.filter(name="fresh").exists()


def test_the_quota_holds_for_all_of_them(
    account: Account, region: Region, make_flow_log: MakeFlowLog
) -> None:
    Account.objects.update(flow_log_quota=3)
    make_flow_log()
    with pytest.raises(RuleError) as error:
        services.create_flow_logs(account, region, None, ENIS, **VALUES)
    assert codes(error) == ["QuotaSeveral"]
    assert "3 flow logs, and only 2 of the quota of 3" in str(error.value)
    assert "ask the administrator of this installation for a higher quota" in str(error.value)
    assert FlowLog.objects.count() == 1
    assert len(services.create_flow_logs(account, region, None, ENIS[:2], **VALUES)) == 2


def test_a_blocked_instance_in_one_of_their_vpcs_stops_all(
    account: Account, region: Region, vpc: Vpc, logstore: Logstore
) -> None:
    vpc.instances.filter(pk="i-vsw-vpc-1-a-2").update(instance_type="ecs.n1.small")
    with pytest.raises(RuleError) as error:
        services.create_flow_logs(account, region, None, ENIS, **VALUES)
    assert codes(error) == ["InstanceFamily"]
    assert "i-vsw-vpc-1-a-2 (ecs.n1.small)" in str(error.value)


def test_whoever_may_not_creates_none(
    account: Account, region: Region, vpc: Vpc, logstore: Logstore, reader: User
) -> None:
    with pytest.raises(ActionDenied):
        services.create_flow_logs(account, region, reader, ENIS, **VALUES)
    assert not FlowLog.objects.exists()


def test_queries_do_not_grow_with_their_number(
    account: Account,
    region: Region,
    vpc: Vpc,
    logstore: Logstore,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(14):
        services.create_flow_logs(account, region, None, ENIS, **VALUES)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_the_last_places_one_is_refused(
    account: Account, region: Region, vpc: Vpc, logstore: Logstore
) -> None:
    Account.objects.update(flow_log_quota=4)
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def create() -> None:
        together.wait()
        while True:
            # the database of the tests is in memory and does not wait for its turn
            with suppress(OperationalError):
                outcomes.append(attempt())
                connection.close()
                return

    def attempt() -> str:
        try:
            return str(len(services.create_flow_logs(account, region, None, ENIS, **VALUES)))
        except RuleError as error:
            return error.violations[0].code

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["3", "QuotaSeveral"]
    assert FlowLog.objects.count() == 3


@pytest.mark.parametrize(
    ("pairs", "broken"),
    [
        pytest.param([("team", "network"), ("空", "")], [], id="a value may be empty"),
        pytest.param([("k" * 128, "v" * 128)], [], id="128 characters"),
        pytest.param([("k" * 129, "")], ["TagKeyLength"], id="129 characters in the key"),
        pytest.param([("k", "v" * 129)], ["TagValueLength"], id="129 characters in the value"),
        pytest.param([("", "v")], ["TagKeyEmpty"], id="no key"),
        pytest.param([("aliyun", "")], ["TagPrefix"], id="aliyun"),
        pytest.param([("acs:x", "")], ["TagPrefix"], id="acs:"),
        pytest.param([("x-acs:", "")], [], id="acs: later"),
        pytest.param([("k", "acs:x")], ["TagPrefix"], id="value with acs:"),
        pytest.param([("see http://a", "")], ["TagAddress"], id="http inside the key"),
        pytest.param([("k", "at https://a")], ["TagAddress"], id="https inside the value"),
        pytest.param([("k", "1"), ("k", "2")], ["TagKeyTwice"], id="a key twice"),
        pytest.param([(f"k{number}", "") for number in range(20)], [], id="20"),
        pytest.param([(f"k{number}", "") for number in range(21)], ["TagCount"], id="21"),
    ],
)
def test_tags_as_the_api_says(pairs: list[tuple[str, str]], broken: list[str]) -> None:
    found = rules.tags(pairs)
    assert [violation.code for violation in found] == broken
    assert all(violation.field == "tags" and violation.message for violation in found)
    assert all(rules.RULES[code].source == "API" for code in broken)


def test_tags_are_set_and_noted(make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log()
    services.set_tags(flow_log, owner, [("team", "network"), ("env", "")])
    assert FlowLog.objects.get().tags == {"team": "network", "env": ""}
    services.set_tags(flow_log, owner, [("env", ""), ("team", "network")])
    (note,) = Change.objects.filter(action="vpc:TagResources")
    assert note.values == {"tags": [{}, {"team": "network", "env": ""}]}
    assert (note.resource_id, note.user) == (flow_log.pk, owner)
    services.set_tags(flow_log, owner, [])
    assert FlowLog.objects.get().tags == {}


def test_tags_against_the_rules_or_the_policies_change_nothing(
    make_flow_log: MakeFlowLog, owner: User, reader: User
) -> None:
    flow_log = make_flow_log(tags={"team": "network"})
    with pytest.raises(RuleError):
        services.set_tags(flow_log, owner, [("aliyun", "")])
    with pytest.raises(ActionDenied) as denied:
        services.set_tags(flow_log, reader, [])
    assert denied.value.action == "vpc:TagResources"
    services.delete(flow_log, owner)
    with pytest.raises(RuleError) as error:
        services.set_tags(flow_log, owner, [])
    assert codes(error) == ["IncorrectStatus.flowlog"]
    assert FlowLog.objects.get().tags == {"team": "network"}


@pytest.mark.parametrize(
    ("name", "count", "expected"), [("", 2, ["", ""]), ("a", 1, ["a"]), ("a", 3, ["a-1", "a-2", "a-3"])]
)
def test_several_names_are_numbered(name: str, count: int, expected: list[str]) -> None:
    assert rules.numbered(name, count) == expected
