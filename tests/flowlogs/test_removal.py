"""What is deleted keeps its name and its numbers: what was captured of it is delivered, and the ledger balances."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection

from console.access import ActionDenied
from console.models import Account, Change, Region, User
from flowlogs import inventory, ledger, services
from flowlogs.models import (
    Coverage,
    Delivery,
    ExporterBinding,
    FlowLog,
    Gateway,
    Instance,
    Logstore,
    Loss,
    NetworkAcl,
    NetworkInterface,
    NetworkInterfaceAddress,
    SecurityGroup,
    Vpc,
    VpcCidrBlock,
    VSwitch,
    Window,
)
from flowlogs.rules import RuleError
from flowlogs.services import removal
from tests.flowlogs.conftest import MakeFlowLog, make_vpc

from .factories import START, Lab, flow, truth

END = START + 600
NOON = datetime(2026, 3, 1, 12, 3, 30, tzinfo=UTC)
FIRST, SECOND, OTHER = "eni-vsw-vpc-1-a-1", "eni-vsw-vpc-1-a-2", "eni-vsw-vpc-1-b-1"
REMOVALS = {
    "ecs:DeleteNetworkInterface": (
        services.remove_network_interface,
        lambda: NetworkInterface.objects.get(pk=FIRST),
    ),
    "ecs:DeleteInstance": (services.remove_instance, lambda: Instance.objects.get(pk="i-free")),
    "vpc:DeleteVSwitch": (services.remove_vswitch, lambda: VSwitch.objects.get(pk="vsw-vpc-1-c")),
    "vpc:DeleteVpc": (services.remove_vpc, lambda: Vpc.objects.get(pk="vpc-empty")),
}


def send(lab: Lab, second: int, *sources: str) -> None:
    """Receive, at a second of the first window, a flow that each source sent just before."""
    lab.move(START + second)
    lab.send(*(flow(source, at=START + second - 1, packets=2, bytes=100) for source in sources))
    lab.work()


def delete(lab: Lab, flow_log: FlowLog) -> None:
    services.delete(flow_log, None)
    services.finish_transition(flow_log.pk)
    inventory.record()


def release(lab: Lab, interface: str) -> list[FlowLog]:
    found = services.remove_network_interface(NetworkInterface.objects.get(pk=interface), None)
    inventory.record()
    return found


def codes(error: pytest.ExceptionInfo[RuleError]) -> list[str]:
    return [violation.code for violation in error.value.violations]


# ---- a flow log -------------------------------------------------------------------------------------


def test_what_a_deleted_flow_log_captured_is_delivered_and_stays_in_the_ledger(lab: Lab) -> None:
    flow_log = lab.flow_log()
    send(lab, 100, "10.0.1.1", "10.0.2.1")
    expected = truth(lab.sent)
    lab.move(START + 200)
    delete(lab, flow_log)
    send(lab, 300, "10.0.1.1")
    lab.assert_balanced(flow_log, open=2, delivered=0)
    lab.finish()
    lab.assert_nothing_pending()
    assert lab.records() == expected
    lab.assert_balanced(flow_log, scope=2, delivered=2, filtered=0, late=0, quarantined=0, open=0)
    assert Delivery.objects.filter(flow_log=flow_log, state="delivered").exists()
    row = FlowLog.everything.get()
    assert (row.status, row.delivery_status) == ("Deleting", "SUCCESS")
    assert row.usage.exists()
    assert {coverage.until for coverage in row.coverage.all()} == {datetime.fromtimestamp(START + 200, UTC)}
    lab.work_until(END + 1800, step=60)
    assert Window.objects.filter(start__gte=END).count() == 0


def test_silence_before_a_flow_log_was_deleted_is_still_told(lab: Lab) -> None:
    flow_log = lab.flow_log(resource_type="NetworkInterface", resource_id="eni-b")
    lab.move(START + 200)
    delete(lab, flow_log)
    lab.finish()
    assert lab.markers() == [("eni-b", "NODATA", -60, 0), ("eni-b", "NODATA", 0, 200)]


def test_another_flow_log_goes_on(lab: Lab) -> None:
    gone, kept = lab.flow_log("gone"), lab.flow_log("kept", interval=1)
    send(lab, 100, "10.0.1.1")
    delete(lab, gone)
    send(lab, 200, "10.0.1.1")
    lab.finish()
    lab.assert_balanced(gone, delivered=1, open=0)
    lab.assert_balanced(kept, delivered=2, open=0)


def test_a_deleted_flow_log_without_numbers_is_in_no_ledger(lab: Lab) -> None:
    flow_log = lab.flow_log()
    delete(lab, flow_log)
    assert ledger.flow_logs(lab.account) == []


def test_a_deleted_flow_log_whose_logstore_is_gone_blocks_nothing(lab: Lab) -> None:
    gone, kept = lab.flow_log("gone"), lab.flow_log("flows")
    send(lab, 100, "10.0.1.1")
    delete(lab, gone)
    services.delete_logstore(Logstore.objects.get(name="gone"), None)
    lab.finish()
    lab.assert_nothing_pending()
    lab.assert_balanced(gone, quarantined=1, delivered=0, open=0)
    lab.assert_balanced(kept, quarantined=0, delivered=1, open=0)
    assert set(Delivery.objects.filter(flow_log=gone, state="failed").values_list("reason", flat=True)) == {
        "LogstoreNotExist"
    }
    row = FlowLog.everything.get(pk=gone.pk)
    assert (row.status, row.delivery_error) == ("Deleting", "LogstoreNotExist")


def test_the_ledger_page_leads_to_what_was_deleted(client: Any, owner: User, lab: Lab) -> None:
    gone, kept = lab.flow_log("gone", name="gone-log"), lab.flow_log("kept", name="kept-log")
    send(lab, 100, "10.0.1.1")
    delete(lab, gone)
    lab.finish()
    client.force_login(owner)
    page = client.get(f"/{lab.region.pk}/ledger/").content.decode()
    assert f'flow-logs/{gone.pk}/">gone-log</a> <span class="tag">Deleted</span>' in page
    assert kept.pk in page
    assert page.index("kept-log") < page.index("gone-log")
    details = client.get(f"/{lab.region.pk}/flow-logs/{gone.pk}/ledger/").content.decode()
    assert "gone-log" in details


def test_the_quota_counts_what_is_not_deleted(make_flow_log: MakeFlowLog) -> None:
    made = [make_flow_log() for _ in range(10)]
    services.delete(made[0], None)
    with pytest.raises(RuleError):
        make_flow_log()
    services.finish_transition(made[0].pk)
    assert make_flow_log().status == "Active"
    assert FlowLog.everything.count() == 11


def test_a_deleted_flow_log_is_neither_started_nor_deleted_again(make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log()
    services.delete(flow_log, None)
    services.finish_transition(flow_log.pk)
    services.finish_transition(flow_log.pk)
    for action in (services.start, services.stop, services.delete):
        with pytest.raises(RuleError) as error:
            action(flow_log, None)
        assert codes(error) == ["IncorrectStatus.flowlog"]


# ---- a network interface ----------------------------------------------------------------------------


@pytest.mark.parametrize("bound", ["network_interface", "vswitch"])
@pytest.mark.parametrize("lost_at", [100, 300], ids=["lost before", "lost after"])
def test_a_loss_in_the_last_window_of_a_deleted_interface_is_told(lab: Lab, bound: str, lost_at: int) -> None:
    """Its bindings go with it; that flows of it may have been lost in this window does not."""
    ExporterBinding.objects.all().delete()
    interface = NetworkInterface.objects.get(pk="eni-c")
    services.bind_exporter(
        lab.exporter, None, interface if bound == "network_interface" else interface.vswitch
    )
    inventory.record()
    lab.flow_log()
    for second in sorted((lost_at, 200)):
        lab.move(START + second)
        if second == 200:
            release(lab, "eni-c")
            if bound == "vswitch":
                services.remove_vswitch(VSwitch.objects.get(pk="vsw-2"), None)
            continue
        at = (START + second) * 1000
        Loss.objects.create(
            collector_id=lab.known("c1"), exporter=lab.exporter, since=at, until=at, unit="flows", count=3,
            reason="sequence",
        )  # fmt: skip
    lab.finish()
    assert [mark for mark in lab.markers() if mark[0] == "eni-c" and mark[2] == 0] == [
        ("eni-c", "SKIPDATA", 0, 200)
    ]
    assert {mark[1] for mark in lab.markers() if mark[0] != "eni-c"} == {"NODATA"}


def test_what_a_deleted_interface_sent_until_then_is_delivered(lab: Lab) -> None:
    flow_log = lab.flow_log()
    send(lab, 100, "10.0.1.1", "10.0.2.1")
    send(lab, 200, "10.0.1.1")
    before = truth(lab.sent)
    lab.move(START + 250)
    release(lab, "eni-a")
    already = len(lab.sent)
    send(lab, 300, "10.0.1.1", "10.0.2.1")
    lab.decode()
    lab.assert_balanced(flow_log, open=4)
    lab.finish()
    lab.assert_nothing_pending()
    after = truth(lab.sent[already:], only={"eni-c"})
    assert sum(record[2] == "eni-a" for record in lab.records()) == 1
    mixed = truth([*lab.sent[:already], lab.sent[-1]], only={"eni-c"})
    assert lab.records() == mixed + truth_of(before, "eni-a")
    assert sum(after.values()) == 1
    lab.assert_balanced(flow_log, scope=4, delivered=4, filtered=0, late=0, quarantined=0, open=0)
    (line,) = ledger.exporters(lab.account)
    assert (line.attributed.flows, line.unattributed.flows) == (4, 1)


def truth_of(records: Any, interface: str) -> Any:
    """Return the records of one interface."""
    return type(records)({record: count for record, count in records.items() if record[2] == interface})


def test_a_deleted_interface_is_not_captured_in_later_windows(lab: Lab) -> None:
    lab.flow_log(resource_type="NetworkInterface", resource_id="eni-a")
    lab.move(START + 100)
    (alone,) = release(lab, "eni-a")
    assert alone.resource_id == "eni-a"
    lab.work_until(END + 1800, step=60)
    assert not Window.objects.filter(start__gte=END).exists()
    assert not Coverage.objects.filter(until__isnull=True).exists()
    alone.refresh_from_db()
    assert alone.status == "Active"


def test_an_address_that_moves_to_another_interface_belongs_to_whoever_had_it_at_receipt(lab: Lab) -> None:
    flow_log = lab.flow_log()
    send(lab, 100, "10.0.1.1")
    lab.move(START + 200)
    release(lab, "eni-a")
    new = NetworkInterface(pk="eni-d", vpc=lab.vpc, vswitch_id="vsw-2")
    removal.add([new])
    NetworkInterfaceAddress.objects.create(network_interface=new, vpc=lab.vpc, address="10.0.1.1")
    lab.cover()
    send(lab, 300, "10.0.1.1")
    lab.finish()
    assert sorted(record[2] for record in lab.records()) == ["eni-a", "eni-d"]
    lab.assert_balanced(flow_log, scope=2, delivered=2, open=0)


def test_an_interface_made_again_goes_on_under_its_id(lab: Lab) -> None:
    flow_log = lab.flow_log()
    send(lab, 100, "10.0.1.1")
    lab.move(START + 200)
    release(lab, "eni-a")
    lab.move(START + 250)
    again = NetworkInterface(pk="eni-a", vpc=lab.vpc, vswitch_id="vsw-1", name="again")
    removal.add([again])
    NetworkInterfaceAddress.objects.create(network_interface=again, vpc=lab.vpc, address="10.0.1.9")
    lab.cover()
    send(lab, 300, "10.0.1.9", "10.0.1.1")
    lab.finish()
    assert NetworkInterface.objects.get(pk="eni-a").name == "again"
    assert sorted((record[2], record[8]) for record in lab.records()) == [
        ("eni-a", "10.0.1.1"),
        ("eni-a", "10.0.1.9"),
    ]
    lab.assert_balanced(flow_log, scope=2, delivered=2, open=0)


def test_deleting_an_interface_frees_what_it_held_and_ends_its_coverage(
    make_flow_log: MakeFlowLog, vpc: Vpc, owner: User
) -> None:
    with time_machine.travel(NOON - timedelta(minutes=1), tick=False):
        flow_log = make_flow_log()
    interface = NetworkInterface.objects.get(pk=FIRST)
    group = SecurityGroup.objects.create(pk="sg-1", vpc=vpc)
    interface.security_groups.add(group)
    exporter = group.vpc.account.exporters.create(pk="exp-1", region=vpc.region, address="192.0.2.1")
    services.bind_exporter(exporter, None, interface)
    with time_machine.travel(NOON, tick=False):
        services.remove_network_interface(interface, owner)
    assert NetworkInterface.everything.get(pk=FIRST).deleted_at == NOON
    assert not NetworkInterface.objects.filter(pk=FIRST).exists()
    assert list(vpc.network_interfaces.order_by("pk").values_list("pk", flat=True)) == [SECOND, OTHER]
    assert not NetworkInterfaceAddress.objects.filter(network_interface=FIRST).exists()
    assert not group.network_interfaces.exists()
    assert not ExporterBinding.objects.exists()
    assert Coverage.objects.get(flow_log=flow_log, network_interface=FIRST).until == NOON
    told = {
        (change.action, change.resource_type, change.resource_id, change.user_name)
        for change in Change.objects.filter(user=owner)
    }
    assert told == {
        ("ecs:DeleteNetworkInterface", "NetworkInterface", FIRST, owner.username),
        ("vpc:UnbindExporter", "Exporter", "exp-1", owner.username),
    }
    values = Change.objects.get(action="ecs:DeleteNetworkInterface").values
    assert values["addresses"] == [["10.0.0.1"], None]
    assert values["security_groups"] == [["sg-1"], None]


def test_an_interface_is_deleted_once(vpc: Vpc) -> None:
    interface = NetworkInterface.objects.get(pk=FIRST)
    services.remove_network_interface(interface, None)
    with pytest.raises(RuleError) as error:
        services.remove_network_interface(interface, None)
    assert codes(error) == ["ResourceNotExist"]


@pytest.mark.parametrize("interfaces", [1, 30])
def test_deleting_an_interface_costs_the_same_queries_whatever_else_there_is(
    make_flow_log: MakeFlowLog, vpc: Vpc, interfaces: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(interfaces):
        NetworkInterface.objects.create(pk=f"eni-{number}", vpc=vpc, vswitch_id="vsw-vpc-1-b")
    make_flow_log()
    interface = NetworkInterface.objects.select_related("vpc").get(pk=FIRST)
    with django_assert_max_num_queries(23):
        services.remove_network_interface(interface, None)


# ---- a whole VPC ------------------------------------------------------------------------------------


def test_a_vpc_that_is_emptied_and_deleted_leaves_its_windows_in_the_ledger(lab: Lab) -> None:
    flow_log = lab.flow_log()
    send(lab, 100, "10.0.1.1", "10.0.2.1")
    lab.move(START + 150)
    lab.send(flow("10.0.1.2", at=START + 149))
    expected = truth(lab.sent)
    # received, and not decoded yet
    lab.move(START + 151)
    delete(lab, flow_log)
    for interface in ("eni-a", "eni-b", "eni-c"):
        release(lab, interface)
    for instance in Instance.objects.all():
        services.remove_instance(instance, None)
    for vswitch in VSwitch.objects.all():
        services.remove_vswitch(vswitch, None)
    SecurityGroup.objects.all().delete()
    services.remove_vpc(lab.vpc, None)
    lab.finish()
    lab.assert_nothing_pending()
    assert sum(lab.records().values()) == 3
    assert lab.records() == expected
    lab.assert_balanced(flow_log, scope=3, delivered=3, filtered=0, late=0, quarantined=0, open=0)
    assert not Vpc.objects.exists()
    assert inventory.content()["vpcs"] == []


def test_a_vpc_names_everything_that_keeps_it(make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    flow_log = make_flow_log()
    SecurityGroup.objects.create(pk="sg-1", vpc=vpc)
    NetworkAcl.objects.create(pk="nacl-1", vpc=vpc)
    Gateway.objects.create(pk="ngw-1", vpc=vpc, kind="nat")
    for number in range(5):
        VSwitch.objects.create(pk=f"vsw-{number}", vpc=vpc, cidr_block=f"10.0.{10 + number}.0/24")
    with pytest.raises(RuleError) as error:
        services.remove_vpc(vpc, None)
    kinds = [
        *("FlowLog", "NetworkInterface", "Instance", "VSwitch", "SecurityGroup", "NetworkAcl", "Gateway"),
    ]
    assert codes(error) == [f"DependencyViolation.{kind}" for kind in kinds]
    said = str(error.value)
    assert f"It still has flow logs: {flow_log.pk}." in said
    assert "It still has vSwitches: vsw-0, vsw-1, vsw-2, vsw-3, vsw-4, …." in said
    assert Vpc.objects.filter(pk=vpc.pk).exists()


def test_a_vswitch_is_kept_by_its_interfaces_and_its_own_flow_log(
    make_flow_log: MakeFlowLog, vpc: Vpc
) -> None:
    make_flow_log(name="whole-vpc")
    own = make_flow_log(name="own", resource_type="VSwitch", resource_id="vsw-vpc-1-b")
    vswitch = VSwitch.objects.get(pk="vsw-vpc-1-b")
    with pytest.raises(RuleError) as error:
        services.remove_vswitch(vswitch, None)
    assert codes(error) == ["DependencyViolation.NetworkInterface", "DependencyViolation.FlowLog"]
    services.remove_network_interface(NetworkInterface.objects.get(pk=OTHER), None)
    services.delete(own, None)
    services.finish_transition(own.pk)
    acl = NetworkAcl.objects.create(pk="nacl-1", vpc=vpc)
    VSwitch.objects.update(network_acl=acl)
    services.remove_vswitch(vswitch, None)
    assert list(acl.vswitches.values_list("pk", flat=True)) == ["vsw-vpc-1-a"]
    assert VSwitch.everything.get(pk=vswitch.pk).network_acl is None
    VSwitch.objects.create(pk="vsw-new", vpc=vpc, cidr_block=vswitch.cidr_block)


def test_an_instance_is_kept_by_its_interfaces(vpc: Vpc) -> None:
    interface = NetworkInterface.objects.get(pk=FIRST)
    assert interface.instance is not None
    with pytest.raises(RuleError) as error:
        services.remove_instance(interface.instance, None)
    assert codes(error) == ["DependencyViolation.NetworkInterface"]
    assert FIRST in str(error.value)
    services.remove_network_interface(interface, None)
    services.remove_instance(interface.instance, None)
    assert not Instance.objects.filter(pk=interface.instance_id).exists()
    assert NetworkInterface.everything.get(pk=FIRST).instance_id == interface.instance_id


def test_a_deleted_instance_blocks_no_flow_log(make_flow_log: MakeFlowLog, vpc: Vpc) -> None:
    old = Instance.objects.create(pk="i-old", vpc=vpc, instance_type="ecs.n1.small")
    with pytest.raises(RuleError):
        make_flow_log()
    services.remove_instance(old, None)
    assert make_flow_log().status == "Active"


def test_what_is_deleted_cannot_be_watched(make_flow_log: MakeFlowLog) -> None:
    services.remove_network_interface(NetworkInterface.objects.get(pk=FIRST), None)
    with pytest.raises(RuleError) as error:
        make_flow_log(resource_type="NetworkInterface", resource_id=FIRST)
    assert codes(error) == ["ResourceNotExist"]


@pytest.mark.parametrize("action", REMOVALS)
@pytest.mark.parametrize("who", ["reader", "stranger", "owner"])
def test_whoever_lacks_the_permission_deletes_nothing(
    request: Any, vpc: Vpc, account: Account, region: Region, action: str, who: str
) -> None:
    Instance.objects.create(pk="i-free", vpc=vpc, instance_type="ecs.g7.large")
    VSwitch.objects.create(pk="vsw-vpc-1-c", vpc=vpc, cidr_block="10.0.9.0/24")
    Vpc.objects.create(pk="vpc-empty", account=account, region=region)
    remove, find = REMOVALS[action]
    resource = find()
    if who == "owner":
        remove(resource, request.getfixturevalue(who))
        assert not type(resource).objects.filter(pk=resource.pk).exists()
        assert Change.objects.get(action=action).resource_type == type(resource).__name__
        return
    with pytest.raises(ActionDenied) as denied:
        remove(resource, request.getfixturevalue(who))
    assert denied.value.action == action
    assert type(resource).objects.filter(pk=resource.pk).exists()
    assert not Change.objects.exists()


# ---- the same ID again ------------------------------------------------------------------------------


def test_a_deleted_network_is_made_again_under_its_ids(account: Account, region: Region) -> None:
    first = make_vpc(account, region, "vpc-1")
    interface = NetworkInterface.objects.create(pk="eni-1", vpc=first, vswitch_id="vsw-vpc-1-a")
    born = interface.created_at
    services.remove_network_interface(interface, None)
    for vswitch in first.vswitches.all():
        services.remove_vswitch(vswitch, None)
    services.remove_vpc(first, None)
    vpc = Vpc(pk="vpc-1", account=account, region=region, name="again")
    removal.add([vpc])
    VpcCidrBlock.objects.create(vpc=vpc, cidr="10.0.0.0/8", is_primary=True)
    removal.add(
        [
            VSwitch(pk=f"vsw-vpc-1-{letter}", vpc=vpc, cidr_block=f"10.7.{number}.0/24")
            for number, letter in enumerate("abc")
        ]
    )
    removal.add([NetworkInterface(pk="eni-1", vpc=vpc, vswitch_id="vsw-vpc-1-b")])
    assert Vpc.objects.get().name == "again"
    assert list(vpc.vswitches.order_by("pk").values_list("pk", "cidr_block")) == [
        ("vsw-vpc-1-a", "10.7.0.0/24"),
        ("vsw-vpc-1-b", "10.7.1.0/24"),
        ("vsw-vpc-1-c", "10.7.2.0/24"),
    ]
    again = NetworkInterface.objects.get()
    assert (again.pk, again.vswitch_id) == ("eni-1", "vsw-vpc-1-b")
    assert again.created_at > born


def test_an_id_in_use_or_from_another_place_is_refused_and_nothing_is_added(
    vpc: Vpc, account: Account, region: Region, stranger: User
) -> None:
    services.remove_network_interface(NetworkInterface.objects.get(pk=FIRST), None)
    away = make_vpc(account, region, "vpc-2")
    with pytest.raises(RuleError) as error:
        removal.add(
            [
                NetworkInterface(pk="eni-new", vpc=away, vswitch_id="vsw-vpc-2-a"),
                NetworkInterface(pk=FIRST, vpc=away, vswitch_id="vsw-vpc-2-a"),
                NetworkInterface(pk=SECOND, vpc=vpc, vswitch_id="vsw-vpc-1-a"),
            ]
        )
    assert [violation.params["id"] for violation in error.value.violations] == [FIRST, SECOND]
    assert not NetworkInterface.everything.filter(pk="eni-new").exists()
    empty = Vpc.objects.create(pk="vpc-3", account=account, region=region)
    services.remove_vpc(empty, None)
    with pytest.raises(RuleError) as error:
        removal.add([Vpc(pk="vpc-3", account=stranger.account, region=region)])
    assert codes(error) == ["IdTaken"]


def test_adding_many_covers_them_with_few_queries(
    make_flow_log: MakeFlowLog,
    vpc: Vpc,
    django_capture_on_commit_callbacks: Any,
    django_assert_max_num_queries: Any,
) -> None:
    make_flow_log()
    # what the test's own transaction waits to do is not of this one
    connection.run_on_commit.clear()
    interfaces = [NetworkInterface(pk=f"eni-{n}", vpc=vpc, vswitch_id="vsw-vpc-1-a") for n in range(150)]
    with django_capture_on_commit_callbacks(execute=True), django_assert_max_num_queries(8):
        removal.add(interfaces)
    assert Coverage.objects.filter(network_interface__in=[each.pk for each in interfaces]).count() == 150
