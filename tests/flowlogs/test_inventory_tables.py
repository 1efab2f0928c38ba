"""One inventory version as look-up tables."""

import numpy as np
import pytest

from flowlogs import inventory_tables
from flowlogs.addresses import MISSING
from flowlogs.inventory_tables import compile_inventory, interface_key
from flowlogs.secgroups import IN, OUT

from .test_addresses import columns
from .test_attribute import content, eni, exporter


def test_an_empty_inventory_compiles():
    tables = compile_inventory(content([], vpcs=[], exporters=[]))
    assert (tables.eni_ids, tables.vpc_ids, len(tables.eni_key)) == ([], [], 0)
    assert tables.exporter_of("192.0.2.1", 0) == MISSING


def test_keys_are_stable_across_versions():
    """Samples of one version are read under another: the key must never change."""
    assert interface_key("eni-bp1f6qqhsrc2c12ta7x0k") == 17_452_469_933_398_186_175
    assert interface_key("eni-1") != interface_key("eni-2")


def test_two_interfaces_with_one_key_are_refused(monkeypatch):
    monkeypatch.setattr(inventory_tables, "interface_key", lambda eni_id: 7)
    with pytest.raises(ValueError, match="share one 64-bit key"):
        compile_inventory(content([eni("eni-a", "10.0.0.1"), eni("eni-b", "10.0.0.2")]))


def test_interval_changes_are_padded_to_the_longest_list():
    tables = compile_inventory(
        content(
            [eni("eni-a", "10.0.0.1", intervals=[[0, 10], [600, 1]]), eni("eni-b", "10.0.0.2", intervals=[])]
        )
    )
    never = np.iinfo(np.int64).max
    assert tables.interval_since.tolist() == [[0, never], [600, never]]
    assert tables.interval.tolist() == [[10, 0], [1, 0]]


@pytest.mark.parametrize(
    ("address", "domain", "expected"),
    [
        pytest.param("192.0.2.1", 7, 1, id="its own domain first"),
        pytest.param("192.0.2.1", 8, 0, id="else all domains"),
        pytest.param("192.0.2.2", 9, 2, id="one domain only"),
        pytest.param("192.0.2.2", 8, MISSING, id="another domain of it"),
        pytest.param("192.0.2.3", 0, MISSING, id="unknown address"),
    ],
)
def test_whose_stream_it_is(address, domain, expected):
    exporters = [exporter("192.0.2.1"), exporter("192.0.2.1", domain=7), exporter("192.0.2.2", domain=9)]
    assert compile_inventory(content([], exporters=exporters)).exporter_of(address, domain) == expected


def test_observation_points_and_drop_ports_are_numbers():
    one = exporter("192.0.2.1", points={"1": "ACCEPT", "2": "REJECT"}, ports=["65533", 7], layer="L2")
    profile = compile_inventory(content([], exporters=[one])).exporters[0]
    assert (profile.accept_points, profile.reject_points, profile.drop_ports) == ((1,), (2,), (65533, 7))
    assert profile.link_layer_bytes


def test_paths_of_a_vpc_know_its_own_blocks_services_and_gateways():
    vpc = {"id": "vpc-1", "account": "1", "cidrs": ["10.0.0.0/16"], "routes": [["0.0.0.0/0", "nat"]]}
    tables = compile_inventory(
        content([eni("eni-a", "10.0.0.1"), eni("eni-b", "10.0.0.2", vm="")], vpcs=[vpc])
    )
    asked = columns(["10.0.9.9", "100.100.2.136", "192.0.2.1"])
    assert tables.routes[0].find(*asked).tolist() == [1, 5, 7]
    assert tables.peers[0].find(*columns(["10.0.0.1", "10.0.0.2", "10.0.9.9"])).tolist() == [2, 1, MISSING]


def test_a_policy_without_an_acl_and_without_rules_has_the_defaults():
    policy = {"groups": [{"id": "sg-a", "inner_access": False, "rules": []}], "acl": None}
    (compiled,) = compile_inventory(content([], policies=[policy])).policies
    assert compiled.acl is None
    assert [compiled.groups[IN].default, compiled.groups[OUT].default] == [False, True]
