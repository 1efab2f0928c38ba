"""CIDR blocks nest and do not overlap, addresses are in their vSwitch."""

import pytest

from flowlogs import network_rules


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("10.0.0.0/8", True),
        ("0.0.0.0/0", True),
        ("2001:db8::/32", True),
        ("10.0.0.1/8", False),
        ("10.0.0.0", False),
        ("10.0.0.0/33", False),
        ("ten", False),
        ("<script>/8", False),
    ],
)
def test_cidr_block(value: str, valid: bool) -> None:
    assert (not network_rules.cidr_block(value, "cidr")) is valid


@pytest.mark.parametrize(
    ("value", "broken"),
    [
        pytest.param("10.0.1.0/24", [], id="free"),
        pytest.param("10.0.0.128/25", ["CidrOverlap"], id="inside another"),
        pytest.param("10.0.0.0/16", ["CidrOverlap"], id="around another"),
        pytest.param("192.168.0.0/24", ["CidrOutside"], id="outside the VPC"),
        pytest.param("2001:db8:0:1::/64", [], id="IPv6 inside"),
        pytest.param("2001:db9::/64", ["CidrOutside"], id="IPv6 outside"),
        pytest.param("10.0.1.1/24", ["CidrBlock"], id="host bits"),
    ],
)
def test_vswitch_block(value: str, broken: list[str]) -> None:
    found = network_rules.vswitch_block(
        value, ["10.0.0.0/8", "2001:db8::/56"], {"vsw-1": "10.0.0.0/24"}, "cidr_block"
    )
    assert [violation.code for violation in found] == broken
    assert all(violation.message for violation in found)


@pytest.mark.parametrize(
    ("value", "taken_by", "broken"),
    [
        pytest.param("10.0.0.7", "", [], id="free"),
        pytest.param("10.0.0.7", "eni-1", ["AddressTaken"], id="taken"),
        pytest.param("10.0.1.7", "", ["AddressOutside"], id="outside"),
        pytest.param("2001:db8::7", "", [], id="IPv6"),
        pytest.param("2001:db9::7", "", ["AddressOutside"], id="IPv6 outside"),
    ],
)
def test_address(value: str, taken_by: str, broken: list[str]) -> None:
    found = network_rules.address(value, ["10.0.0.0/24", "2001:db8::/64"], taken_by, "address")
    assert [violation.code for violation in found] == broken


def test_a_vswitch_without_ipv6_takes_no_ipv6_address() -> None:
    found = network_rules.address("2001:db8::7", ["10.0.0.0/24", ""], "", "address")
    assert [violation.code for violation in found] == ["AddressOutside"]


@pytest.mark.parametrize(
    ("value", "broken"),
    [
        ("cn-hangzhou-h", []),
        ("zone1", []),
        ("", ["Zone"]),
        ("cn hangzhou", ["Zone"]),
        ("cn-hangzhou-", ["Zone"]),
        ("<script>", ["Zone"]),
        ("a" * 65, ["Zone"]),
    ],
)
def test_zone(value: str, broken: list[str]) -> None:
    assert [each.code for each in network_rules.zone(value)] == broken
