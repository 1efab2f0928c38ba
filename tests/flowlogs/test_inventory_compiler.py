"""Tables compiled part by part are those of the whole, bit for bit."""

import dataclasses
import json
import random
from typing import Any

import numpy as np
import pytest

from flowlogs.inventory_compiler import Compiler
from flowlogs.inventory_parts import EXPORTERS, enis_key, network_key, whole
from flowlogs.inventory_tables import compile_inventory

Parts = dict[str, dict[str, Any]]


def rule(chance: random.Random, groups: list[str]) -> dict[str, Any]:
    peer = chance.choice([*groups, ""])
    return {
        "direction": chance.choice(["ingress", "egress"]), "policy": chance.choice(["accept", "drop"]),
        "protocol": chance.choice(["all", "tcp"]), "port_from": 0, "port_to": 65535,
        "cidr": "" if peer else f"10.{chance.randint(0, 9)}.0.0/16", "priority": chance.randint(1, 3), "group": peer,
    }  # fmt: skip


def address(chance: random.Random, place: int) -> str:
    return chance.choice(
        [f"10.0.{place}.1", f"192.168.{place}.7", f"2001:db8::{place:x}", f"240.0.0.{place}"]
    )


def vswitch(chance: random.Random, vpc: str, name: str, groups: list[str], acl: str | None) -> dict[str, Any]:
    ids = sorted(f"eni-{chance.randint(0, 10**6)}-{place}" for place in range(chance.randint(0, 5)))
    sets = [sorted(chance.sample(groups, chance.randint(0, len(groups)))) for _ in range(3)]
    histories = [[[60 * turn, 1 + turn] for turn in range(depth)] for depth in range(chance.randint(1, 4))]
    count = len(ids)
    shared = chance.randint(1, 250)
    return {
        "vpc": vpc, "vswitch": name, "acl": acl, "ids": ids, "vms": [chance.choice(["", "i-1"]) for _ in ids],
        "public": [chance.randint(0, 1) for _ in ids],
        "addresses": [" ".join(address(chance, shared + n) for n in range(chance.randint(0, 3))) for _ in ids],
        "groups": [chance.randrange(3) for _ in range(count)], "group_sets": sets,
        "intervals": [number % len(histories) for number in range(count)],
        "histories": histories[:count] if count else [],
    }  # fmt: skip


def generated(seed: int) -> Parts:
    chance = random.Random(seed)
    parts: Parts = {}
    bindings: list[tuple[str, str, str]] = []
    for n in range(chance.randint(0, 3)):
        vpc = f"vpc-{chance.randint(0, 99)}-{n}"
        groups = [f"sg-{n}{m}" for m in range(chance.randint(0, 3))]
        acls = [f"nacl-{n}{m}" for m in range(chance.randint(0, 2))]
        parts[network_key(vpc)] = {
            "id": vpc, "account": "1", "cidrs": ["10.0.0.0/8"], "routes": [["0.0.0.0/0", "nat"]][: n % 2],
            "groups": [
                {"id": group, "inner_access": chance.random() < 0.5, "rules": [rule(chance, groups) for _ in "ab"]}
                for group in groups
            ],
            "acls": {acl: {"rules": [{**rule(chance, []), "order": place} for place in range(2)]} for acl in acls},
        }  # fmt: skip
        for m in range(chance.randint(0, 3)):
            acl = chance.choice([*acls, None])
            part = vswitch(chance, vpc, f"vsw-{n}{m}", groups, acl)
            if part["ids"]:
                parts[enis_key(vpc, f"vsw-{n}{m}")] = part
                bindings += [("exp-1", "vswitch", f"vsw-{n}{m}"), ("exp-2", "eni", part["ids"][0])]
        bindings += [("exp-0", "vpc", vpc), ("exp-2", "vpc", vpc)]
    bindings.append(("exp-1", "eni", "eni-gone"))
    exporters = [
        {"id": f"exp-{n}", "address": "192.0.2.1", "domain": n or None, "layer": "L2", "points": {"1": "ACCEPT"},
         "ports": [n]}
        for n in range(4)
    ]  # fmt: skip
    chosen = [each for each in bindings if chance.random() < 0.7]
    return {**parts, EXPORTERS: {"exporters": exporters, "bindings": chosen}}


def flat(value: Any) -> Any:
    """Return tables as plain values that compare, with the type of each array."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tolist()
    if dataclasses.is_dataclass(value):
        return {field.name: flat(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [flat(each) for each in value]
    if isinstance(value, dict):
        return {key: flat(each) for key, each in value.items()}
    return flat(vars(value)) if hasattr(value, "__dict__") else value


class Shelf:
    """Parts by a digest, and how many of them were read."""

    def __init__(self) -> None:
        self.parts: dict[str, Any] = {}
        self.reads: list[str] = []

    def put(self, parts: Parts) -> dict[str, str]:
        """Keep parts; return their digests by name."""
        packed = {key: json.dumps(part) for key, part in parts.items()}
        self.parts |= {digest: json.loads(digest) for digest in packed.values()}
        return packed

    def read(self, digest: str) -> Any:
        self.reads.append(digest)
        return self.parts[digest]


@pytest.mark.parametrize("seed", range(60))
def test_tables_are_those_of_the_whole(seed: int) -> None:
    shelf = Shelf()
    compiler = Compiler(shelf.read)
    # the second time with what is known of the first
    for parts in (generated(seed), generated(seed + 1000), generated(seed)):
        assert flat(compiler.compile(shelf.put(parts))) == flat(compile_inventory(whole(parts)))


def network() -> Parts:
    chance = random.Random(5)
    parts: Parts = {EXPORTERS: {"exporters": [], "bindings": []}}
    for vpc in ("vpc-1", "vpc-2"):
        groups = [{"id": f"sg-{vpc}", "inner_access": True, "rules": []}]
        parts[network_key(vpc)] = {
            "id": vpc,
            "account": "1",
            "cidrs": [],
            "routes": [],
            "groups": groups,
            "acls": {},
        }
        for name in ("a", "b"):
            part = vswitch(chance, vpc, name, [f"sg-{vpc}"], None)
            part |= {"ids": [f"eni-{vpc}-{name}"], "vms": [""], "public": [0], "addresses": ["10.0.0.1"]}
            part |= {"groups": [0], "intervals": [0], "group_sets": [[f"sg-{vpc}"]], "histories": [[]]}
            parts[enis_key(vpc, name)] = part
    return parts


def test_only_what_changed_is_read_again() -> None:
    shelf, parts = Shelf(), network()
    compiler = Compiler(shelf.read)
    first = compiler.compile(shelf.put(parts))
    shelf.reads.clear()
    changed = {**parts[enis_key("vpc-2", "a")], "addresses": ["10.0.0.9"]}
    parts[enis_key("vpc-2", "a")] = changed
    second = compiler.compile(shelf.put(parts))
    assert {json.loads(each).get("vswitch", json.loads(each).get("id", "")) for each in shelf.reads} == {
        "a", "vpc-2", ""
    }  # fmt: skip
    assert second.peers[0] is first.peers[0]
    assert flat(second) == flat(compile_inventory(whole(parts)))


@pytest.mark.parametrize("path", [("group_sets", [["sg-vpc-2"]]), ("acl", "nacl-2")], ids=["group", "acl"])
def test_what_refers_to_another_vpc_is_compiled_as_a_whole(path: tuple[str, Any]) -> None:
    shelf, parts = Shelf(), network()
    parts[network_key("vpc-2")]["acls"]["nacl-2"] = {"rules": []}
    parts[enis_key("vpc-1", "a")][path[0]] = path[1]
    assert flat(Compiler(shelf.read).compile(shelf.put(parts))) == flat(compile_inventory(whole(parts)))


def test_interfaces_of_a_vpc_that_is_gone_are_left_out() -> None:
    shelf, parts = Shelf(), network()
    del parts[network_key("vpc-1")]
    tables = Compiler(shelf.read).compile(shelf.put(parts))
    assert (tables.vpc_ids, tables.eni_ids) == (["vpc-2"], ["eni-vpc-2-a", "eni-vpc-2-b"])
    assert flat(tables) == flat(compile_inventory(whole(parts)))
