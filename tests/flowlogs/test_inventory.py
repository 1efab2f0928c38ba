"""Versions of the inventory: made of parts, of which a change replaces its own, and of which no stale one wins."""

import json
import random
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.models import Account, Region
from flowlogs import decoding, ingest, inventory
from flowlogs.inventory_parts import EXPORTERS, enis_key, network_key
from flowlogs.models import (
    Exporter,
    ExporterBinding,
    Gateway,
    Instance,
    IntervalChange,
    InventoryMark,
    InventoryPart,
    InventoryVersion,
    NetworkAcl,
    NetworkAclRule,
    NetworkInterface,
    NetworkInterfaceAddress,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
    VSwitch,
)
from flowlogs.networks.kinds import KINDS
from flowlogs.services import network
from flowlogs.store import catalogue

from .conftest import make_interface, make_vpc
from .plain_inventory import plain_content
from .test_admin import admin_client

__all__ = ["admin_client"]

A, B = "vsw-vpc-1-a", "vsw-vpc-1-b"
LATER = 10**15
"""Unix ms after everything."""


def newest() -> dict[str, Any]:
    """Return the content of the version in force from now on."""
    return inventory.load(inventory.in_force(LATER))


def addresses() -> dict[str, list[str]]:
    return {eni["id"]: eni["addresses"] for eni in newest()["enis"]}


def replaced(change: Callable[[], object]) -> set[str]:
    """Return the names of the parts that a change, once it is committed, leads to."""
    before = inventory.digests_of(inventory.in_force(LATER))
    change()
    after = inventory.digests_of(inventory.in_force(LATER))
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def as_it_is(value: Any) -> Any:
    """Return content as JSON has it."""
    return json.loads(json.dumps(value))


# ---- what is read -----------------------------------------------------------------------------------


def generate(account: Account, region: Region, seed: int) -> None:
    """Make two VPCs with interfaces, groups, lists, routes and exporters of any kind."""
    chance = random.Random(seed)
    for number in (1, 2):
        vpc = make_vpc(account, region, f"vpc-{number}")
        vswitches = list(vpc.vswitches.order_by("pk"))
        acl = NetworkAcl.objects.create(pk=f"nacl-{number}", vpc=vpc)
        NetworkAclRule.objects.create(network_acl=acl, direction="ingress", order=1, policy="accept")
        VSwitch.objects.filter(pk=vswitches[0].pk).update(network_acl=chance.choice([acl, None]))
        groups = [
            SecurityGroup.objects.create(pk=f"sg-{number}{m}", vpc=vpc, inner_access=chance.random() < 0.5)
            for m in range(3)
        ]
        for group in groups:
            peer = chance.choice([*groups, None])
            SecurityGroupRule.objects.create(
                security_group=group, direction=chance.choice(["ingress", "egress"]), peer_group=peer,
                cidr="" if peer else "10.0.0.0/8", priority=chance.randint(1, 100), protocol="tcp", port_to=443,
            )  # fmt: skip
        gateway = Gateway.objects.create(pk=f"ngw-{number}", vpc=vpc, kind="nat")
        RouteEntry.objects.create(vpc=vpc, destination="0.0.0.0/0", gateway=gateway)
        for vswitch in vswitches:
            for place in range(chance.randint(0, 4)):
                eni = make_interface(vswitch, place + 1, public_ip=chance.choice([None, "203.0.113.9"]))
                for address in (f"2001:db8::{number}:{place}", f"10.{number}.0.{place}")[
                    : chance.randint(0, 2)
                ]:
                    kind = "ipv6" if ":" in address else "secondary"
                    if not NetworkInterfaceAddress.objects.filter(vpc=vpc, address=address).exists():
                        eni.addresses.create(vpc=vpc, address=address, kind=kind)
                eni.security_groups.set(chance.sample(groups, chance.randint(0, 3)))
                for turn in range(chance.randint(0, 3)):
                    since = datetime(2025, 1, 1 + turn, tzinfo=UTC)
                    IntervalChange.objects.create(
                        network_interface=eni, since=since, interval=(10, 0, 1)[turn]
                    )
    for number in range(3):
        exporter = Exporter.objects.create(
            pk=f"exp-{number}", address=f"192.0.2.{number}", drop_ports=[number]
        )
        eni = NetworkInterface.objects.order_by("pk").last()
        for scope in ({}, {"vswitch_id": A}, {"network_interface": eni})[: chance.randint(1, 3)]:
            ExporterBinding.objects.create(exporter=exporter, vpc_id=f"vpc-{chance.randint(1, 2)}", **scope)


@pytest.mark.parametrize("seed", range(4))
def test_parts_make_up_what_is_there(account: Account, region: Region, seed: int) -> None:
    generate(account, region, seed)
    plain = as_it_is(plain_content())
    assert as_it_is(inventory.content()) == plain
    assert as_it_is(inventory.load(inventory.record())) == plain
    NetworkInterface.everything.order_by("pk").update(deleted_at=timezone.now())
    inventory.record()
    assert as_it_is(newest()) == as_it_is(plain_content())
    assert not newest()["enis"]


def test_a_vpc_that_is_deleted_is_in_it_no_more(vpc: Vpc) -> None:
    inventory.record()
    Vpc.objects.filter(pk=vpc.pk).update(deleted_at=timezone.now())
    inventory.record()
    assert (newest()["vpcs"], newest()["enis"]) == ([], [])


# ---- what is written --------------------------------------------------------------------------------


def test_what_did_not_change_is_not_written_again(vpc: Vpc) -> None:
    version = inventory.record()
    parts = InventoryPart.objects.count()
    assert inventory.record() == version
    assert inventory.record_marked() is None
    assert (InventoryVersion.objects.count(), InventoryPart.objects.count()) == (1, parts)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("change", "keys"),
    [
        pytest.param(
            lambda vpc: RouteEntry.objects.create(
                vpc=vpc,
                destination="0.0.0.0/0",
                gateway=Gateway.objects.create(pk="ngw-1", vpc=vpc, kind="nat"),
            ),
            {network_key("vpc-1")},
            id="route",
        ),
        pytest.param(
            lambda vpc: SecurityGroup.objects.create(pk="sg-1", vpc=vpc).rules.create(
                direction="ingress", cidr="0.0.0.0/0"
            ),
            {network_key("vpc-1")},
            id="rule",
        ),
        pytest.param(
            lambda vpc: NetworkInterfaceAddress.objects.filter(address="10.0.0.1").delete(),
            {enis_key("vpc-1", A)},
            id="address",
        ),
        pytest.param(
            lambda vpc: Instance.objects.get(pk=f"i-{B}-1").delete(), {enis_key("vpc-1", B)}, id="instance"
        ),
        pytest.param(
            lambda vpc: make_interface(VSwitch.objects.get(pk=B), 7), {enis_key("vpc-1", B)}, id="eni"
        ),
        pytest.param(
            lambda vpc: SecurityGroup.objects.create(pk="sg-1", vpc=vpc).network_interfaces.add(f"eni-{A}-1"),
            {network_key("vpc-1"), enis_key("vpc-1", A)},
            id="member",
        ),
        pytest.param(
            lambda vpc: Exporter.objects.create(pk="exp-1", address="192.0.2.1"), {EXPORTERS}, id="exporter"
        ),
        pytest.param(
            lambda vpc: Exporter.objects.create(pk="exp-1", address="192.0.2.1").bindings.create(vpc=vpc),
            {EXPORTERS},
            id="binding",
        ),
        pytest.param(lambda vpc: Vpc.objects.get(pk="vpc-2").delete(), {network_key("vpc-2")}, id="vpc"),
        pytest.param(lambda vpc: Vpc.objects.filter(pk=vpc.pk).get().save(), set(), id="nothing"),
    ],
)
def test_a_change_replaces_its_own_part(
    account: Account, region: Region, vpc: Vpc, change: Callable[[Vpc], object], keys: set[str]
) -> None:
    Vpc.objects.create(pk="vpc-2", account=account, region=region)
    assert replaced(lambda: change(vpc)) == keys
    assert as_it_is(newest()) == as_it_is(plain_content())
    assert not InventoryMark.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("slug", "values", "keys"),
    [
        pytest.param("eni", {"private_ip": "10.0.0.77"}, {enis_key("vpc-1", A)}, id="address"),
        pytest.param(
            "eni",
            {"vswitch_id": B, "private_ip": "10.0.1.77"},
            {enis_key("vpc-1", A), enis_key("vpc-1", B)},
            id="moved",
        ),
        pytest.param("eni", {"name": "other"}, set(), id="name"),
        pytest.param("vswitch", {"network_acl_id": "nacl-1"}, {enis_key("vpc-1", A)}, id="acl"),
        pytest.param("vpc", {"cidr_blocks": "10.0.0.0/8 fd00::/56"}, {network_key("vpc-1")}, id="blocks"),
        pytest.param("security-group", {"inner_access": "false"}, {network_key("vpc-1")}, id="group"),
    ],
)
def test_the_services_replace_what_they_change(
    account: Account, region: Region, vpc: Vpc, slug: str, values: dict[str, Any], keys: set[str]
) -> None:
    NetworkAcl.objects.create(pk="nacl-1", vpc=vpc)
    SecurityGroup.objects.create(pk="sg-1", vpc=vpc)
    pk = {"eni": f"eni-{A}-1", "vswitch": A, "vpc": "vpc-1", "security-group": "sg-1"}[slug]
    resource = KINDS[slug].model.objects.get(pk=pk)
    found = replaced(lambda: network.modify(KINDS[slug], resource, account, region, None, **values))
    assert found == keys
    assert as_it_is(newest()) == as_it_is(plain_content())


@pytest.mark.django_db(transaction=True)
def test_what_an_administrator_changes_is_recorded(admin_client: Client, vpc: Vpc) -> None:
    from .test_admin import edit

    group = SecurityGroup.objects.create(pk="sg-1", vpc=vpc)
    assert replaced(lambda: edit(admin_client, group, inner_access="")) == {network_key("vpc-1")}
    assert newest() == plain_content()


def test_what_one_change_costs_does_not_depend_on_the_rest(
    account: Account, region: Region, vpc: Vpc
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            inventory.enis_changed([("vpc-1", A)])
            inventory.record_marked()
        assert not any("flowlogs_securitygrouprule" in query["sql"] for query in queries)
        return len(queries)

    inventory.record()
    NetworkInterfaceAddress.objects.filter(address="10.0.0.1").update(address="10.0.0.33")
    few = cost()
    for number in range(2, 5):
        for vswitch in make_vpc(account, region, f"vpc-{number}").vswitches.all():
            make_interface(vswitch, number)
    inventory.record()
    NetworkInterfaceAddress.objects.filter(address="10.0.0.33").update(address="10.0.0.34")
    assert cost() == few
    assert addresses()[f"eni-{A}-1"] == ["10.0.0.34"]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_writes_one_version_and_one_that_is_undone_none(vpc: Vpc) -> None:
    before = InventoryVersion.objects.count()
    with transaction.atomic():
        for number in (7, 8):
            make_interface(VSwitch.objects.get(pk=A), number)
    assert InventoryVersion.objects.count() == before + 1
    with pytest.raises(RuntimeError), transaction.atomic():
        make_interface(VSwitch.objects.get(pk=A), 9)
        raise RuntimeError
    assert InventoryVersion.objects.count() == before + 1
    assert not InventoryMark.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_a_savepoint_undid_is_marked_again(vpc: Vpc) -> None:
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            make_interface(VSwitch.objects.get(pk=A), 9)
            raise RuntimeError
        make_interface(VSwitch.objects.get(pk=A), 8)
    assert f"eni-{A}-8" in addresses()


# ---- several at the same time -----------------------------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *, looked: bool) -> None:
    """Let somebody else act while the next version is being made, before or after the parts are looked at."""
    look = inventory._look

    def slow(keys: Any) -> dict[str, bytes]:
        monkeypatch.setattr(inventory, "_look", look)
        if not looked:
            act()
        seen = look(keys)
        if looked:
            act()
        return seen

    monkeypatch.setattr(inventory, "_look", slow)


def move(address: str, to: str) -> None:
    """Change an address and note it, as a transaction does."""
    NetworkInterfaceAddress.objects.filter(address=address).update(address=to)
    eni = NetworkInterface.objects.get(addresses__address=to)
    inventory.enis_changed([(eni.vpc_id, eni.vswitch_id)])


def test_of_two_at_the_same_time_the_one_that_saw_more_counts(
    account: Account, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    def second() -> None:
        Vpc.objects.create(pk="vpc-second", account=account, region=region)
        inventory.record(timezone.now() + timedelta(milliseconds=5))

    Vpc.objects.create(pk="vpc-first", account=account, region=region)
    meanwhile(monkeypatch, second, looked=True)
    inventory.record()
    assert {each["id"] for each in newest()["vpcs"]} == {"vpc-first", "vpc-second"}


def test_what_was_taken_back_meanwhile_does_not_come_again(vpc: Vpc, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sees a change, another takes it back and finds everything as it was: what the first saw is stale."""
    inventory.record()

    def take_back() -> None:
        move("10.0.0.77", "10.0.0.1")
        inventory.record_marked()

    move("10.0.0.1", "10.0.0.77")
    meanwhile(monkeypatch, take_back, looked=True)
    inventory.record_marked()
    assert addresses()[f"eni-{A}-1"] == ["10.0.0.1"]
    assert not InventoryMark.objects.exists()


@pytest.mark.parametrize("looked", [True, False])
def test_what_two_change_in_different_places_is_in_one_version(
    vpc: Vpc, monkeypatch: pytest.MonkeyPatch, *, looked: bool
) -> None:
    inventory.record()

    def other() -> None:
        move("10.0.1.1", "10.0.1.77")
        inventory.record_marked()

    move("10.0.0.1", "10.0.0.77")
    meanwhile(monkeypatch, other, looked=looked)
    inventory.record_marked()
    assert as_it_is(newest()) == as_it_is(plain_content())


def test_a_change_counts_from_its_own_instant_and_stays_in_later_versions(
    vpc: Vpc, time_machine: Any
) -> None:
    """A clock that was put back makes versions that others follow already."""
    time_machine.move_to(2_000_000_000, tick=False)
    inventory.record()
    time_machine.move_to(2_000_000_100, tick=False)
    move("10.0.1.1", "10.0.1.77")
    later = inventory.record_marked()
    time_machine.move_to(2_000_000_050, tick=False)
    move("10.0.0.1", "10.0.0.77")
    inventory.record_marked()
    found = []
    for at in (2_000_000_049, 2_000_000_050, 2_000_000_100):
        enis = inventory.load(inventory.in_force(at * 1000))["enis"]
        found.append([each["addresses"][0] for each in enis if each["id"] in (f"eni-{A}-1", f"eni-{B}-1")])
    assert found == [["10.0.0.1", "10.0.1.1"], ["10.0.0.77", "10.0.1.1"], ["10.0.0.77", "10.0.1.77"]]
    assert later is not None
    assert InventoryVersion.objects.get(pk=later.pk).digest == later.digest, "versions are never changed"
    assert [each.since // 1000 for each in inventory.versions_from(0)] == [
        2_000_000_000, 2_000_000_050, 2_000_000_100
    ]  # fmt: skip


def test_what_a_process_that_died_left_marked_is_recorded_by_the_next(vpc: Vpc) -> None:
    inventory.record()
    move("10.0.0.1", "10.0.0.77")
    move("10.0.1.1", "10.0.1.77")
    inventory.record_marked()
    assert as_it_is(newest()) == as_it_is(plain_content())


# ---- what was written before ------------------------------------------------------------------------


@pytest.fixture
def former(vpc: Vpc) -> InventoryVersion:
    """A version as earlier releases wrote it."""
    inventory.record()
    InventoryVersion.objects.all().delete()
    packed = json.dumps(plain_content(), separators=(",", ":"), sort_keys=True).encode()
    return InventoryVersion.objects.create(
        since=1000, content=zlib.compress(packed), digest=sha256(packed).hexdigest()
    )


def test_a_version_of_an_earlier_release_is_read(former: InventoryVersion) -> None:
    assert inventory.load(former) == plain_content()
    [(since, path)] = ingest._inventories(5000)
    assert since == 1000
    assert decoding._inventory(path).eni_ids == [f"eni-{A}-1", f"eni-{A}-2", f"eni-{B}-1"]


def test_the_first_change_after_it_keeps_the_rest(former: InventoryVersion) -> None:
    move("10.0.0.1", "10.0.0.77")
    inventory.record_marked()
    assert as_it_is(newest()) == as_it_is(plain_content())
    assert inventory.versions_from(5000)[0].pk == former.pk
    assert [len(decoding._inventory(path).eni_ids) for _, path in ingest._inventories(5000)] == [3, 3]


@pytest.mark.parametrize("is_former", [True, False])
def test_who_observed_what_is_known_of_every_version(
    account: Account, region: Region, *, is_former: bool
) -> None:
    generate(account, region, 1)
    version = inventory.record()
    if is_former:
        packed = json.dumps(as_it_is(plain_content())).encode()
        version = InventoryVersion.objects.create(since=LATER, content=zlib.compress(packed), digest="d")
    content = plain_content()
    enis = NetworkInterface.objects.all()
    places = {eni.pk: (eni.vpc_id, eni.vswitch_id) for eni in enis} | {"eni-gone": ("vpc-1", A)}
    expected = {
        (exporter["id"], content["enis"][number]["id"])
        for exporter in content["exporters"]
        for number in exporter["enis"]
    }
    assert expected
    assert set(inventory.observers(version, places)) == expected


# ---- what goes --------------------------------------------------------------------------------------


def test_parts_go_with_the_last_version_that_has_them(vpc: Vpc, time_machine: Any) -> None:
    start = 2_000_000_000
    time_machine.move_to(start, tick=False)
    inventory.record()
    kept = set(InventoryPart.objects.values_list("pk", flat=True))
    time_machine.move_to(start + 100, tick=False)
    move("10.0.0.1", "10.0.0.77")
    changed = inventory.record_marked()
    assert changed is not None
    ours = set(inventory.digests_of(changed).values())
    for after in (200, 86_400 + 99):
        time_machine.move_to(start + after, tick=False)
        assert inventory.prune() == 0
        assert set(InventoryPart.objects.values_list("pk", flat=True)) == kept | ours
    time_machine.move_to(start + 86_400 + 101, tick=False)
    assert inventory.prune() == 1
    assert set(InventoryPart.objects.values_list("pk", flat=True)) == ours
    assert as_it_is(newest()) == as_it_is(plain_content())


def test_a_part_that_is_as_it_was_before_stays(vpc: Vpc, time_machine: Any) -> None:
    start = 2_000_000_000
    for turn, (before, after) in enumerate(
        [("10.0.0.1", "10.0.0.1"), ("10.0.0.1", "10.0.0.77"), ("10.0.0.77", "10.0.0.1")]
    ):
        time_machine.move_to(start + 100 * turn, tick=False)
        move(before, after)
        inventory.record_marked()
        inventory.prune()
    time_machine.move_to(start + 3 * 86_400, tick=False)
    inventory.prune()
    assert as_it_is(newest()) == as_it_is(plain_content())
    assert InventoryPart.objects.count() == len(newest()["vpcs"]) + 3


def test_files_of_parts_go_when_nothing_lists_them(vpc: Vpc, tmp_path: Any, settings: Any) -> None:
    settings.FLOWLOG_STORE = tmp_path
    inventory.record()
    [(_, path)] = ingest._inventories(LATER)
    files = set(tmp_path.rglob("*.json.z"))
    assert len(files) == 1 + InventoryPart.objects.count()
    assert decoding._inventory(path).vpc_ids == ["vpc-1"]
    assert catalogue.collect_orphans(LATER) == 0
    InventoryVersion.objects.all().delete()
    InventoryPart.objects.all().delete()
    assert catalogue.collect_orphans(LATER) == len(files)
