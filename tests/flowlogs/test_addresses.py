"""Column-wise address look-ups against one address at a time."""

from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlogs.addresses import DIRECT_SPAN, MISSING, AddressTable, Block, PrefixTable

from .plain_rules import longest_prefix

fours = st.integers(0, 2**32 - 1).map(lambda number: str(ip_address(number)))
near = st.integers(0, 2 * DIRECT_SPAN).map(lambda number: str(ip_address(0x0A000000 + number)))
sixes = st.integers(0, 2**128 - 1).map(lambda number: str(ip_address(number | 1 << 127)))
anything = st.one_of(fours, near, sixes)


def columns(addresses: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    numbers = [ip_address(address) for address in addresses]
    return (
        np.array([number.version for number in numbers], np.uint8),
        np.array([int(number) >> 64 for number in numbers], np.uint64),
        np.array([int(number) & 2**64 - 1 for number in numbers], np.uint64),
    )


@given(st.dictionaries(anything, st.integers(0, 50), max_size=12), st.lists(anything, max_size=12))
def test_a_table_finds_exactly_its_own_addresses(table, others):
    asked = [*table, *others]
    found = AddressTable(list(table.items())).find(*columns(asked))
    assert found.tolist() == [table.get(address, MISSING) for address in asked]


@pytest.mark.parametrize("span", [1, DIRECT_SPAN - 1, DIRECT_SPAN, 2**31], ids=str)
def test_tables_of_every_span_agree_at_their_edges(span):
    low = 0x0A000000
    edges = [low - 1, low, low + 1, low + span - 1, low + span, low + span + 1, 0, 2**32 - 1]
    table = AddressTable([(str(ip_address(low)), 3), (str(ip_address(low + span)), 4)])
    expected = {low: 3, low + span: 4}
    found = table.find(*columns([str(ip_address(edge)) for edge in edges]))
    assert found.tolist() == [expected.get(edge, MISSING) for edge in edges]


def test_an_ipv6_address_is_never_taken_for_the_ipv4_address_in_its_low_half():
    table = AddressTable([("10.0.0.1", 7)])
    assert table.find(*columns(["::10.0.0.1", "10.0.0.1"])).tolist() == [MISSING, 7]


def test_ipv6_addresses_that_share_a_half_are_told_apart():
    pairs = [("2001:db8::1", 1), ("2001:db8::2", 2), ("2001:db8:0:1::1", 3)]
    table = AddressTable(pairs)
    asked = [*(address for address, _ in pairs), "2001:db8:0:1::2"]
    assert table.find(*columns(asked)).tolist() == [1, 2, 3, MISSING]


def test_an_empty_table_finds_nothing():
    assert AddressTable(()).find(*columns(["10.0.0.1", "::1"])).tolist() == [MISSING, MISSING]
    assert not AddressTable(()).contains(*columns(["10.0.0.1", "::1"])).any()


CIDRS = st.one_of(
    st.tuples(fours, st.integers(0, 32)),
    st.tuples(near, st.integers(8, 32)),
    st.tuples(sixes, st.integers(0, 128)),
).map(lambda pair: f"{pair[0]}/{pair[1]}")


@given(
    st.lists(st.tuples(CIDRS, st.integers(0, 22)), max_size=10), st.lists(anything, min_size=1, max_size=10)
)
def test_the_longest_prefix_decides(routes, others):
    inside = [cidr.partition("/")[0] for cidr, _ in routes]
    asked = [*others, *inside]
    found = PrefixTable(routes, 0).find(*columns(asked))
    assert found.tolist() == [longest_prefix(routes, address, 0) for address in asked]


@pytest.mark.parametrize(
    ("routes", "address", "code"),
    [
        pytest.param([("0.0.0.0/0", 13)], "255.255.255.255", 13, id="default route, last address"),
        pytest.param([("0.0.0.0/0", 13)], "2001:db8::1", 0, id="an IPv4 default route is not for IPv6"),
        pytest.param([("::/0", 14)], "10.0.0.1", 0, id="nor the other way round"),
        pytest.param([("10.0.0.0/8", 9), ("10.0.0.0/8", 7)], "10.1.1.1", 7, id="same prefix: the last"),
        pytest.param([("10.0.0.0/24", 7), ("10.0.0.0/8", 9)], "10.0.0.255", 7, id="end of the longer"),
        pytest.param([("10.0.0.0/24", 7), ("10.0.0.0/8", 9)], "10.0.1.0", 9, id="just behind the longer"),
        pytest.param([("255.255.255.255/32", 5)], "255.255.255.255", 5, id="the very last address"),
    ],
)
def test_prefixes_at_their_edges(routes, address, code):
    assert PrefixTable(routes, 0).find(*columns([address])).tolist() == [code]


@given(CIDRS, st.lists(anything, max_size=8))
def test_a_block_holds_what_its_network_holds(cidr, others):
    asked = [*others, cidr.partition("/")[0]]
    found = Block(cidr).contains(*columns(asked))
    assert found.tolist() == [longest_prefix([(cidr, 1)], address, 0) == 1 for address in asked]
