"""Creating, changing and deleting network resources: the rules, the history, and all or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.access import ActionDenied
from console.models import Account, Change, Policy, Region, User
from console.reference import VPC_FULL
from flowlogs import inventory
from flowlogs.models import (
    Coverage,
    InventoryVersion,
    NetworkAcl,
    NetworkInterface,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
    VSwitch,
)
from flowlogs.networks.batch import Entry
from flowlogs.networks.kinds import KINDS
from flowlogs.rules import RuleError
from flowlogs.services import network, removal
from flowlogs.services.network_writing import Writing
from tests.flowlogs.conftest import MakeFlowLog, make_vpc


class Net:
    """The services on one account and region, by the slug of a kind."""

    def __init__(self, account: Account, region: Region) -> None:
        self.account, self.region = account, region

    def create(self, slug: str, by: User | None = None, **values: Any) -> Any:
        return network.create(KINDS[slug], self.account, self.region, by, **values)

    def modify(self, slug: str, resource: Any, by: User | None = None, **values: Any) -> None:
        network.modify(KINDS[slug], resource, self.account, self.region, by, **values)

    def refused(self, slug: str, **values: Any) -> list[tuple[str, str]]:
        with pytest.raises(RuleError) as refusal:
            self.create(slug, **values)
        return [(each.field, each.code) for each in refusal.value.violations]

    def imported(self, slug: str, *rows: dict[str, Any], by: User | None = None) -> Any:
        entries = [Entry(line, row) for line, row in enumerate(rows, 2)]
        return network.import_all(KINDS[slug], self.account, self.region, by, entries)


@pytest.fixture
def net(account: Account, region: Region) -> Net:
    return Net(account, region)


SWITCH = "vsw-vpc-1-a"
GIVEN: dict[str, dict[str, Any]] = {
    "vpc": {"name": "second", "cidr_blocks": "192.168.0.0/16", "description": "for tests"},
    "vswitch": {"vpc_id": "vpc-1", "name": "third", "cidr_block": "10.0.9.0/24", "zone_id": "cn-hangzhou-h"},
    "eni": {"vswitch_id": SWITCH, "private_ip": "10.0.0.50", "secondary_ips": "10.0.0.51", "name": "new"},
    "instance": {"vpc_id": "vpc-1", "name": "host", "instance_type": "ecs.g7.large"},
    "security-group": {"vpc_id": "vpc-1", "name": "web", "inner_access": "false"},
    "network-acl": {"vpc_id": "vpc-1", "name": "list"},
    "gateway": {"vpc_id": "vpc-1", "kind": "nat", "name": "out"},
}


@pytest.mark.parametrize("slug", GIVEN)
def test_what_is_created_has_its_values_an_id_and_a_change(net: Net, vpc: Vpc, slug: str) -> None:
    kind = KINDS[slug]
    resource = net.create(slug, **GIVEN[slug])
    [values] = kind.values([kind.within(net.account, net.region).get(pk=resource.pk)])
    for name, value in GIVEN[slug].items():
        assert kind.field(name).text(values[name]) == value  # type: ignore[union-attr]
    assert resource.pk.startswith({"gateway": "ngw-"}.get(slug, f"{kind.prefix}-"))
    change = Change.objects.get(resource_id=resource.pk)
    assert (change.action, change.resource_type) == (kind.actions["create"], kind.type)
    assert change.values["name"] == [None, GIVEN[slug]["name"]]


@pytest.mark.parametrize("slug", GIVEN)
def test_a_name_is_changed_and_noted_before_and_after(net: Net, vpc: Vpc, slug: str) -> None:
    resource = net.create(slug, **GIVEN[slug])
    net.modify(slug, resource, name="other")
    resource.refresh_from_db()
    assert resource.name == "other"
    change = Change.objects.filter(resource_id=resource.pk).order_by("-id")[0]
    assert change.action == KINDS[slug].actions["edit"]
    assert change.values == {"name": [GIVEN[slug]["name"], "other"]}


@pytest.mark.parametrize(
    ("slug", "values", "broken"),
    [
        pytest.param("vpc", {"cidr_blocks": ""}, ("cidr_blocks", "Required"), id="vpc-without-block"),
        pytest.param("vpc", {"cidr_blocks": "10.0.0.1/8"}, ("cidr_blocks", "CidrBlock"), id="host-bits"),
        pytest.param(
            "vpc", {"cidr_blocks": "10.0.0.0/8 10.1.0.0/16"}, ("cidr_blocks", "CidrOverlap"), id="own-overlap"
        ),
        pytest.param("vpc", {"name": "1st"}, ("name", "NameStart"), id="name"),
        pytest.param("vpc", {"id": "vpc-1"}, ("id", "Taken"), id="taken"),
        pytest.param("vpc", {"id": "vpc/1"}, ("id", "Identifier"), id="identifier"),
        pytest.param("vswitch", {"vpc_id": ""}, ("vpc_id", "Required"), id="no-vpc"),
        pytest.param("vswitch", {"vpc_id": "vpc-9"}, ("vpc_id", "NotExist"), id="unknown-vpc"),
        pytest.param("vswitch", {"cidr_block": "10.0.1.128/25"}, ("cidr_block", "CidrOverlap"), id="overlap"),
        pytest.param(
            "vpc",
            {"cidr_blocks": " ".join(f"10.0.{block}.0/24" for block in range(101))},
            ("cidr_blocks", "CidrBlocks"),
            id="101-blocks",
        ),
        pytest.param("vswitch", {"cidr_block": "172.16.0.0/24"}, ("cidr_block", "CidrOutside"), id="outside"),
        pytest.param("vswitch", {"cidr_block": "2001:db8::/64"}, ("cidr_block", "CidrBlock"), id="not-ipv4"),
        pytest.param(
            "vswitch", {"network_acl_id": "nacl-2"}, ("network_acl_id", "OtherVpc"), id="acl-elsewhere"
        ),
        pytest.param("eni", {"private_ip": "10.0.0.1"}, ("private_ip", "AddressTaken"), id="address-taken"),
        pytest.param(
            "eni", {"secondary_ips": "10.0.0.2"}, ("secondary_ips", "AddressTaken"), id="second-taken"
        ),
        pytest.param(
            "eni", {"private_ip": "10.0.1.9"}, ("private_ip", "AddressOutside"), id="address-outside"
        ),
        pytest.param("eni", {"private_ip": "::1"}, ("private_ip", "Ipv4Address"), id="address-version"),
        pytest.param(
            "eni", {"ipv6_addresses": "2001:db8::1"}, ("ipv6_addresses", "AddressOutside"), id="no-ipv6"
        ),
        pytest.param(
            "eni", {"secondary_ips": "10.0.0.50"}, ("secondary_ips", "AddressTaken"), id="own-twice"
        ),
        pytest.param("eni", {"public_ip": "203.0.113.7"}, ("public_ip", "AddressTaken"), id="public-taken"),
        pytest.param("eni", {"instance_id": "i-other"}, ("instance_id", "NotExist"), id="unknown-instance"),
        pytest.param(
            "eni", {"security_group_ids": ["sg-2"]}, ("security_group_ids", "OtherVpc"), id="group-elsewhere"
        ),
        pytest.param("instance", {"instance_type": "large"}, ("instance_type", "InstanceType"), id="type"),
        pytest.param("gateway", {"kind": "door"}, ("kind", "OneOf"), id="gateway-kind"),
        pytest.param("security-group", {"inner_access": "maybe"}, ("inner_access", "TrueOrFalse"), id="flag"),
    ],
)
def test_what_breaks_a_rule_is_refused_beside_its_field(
    net: Net, vpc: Vpc, slug: str, values: dict[str, Any], broken: tuple[str, str]
) -> None:
    elsewhere = make_vpc(net.account, net.region, "vpc-2")
    NetworkAcl.objects.create(pk="nacl-2", vpc=elsewhere)
    SecurityGroup.objects.create(pk="sg-2", vpc=elsewhere)
    NetworkInterface.objects.filter(pk="eni-vsw-vpc-1-a-1").update(public_ip="203.0.113.7")
    before = {kind.slug: kind.model.objects.count() for kind in KINDS.values()}
    assert broken in net.refused(slug, **{**GIVEN[slug], **values})
    assert {kind.slug: kind.model.objects.count() for kind in KINDS.values()} == before
    assert not Change.objects.exists()


RULE = {
    "security_group_id": "sg-1",
    "direction": "ingress",
    "protocol": "tcp",
    "port_from": 80,
    "port_to": 80,
}


@pytest.mark.parametrize(
    ("values", "broken"),
    [
        pytest.param({"peer": "sg-9"}, ("peer", "NotExist"), id="unknown-group"),
        pytest.param({"peer": "10.0.0.1"}, ("peer", "RulePeer"), id="no-block"),
        pytest.param({"peer": "sg-2"}, ("peer", "OtherVpc"), id="other-vpc"),
        pytest.param({"port_to": 70000}, ("port_from", "PortRange"), id="port"),
        pytest.param({"port_from": 90}, ("port_from", "PortRange"), id="range"),
        pytest.param({"protocol": "icmp"}, ("port_from", "PortProtocol"), id="portless"),
        pytest.param({"priority": 101}, ("priority", "RulePriority"), id="priority"),
        pytest.param({"priority": "high"}, ("priority", "WholeNumber"), id="number"),
        pytest.param({}, ("security_group_id", "Taken"), id="twice"),
    ],
)
def test_rules_of_rules(net: Net, vpc: Vpc, values: dict[str, Any], broken: tuple[str, str]) -> None:
    net.create("security-group", id="sg-1", vpc_id="vpc-1")
    SecurityGroup.objects.create(pk="sg-2", vpc=make_vpc(net.account, net.region, "vpc-2"))
    net.create("security-group-rule", **RULE, peer="0.0.0.0/0")
    assert broken in net.refused("security-group-rule", **{**RULE, "peer": "0.0.0.0/0", **values})


def test_a_rule_is_changed_and_told_in_the_history_of_its_group(net: Net, vpc: Vpc) -> None:
    net.create("security-group", id="sg-1", vpc_id="vpc-1")
    rule = net.create("security-group-rule", **RULE, peer="0.0.0.0/0")
    net.modify("security-group-rule", rule, peer="sg-1", priority="7")
    rule.refresh_from_db()
    assert (rule.cidr, rule.peer_group_id, rule.priority) == ("", "sg-1", 7)
    told = Change.objects.filter(resource_id="sg-1").order_by("-id")[0]
    assert told.values == {
        "rule": ["ingress accept 1 tcp 80/80 0.0.0.0/0", "ingress accept 7 tcp 80/80 sg-1"]
    }


def test_the_orders_of_an_acl_are_taken_once(net: Net, vpc: Vpc) -> None:
    net.create("network-acl", id="nacl-1", vpc_id="vpc-1")
    rule = {"network_acl_id": "nacl-1", "direction": "ingress", "order": 1}
    net.create("network-acl-rule", **rule)
    second = net.create("network-acl-rule", **{**rule, "order": 2})
    assert net.refused("network-acl-rule", **rule) == [("network_acl_id", "Taken")]
    with pytest.raises(RuleError, match="already exists"):
        net.modify("network-acl-rule", second, order=1)
    assert net.refused("network-acl-rule", **{**rule, "order": 0}) == [("order", "RuleOrder")]


def test_what_is_fixed_stays(net: Net, vpc: Vpc) -> None:
    make_vpc(net.account, net.region, "vpc-2")
    switch = VSwitch.objects.get(pk=SWITCH)
    with pytest.raises(RuleError, match="cannot be changed after creation"):
        net.modify("vswitch", switch, vpc_id="vpc-2")
    eni = NetworkInterface.objects.get(pk="eni-vsw-vpc-1-a-1")
    with pytest.raises(RuleError, match="is in another VPC"):
        net.modify("eni", eni, vswitch_id="vsw-vpc-2-a")


def test_blocks_cannot_leave_what_is_inside(net: Net, vpc: Vpc) -> None:
    with pytest.raises(RuleError, match=r"must still hold 10\.0\.0\.0/24"):
        net.modify("vpc", vpc, cidr_blocks="10.0.1.0/24 192.168.0.0/16")
    with pytest.raises(RuleError, match=r"must still hold 10.0.0.\d of ENI"):
        net.modify("vswitch", VSwitch.objects.get(pk=SWITCH), cidr_block="10.0.0.128/25")
    net.modify("vpc", vpc, cidr_blocks="10.0.0.0/16 192.168.0.0/16")
    assert [block.cidr for block in vpc.cidr_blocks.all()] == ["10.0.0.0/16", "192.168.0.0/16"]
    assert vpc.cidr_blocks.get(is_primary=True).cidr == "10.0.0.0/16"


def test_the_vswitches_of_another_account_do_not_exist(net: Net, vpc: Vpc, stranger: User) -> None:
    assert stranger.account is not None
    theirs = Net(stranger.account, net.region)
    assert theirs.refused("eni", **GIVEN["eni"]) == [("vswitch_id", "NotExist")]
    assert theirs.refused("vpc", id="vpc-1", cidr_blocks="10.0.0.0/8") == [("id", "TakenElsewhere")]


def test_the_id_of_a_deleted_resource_brings_it_back(net: Net, vpc: Vpc) -> None:
    eni = NetworkInterface.objects.get(pk="eni-vsw-vpc-1-a-1")
    removal.remove_network_interface(eni, None)
    values = {**GIVEN["eni"], "private_ip": "10.0.0.1", "name": "again"}
    assert net.create("eni", id=eni.pk, **values).pk == eni.pk
    found = NetworkInterface.objects.get(pk=eni.pk)
    assert (found.name, {each.address for each in found.addresses.all()}) == (
        "again",
        {"10.0.0.1", "10.0.0.51"},
    )
    assert NetworkInterface.everything.filter(pk=eni.pk).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_new_eni_joins_the_flow_log_of_its_vpc_and_the_inventory(
    net: Net, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log()
    eni = net.create("eni", **GIVEN["eni"])
    assert Coverage.objects.filter(flow_log=flow_log, network_interface=eni, until=None).exists()
    newest = inventory.load(inventory.in_force(2**60))
    assert ["10.0.0.50", "10.0.0.51"] in [each["addresses"] for each in newest["enis"]]


def test_what_is_used_is_not_deleted(net: Net, vpc: Vpc) -> None:
    group = net.create("security-group", id="sg-1", vpc_id="vpc-1", name="web")
    other = net.create("security-group", id="sg-2", vpc_id="vpc-1", name="app")
    net.create("security-group-rule", **{**RULE, "security_group_id": "sg-2"}, peer="sg-1")
    eni = net.create("eni", **GIVEN["eni"], security_group_ids=["sg-2"])
    acl = net.create("network-acl", id="nacl-1", vpc_id="vpc-1")
    net.modify("vswitch", VSwitch.objects.get(pk=SWITCH), network_acl_id="nacl-1")
    gateway = net.create("gateway", id="ngw-1", **GIVEN["gateway"])
    route = net.create("route", destination="0.0.0.0/0", gateway_id="ngw-1")
    for slug, resource, user in (
        ("security-group", group, "app"),
        ("security-group", other, "new"),
        ("network-acl", acl, SWITCH),
        ("gateway", gateway, "0.0.0.0/0"),
        ("vpc", vpc, "eni-"),
    ):
        with pytest.raises(RuleError, match=user):
            network.delete(KINDS[slug], resource, None)
    network.delete(KINDS["route"], route, None)
    network.delete(KINDS["gateway"], gateway, None)
    network.delete(KINDS["eni"], eni, None)
    network.delete(KINDS["security-group"], other, None)
    network.delete(KINDS["security-group"], group, None)
    assert not SecurityGroupRule.objects.exists()
    assert not RouteEntry.objects.exists()
    told = Change.objects.get(resource_type="RouteEntry", action="vpc:DeleteRouteEntry")
    assert told.values == {"destination": ["0.0.0.0/0", None], "gateway_id": ["ngw-1", None]}


def test_a_group_that_only_names_itself_is_deleted(net: Net, vpc: Vpc) -> None:
    group = net.create("security-group", id="sg-1", vpc_id="vpc-1")
    net.create("security-group-rule", **RULE, peer="sg-1")
    network.delete(KINDS["security-group"], group, None)
    assert not SecurityGroup.objects.exists()


def test_a_file_is_checked_against_itself(net: Net, vpc: Vpc) -> None:
    batch = net.imported(
        "vswitch",
        {"id": "vsw-x", "vpc_id": "vpc-1", "cidr_block": "10.9.0.0/24"},
        {"id": "vsw-y", "vpc_id": "vpc-1", "cidr_block": "10.9.0.128/25"},
        {"id": "vsw-x", "vpc_id": "vpc-1", "cidr_block": "10.8.0.0/24"},
    )
    found = [(row.line, each.field, each.code) for row in batch.broken for each in row.found]
    assert found == [
        (2, "cidr_block", "CidrOverlap"),
        (3, "cidr_block", "CidrOverlap"),
        (4, "id", "SaidTwice"),
    ]
    assert VSwitch.objects.count() == 2
    batch = net.imported(
        "eni",
        {"vswitch_id": SWITCH, "private_ip": "10.0.0.60", "public_ip": "203.0.113.1"},
        {"vswitch_id": SWITCH, "private_ip": "10.0.0.60", "public_ip": "203.0.113.1"},
    )
    found = [(row.line, each.field, each.message) for row in batch.broken for each in row.found]
    assert found == [
        (3, "private_ip", "The address already belongs to line 2."),
        (3, "public_ip", "The address already belongs to line 2."),
    ]


def test_addresses_may_change_hands_within_a_file(net: Net, vpc: Vpc) -> None:
    one, two = "eni-vsw-vpc-1-a-1", "eni-vsw-vpc-1-a-2"
    batch = net.imported("eni", {"id": one, "private_ip": "10.0.0.2"}, {"id": two, "private_ip": "10.0.0.1"})
    assert not batch.broken
    assert NetworkInterface.objects.get(pk=one).addresses.get().address == "10.0.0.2"
    assert NetworkInterface.objects.get(pk=two).addresses.get().address == "10.0.0.1"
    assert Change.objects.get(resource_id=one).values == {"private_ip": ["10.0.0.1", "10.0.0.2"]}


def test_columns_that_a_file_does_not_have_stay_as_they_are(net: Net, vpc: Vpc) -> None:
    batch = net.imported("vswitch", {"id": SWITCH, "zone_id": "cn-hangzhou-k"})
    assert (len(batch.created), len(batch.changed)) == (0, 1)
    assert VSwitch.objects.get(pk=SWITCH).cidr_block == "10.0.0.0/24"


def new_rows(first: int, number: int) -> list[dict[str, Any]]:
    return [{"vswitch_id": SWITCH, "private_ip": f"10.0.0.{place}"} for place in range(first, first + number)]


def test_an_import_costs_the_same_queries_for_few_rows_and_many(net: Net, vpc: Vpc) -> None:
    def cost(*rows: dict[str, Any]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert not net.imported("eni", *rows).broken
        assert len(queries) <= 30
        return len(queries)

    few = cost(*new_rows(10, 5))
    assert cost(*new_rows(20, 150)) == few
    ids = NetworkInterface.objects.order_by("pk").values_list("pk", flat=True)
    [first, rest] = (
        [{"id": pk, "name": f"eni-{place}"} for place, pk in enumerate(found)]
        for found in (ids.filter(instance__isnull=False), ids.filter(instance__isnull=True))
    )
    assert (len(first), len(rest)) == (3, 155)
    few = cost(*first)
    assert cost(*rest) <= few


@pytest.mark.django_db(transaction=True)
def test_a_file_is_checked_while_others_may_write(
    net: Net, vpc: Vpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[bool] = []

    class Watched(Writing):
        def __init__(self, *args: Any) -> None:
            locked.append(connection.in_atomic_block)
            super().__init__(*args)
            locked.append(connection.in_atomic_block)

    monkeypatch.setattr(network, "Writing", Watched)
    before = InventoryVersion.objects.count()
    assert len(net.imported("eni", *new_rows(100, 20)).created) == 20
    assert locked == [False, False]
    assert InventoryVersion.objects.count() == before + 1, "one version for the whole file"


@pytest.mark.django_db(transaction=True)
def test_the_capture_of_an_imported_file_is_in_one_version(
    net: Net, vpc: Vpc, make_flow_log: MakeFlowLog
) -> None:
    make_vpc(net.account, net.region, "vpc-2")
    make_flow_log()
    make_flow_log(resource_id="vpc-2")
    before = InventoryVersion.objects.count()
    with CaptureQueriesContext(connection) as queries:
        net.imported("eni", *new_rows(100, 20), {"vswitch_id": "vsw-vpc-2-a", "private_ip": "10.0.0.9"})
    assert InventoryVersion.objects.count() == before + 1
    enis = inventory.load(InventoryVersion.objects.latest("pk"))["enis"]
    assert [len(eni["intervals"]) for eni in enis] == [1] * 24
    assert len(queries) <= 80


def interfere(monkeypatch: pytest.MonkeyPatch, act: Any, times: int = 1) -> list[int]:
    """Let somebody else act each time rows have been checked and are not written yet, so many times."""
    seen: list[int] = []

    class Late(Writing):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            seen.append(len(seen))
            if len(seen) <= times:
                monkeypatch.setattr(network, "Writing", Writing)
                act()
                monkeypatch.setattr(network, "Writing", Late)

    monkeypatch.setattr(network, "Writing", Late)
    return seen


def take_away(user: User) -> None:
    """Take the policies from a user, as another request would: an object that is read already does not know."""
    User.objects.get(pk=user.pk).policies.clear()


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(take_away, id="policies"),
        pytest.param(lambda user: User.objects.filter(pk=user.pk).update(is_active=False), id="login"),
        pytest.param(lambda user: User.objects.filter(pk=user.pk).delete(), id="user"),
    ],
)
def test_a_right_that_is_taken_away_meanwhile_stops_an_import(
    net: Net, vpc: Vpc, reader: User, monkeypatch: pytest.MonkeyPatch, act: Any
) -> None:
    reader.policies.add(Policy.objects.get(account=None, name=VPC_FULL))
    assert len(net.imported("eni", *new_rows(90, 1), by=reader).created) == 1
    interfere(monkeypatch, lambda: act(reader))
    before = NetworkInterface.objects.count()
    with pytest.raises(ActionDenied):
        net.imported("eni", *new_rows(100, 3), by=reader)
    assert NetworkInterface.objects.count() == before


def test_other_policies_that_allow_the_same_stop_nothing(
    net: Net, vpc: Vpc, reader: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Policy.objects.get(account=None, name=VPC_FULL)
    reader.policies.add(full)
    interfere(monkeypatch, lambda: User.objects.get(pk=reader.pk).policies.set([full]))
    assert len(net.imported("eni", *new_rows(100, 3), by=reader).created) == 3


def test_what_somebody_takes_meanwhile_is_found_before_anything_is_written(
    net: Net, vpc: Vpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    interfere(monkeypatch, lambda: net.create("eni", vswitch_id=SWITCH, private_ip="10.0.0.101"))
    batch = net.imported("eni", *new_rows(100, 3))
    assert [(row.line, each.field, each.code) for row in batch.broken for each in row.found] == [
        (3, "private_ip", "AddressTaken")
    ]
    assert not NetworkInterface.objects.filter(addresses__address="10.0.0.100").exists()


def test_a_change_that_is_not_in_the_way_only_has_it_checked_again(
    net: Net, vpc: Vpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = iter(range(200, 250))
    seen = interfere(
        monkeypatch,
        lambda: net.create("eni", vswitch_id=SWITCH, private_ip=f"10.0.0.{next(places)}"),
        times=9,
    )
    assert len(net.imported("eni", *new_rows(100, 3)).created) == 3
    assert len(seen) == network.TRIES + 1, "the last time others wait"
    assert NetworkInterface.objects.count() == 3 + 3 + network.TRIES + 1


def test_an_id_that_another_account_takes_meanwhile_is_told(
    net: Net, vpc: Vpc, stranger: User, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take() -> None:
        SecurityGroup.objects.create(pk="sg-x", vpc=make_vpc(stranger.account, region, "vpc-s"))

    interfere(monkeypatch, take)
    batch = net.imported("security-group", {"id": "sg-x", "vpc_id": "vpc-1"})
    assert [(each.field, each.code) for each in batch.violations] == [("id", "TakenElsewhere")]


def test_what_is_modified_while_it_is_checked_is_changed_once(
    net: Net, vpc: Vpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = net.create("security-group", vpc_id="vpc-1", name="web")
    interfere(monkeypatch, lambda: net.create("security-group", vpc_id="vpc-1", name="other"))
    net.modify("security-group", group, name="changed")
    assert (group.name, SecurityGroup.objects.get(pk=group.pk).name) == ("changed", "changed")
    assert Change.objects.filter(resource_id=group.pk, action="ecs:ModifySecurityGroupAttribute").count() == 1


def test_who_may_not_change_one_resource_imports_nothing(net: Net, vpc: Vpc, account: Account) -> None:
    user = User.objects.create_user("carol", account=account)
    document = {
        "Version": "1",
        "Statement": [
            {"Effect": "Allow", "Action": "vpc:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "vpc:Modify*", "Resource": f"acs:vpc:*:*:vswitch/{SWITCH}"},
        ],
    }
    user.policies.add(Policy.objects.create(account=account, name="most", document=document))
    new = {"vpc_id": "vpc-1", "cidr_block": "10.7.0.0/24"}
    assert len(net.imported("vswitch", {"id": "vsw-vpc-1-b", "name": "bb"}, new, by=user).created) == 1
    with pytest.raises(ActionDenied):
        net.imported("vswitch", {"id": SWITCH, "name": "aa"}, {**new, "cidr_block": "10.6.0.0/24"}, by=user)
    assert not VSwitch.objects.filter(cidr_block="10.6.0.0/24").exists()
    assert VSwitch.objects.get(pk=SWITCH).name == ""


@pytest.mark.parametrize("slug", GIVEN)
def test_who_may_only_read_changes_nothing(net: Net, vpc: Vpc, reader: User, slug: str) -> None:
    resource = net.create(slug, **GIVEN[slug])
    with pytest.raises(ActionDenied):
        net.create(slug, reader, **GIVEN[slug])
    with pytest.raises(ActionDenied):
        net.modify(slug, resource, reader, name="other")
    with pytest.raises(ActionDenied):
        network.delete(KINDS[slug], resource, reader)
