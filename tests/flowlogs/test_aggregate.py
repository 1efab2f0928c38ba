"""Samples to records, by the real engine, against a group-by in a dictionary."""

from collections import Counter, defaultdict
from ipaddress import ip_address

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flowlogs import aggregate
from flowlogs.decoding import write_samples
from flowlogs.inventory_tables import interface_key
from flowlogs.jobs import BIGGEST_SECOND, Interface, Job, Order, Outcome, Span
from flowlogs.record import FIELD_NAMES, FIELDS, TIME
from flowlogs.record_sql import IP_MACRO, RECORD

START, INTERVAL = 1_760_000_400, 10
END = START + 600
INTERFACES = tuple(
    Interface(f"eni-{letter}", "1000000000000042", vm, f"vsw-{letter}", "vpc-1")
    for letter, vm in (("a", "i-a"), ("b", ""), ("c", "i-c"))
)
TYPES = {
    "eni": np.uint64, "window": np.uint32, "interval": np.uint8, "direction": np.uint8, "family": np.uint8,
    "src_hi": np.uint64, "src_lo": np.uint64, "dst_hi": np.uint64, "dst_lo": np.uint64, "protocol": np.uint8,
    "srcport": np.uint16, "dstport": np.uint16, "tcp_flags": np.uint16, "packets": np.uint64,
    "bytes": np.uint64, "start": np.uint32, "end": np.uint32, "last": np.uint32, "path": np.uint8,
    "action": np.uint8, "source": np.uint8,
}  # fmt: skip


def sample(
    eni: str = "eni-a", src: str = "10.0.0.1", dst: str = "192.0.2.9", **values: int
) -> dict[str, int]:
    """One sample; ``at`` is the second of its last packet within the window."""
    last = START + values.pop("at", 30)
    addresses = {
        f"{side}_{half}": number
        for side, text in (("src", src), ("dst", dst))
        for half, number in (("hi", int(ip_address(text)) >> 64), ("lo", int(ip_address(text)) & 2**64 - 1))
    }
    return {
        "eni": interface_key(eni), "window": START, "interval": INTERVAL, "direction": 1,
        "family": ip_address(src).version, **addresses, "protocol": 6, "srcport": 40_000, "dstport": 443,
        "tcp_flags": 24, "packets": 3, "bytes": 300, "start": max(last - 5, START), "end": last, "last": last,
        "path": 13, "action": 1, "source": 1, **values,
    }  # fmt: skip


def order(
    flow_log: str = "fl-1", logstore: int = 1, *, only: tuple[int, ...] = (0, 1, 2), **values: object
) -> Order:
    defaults = {"traffic_type": "All", "dual_stack": True}
    return Order(flow_log, logstore, only, **{**defaults, **values})


class Bench:
    """Writes sample files into a folder and closes windows over them."""

    def __init__(self, folder):
        self.folder = folder
        self.number = 0

    def file(self, *samples: dict[str, int]) -> str:
        self.number += 1
        path = self.folder / f"samples-{self.number}.parquet"
        columns = {name: np.array([row[name] for row in samples], dtype) for name, dtype in TYPES.items()}
        write_samples([columns], path)
        return str(path)

    def close(
        self, files: list[str], *orders: Order, **values: object
    ) -> tuple[Outcome, dict[int, list[dict]]]:
        """Return the outcome and, by Logstore, the records that its part holds."""
        self.number += 1
        parts = {
            number: str(self.folder / f"part-{self.number}-{number}.parquet")
            for number in {each.logstore for each in orders if each.logstore}
        }
        job = Job(tuple(files), START, INTERVAL, INTERFACES, orders, parts, **values)
        outcome = aggregate.close(job)
        return outcome, {part.logstore: read(part.path) for part in outcome.parts}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def read(path: str) -> list[dict]:
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT * FROM '{path}'")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


# ---- the plain reading ------------------------------------------------------------------------------

GROUP = (
    "eni",
    "direction",
    "family",
    "src_hi",
    "src_lo",
    "dst_hi",
    "dst_lo",
    "protocol",
    "srcport",
    "dstport",
    "action",
    "path",
)
PLACES = {interface_key(interface.id): place for place, interface in enumerate(INTERFACES)}


def takes(order: Order, group: dict) -> bool:
    allowed = {"All": (0, 1), "Allow": (1,), "Drop": (0,)}[order.traffic_type]
    if order.paths and (group["path"] not in order.paths or group["action"] == 0):
        return False
    return group["action"] in allowed and (order.dual_stack or group["family"] == 4)


def covers(order: Order, row: dict) -> bool:
    place = PLACES.get(row["eni"])
    return any(span.place == place and span.since <= row["last"] < span.until for span in order.spans())


def plain(order: Order, rows: list[dict]) -> tuple[Counter, dict[str, list[int]]]:
    """Return the records of an order as a multiset, and its terms in flows, packets and bytes."""
    in_scope = [
        row for row in rows if covers(order, row) and (row["window"], row["interval"]) == (START, INTERVAL)
    ]
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for row in in_scope:
        groups[tuple(row[name] for name in GROUP)].append(row)
    records, terms = Counter(), {"scope": amounts(in_scope), "delivered": [0, 0, 0], "filtered": [0, 0, 0]}
    for key, members in groups.items():
        group = dict(zip(GROUP, key, strict=True))
        term = "delivered" if takes(order, group) else "filtered"
        terms[term] = [a + b for a, b in zip(terms[term], amounts(members), strict=True)]
        if term == "delivered":
            records[record(group, members)] += 1
    return records, terms


def amounts(rows: list[dict]) -> list[int]:
    return [len(rows), sum(row["packets"] for row in rows), sum(row["bytes"] for row in rows)]


def address(family: int, hi: int, lo: int) -> str:
    return str(ip_address(lo)) if family == 4 else str(ip_address((hi << 64 | lo).to_bytes(16, "big")))


def record(group: dict, rows: list[dict]) -> tuple:
    interface = INTERFACES[PLACES[group["eni"]]]
    flags = 0
    for row in rows:
        flags |= row["tcp_flags"]
    start = min(row["start"] for row in rows)
    values = {
        "version": 1, "account-id": interface.account, "eni-id": interface.id, "vm-id": interface.vm or None,
        "vswitch-id": interface.vswitch, "vpc-id": interface.vpc, "type": f"IPv{group['family']}",
        "protocol": group["protocol"], "srcaddr": address(group["family"], group["src_hi"], group["src_lo"]),
        "srcport": group["srcport"], "dstaddr": address(group["family"], group["dst_hi"], group["dst_lo"]),
        "dstport": group["dstport"], "direction": ("in", "out")[group["direction"]],
        "action": ("REJECT", "ACCEPT")[group["action"]], "packets": sum(row["packets"] for row in rows),
        "bytes": sum(row["bytes"] for row in rows), "start": start, "end": max(row["end"] for row in rows),
        "tcp-flags": flags, "log-status": "OK", "traffic_path": group["path"], TIME: start,
    }  # fmt: skip
    return tuple(values[name] for name in (*FIELD_NAMES, TIME))


def multiset(records: list[dict]) -> Counter:
    return Counter(tuple(row[name] for name in (*FIELD_NAMES, TIME)) for row in records)


# ---- held against it --------------------------------------------------------------------------------

six = st.sampled_from(
    ["2001:db8::1", "2001:db8:0:0:1::", "fe80::", "::1", "2001:0:0:1:0:0:0:1", "::ffff:0:1"]
)
four = st.sampled_from(["10.0.0.1", "192.0.2.9", "0.0.0.0", "255.255.255.255"])
pairs = st.one_of(st.tuples(four, four), st.tuples(six, six))
samples = st.builds(
    lambda ends, **values: sample(src=ends[0], dst=ends[1], **values),
    pairs,
    eni=st.sampled_from(["eni-a", "eni-a", "eni-b", "eni-unknown"]),
    at=st.integers(0, 599),
    direction=st.integers(0, 1),
    action=st.integers(0, 1),
    path=st.sampled_from([0, 7, 13]),
    tcp_flags=st.sampled_from([0, 2, 18, 24, 511]),
    srcport=st.sampled_from([0, 40_000]),
    packets=st.sampled_from([0, 1, 2**40]),
    bytes=st.sampled_from([0, 60, 2**47]),
    window=st.sampled_from([START, START, START, START + 600]),
    interval=st.sampled_from([10, 10, 10, 1]),
)
spans = st.builds(
    Span, st.integers(0, 2), st.just(START + 100), st.sampled_from([START + 400, BIGGEST_SECOND])
)
orders = st.lists(
    st.builds(
        Order,
        st.sampled_from(["fl-1", "fl-2"]),
        st.sampled_from([0, 1, 1, 2]),
        st.lists(st.integers(0, 2), unique=True).map(tuple),
        st.sampled_from(["All", "Allow", "Drop"]),
        dual_stack=st.booleans(),
        paths=st.sampled_from([(), (), (7,), (7, 13)]),
        partly=st.lists(spans, max_size=2, unique_by=lambda span: span.place).map(tuple),
    ).filter(lambda made: not set(made.interfaces) & {span.place for span in made.partly}),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(samples, min_size=1, max_size=12), max_size=3), orders)
def test_records_and_terms_are_those_of_a_plain_group_by(bench, batches, orders):
    outcome, parts = bench.close([bench.file(*batch) for batch in batches], *orders)
    rows = [row for batch in batches for row in batch]
    expected: dict[int, Counter] = defaultdict(Counter)
    for each, count in zip(orders, outcome.counts, strict=True):
        records, terms = plain(each, rows)
        assert list(count.scope) == terms["scope"]
        if not each.logstore:
            assert count.rows == 0
            continue
        assert [list(count.delivered), list(count.filtered)] == [terms["delivered"], terms["filtered"]]
        assert [a + b for a, b in zip(count.delivered, count.filtered, strict=True)] == list(count.scope)
        assert count.records == records.total()
        expected[each.logstore] += records
    assert {logstore: multiset(found) for logstore, found in parts.items()} == {
        k: v for k, v in expected.items() if v
    }
    for part in outcome.parts:
        times = [row[TIME] for row in parts[part.logstore]]
        assert (part.rows, part.min_time, part.max_time) == (len(times), min(times), max(times))


def test_the_part_has_the_documented_fields_in_their_order_and_types(bench):
    outcome, _ = bench.close([bench.file(sample())], order())
    with duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE SELECT * FROM '{outcome.parts[0].path}'").fetchall()
    types = {"long": "BIGINT", "text": "VARCHAR"}
    expected = [*((field.name, types[field.type]) for field in FIELDS), (TIME, "BIGINT")]
    assert [tuple(row[:2]) for row in described] == expected
    assert list(RECORD) == [name for name, _ in expected]


def test_two_flow_logs_of_one_logstore_each_have_their_records(bench):
    outcome, parts = bench.close(
        [bench.file(sample(), sample("eni-b"))],
        order("fl-1"),
        order("fl-2", only=(0,)),
        order("fl-3", 2, only=(1,)),
    )
    assert [count.records for count in outcome.counts] == [2, 1, 1]
    assert sorted(row["eni-id"] for row in parts[1]) == ["eni-a", "eni-a", "eni-b"]
    assert [row["eni-id"] for row in parts[2]] == ["eni-b"]


@pytest.mark.parametrize(
    ("values", "delivered"),
    [
        pytest.param({}, [0, 1, 2, 3], id="all"),
        pytest.param({"traffic_type": "Allow"}, [0, 2, 3], id="allowed"),
        pytest.param({"traffic_type": "Drop"}, [1], id="denied"),
        pytest.param({"dual_stack": False}, [0, 1, 2], id="IPv4 only"),
        pytest.param({"paths": (7,)}, [2], id="one path"),
        pytest.param({"paths": (13,)}, [0, 3], id="with single paths denied traffic is not recorded"),
    ],
)
def test_what_a_flow_log_takes(bench, values, delivered):
    rows = [
        sample(dstport=0), sample(dstport=1, action=0), sample(dstport=2, path=7),
        sample(src="2001:db8::1", dst="2001:db8::2", dstport=3),
    ]  # fmt: skip
    outcome, parts = bench.close([bench.file(*rows)], order(**values))
    assert sorted(row["dstport"] for row in parts[1]) == delivered
    assert outcome.counts[0].filtered[0] == 4 - len(delivered)


def test_a_span_is_half_open_to_the_second(bench):
    rows = [sample(at=at, dstport=at) for at in (99, 100, 399, 400)]
    partly = (Span(0, START + 100, START + 400),)
    outcome, parts = bench.close([bench.file(*rows)], order(only=(), partly=partly))
    assert sorted(row["dstport"] for row in parts[1]) == [100, 399]
    assert outcome.counts[0].scope == (2, 6, 600)


# ---- NODATA and SKIPDATA ----------------------------------------------------------------------------


def marks(records: list[dict]) -> list[tuple]:
    found = [row for row in records if row["log-status"] != "OK"]
    return sorted(
        (row["eni-id"], row["log-status"], row["start"] - START, row["end"] - START) for row in found
    )


def test_silent_interfaces_get_nodata_at_the_final_closing_only(bench):
    file = bench.file(sample())
    _, parts = bench.close([file], order())
    assert marks(parts[1]) == []
    outcome, parts = bench.close([], order(), final=True, window_files=(file,))
    assert marks(parts[1]) == [("eni-b", "NODATA", 0, 600), ("eni-c", "NODATA", 0, 600)]
    assert (outcome.counts[0].nodata, outcome.counts[0].records) == (2, 0)


def test_a_marker_has_only_what_is_documented_for_it(bench):
    _, parts = bench.close([], order(only=(0,)), final=True)
    (row,) = parts[1]
    assert {name: value for name, value in row.items() if value is not None} == {
        "version": 1, "account-id": "1000000000000042", "eni-id": "eni-a", "start": START, "end": END,
        "log-status": "NODATA", TIME: START,
    }  # fmt: skip


def test_traffic_that_the_flow_log_does_not_take_is_no_silence(bench):
    file = bench.file(sample(action=1))
    outcome, parts = bench.close(
        [file], order(only=(0,), traffic_type="Drop"), final=True, window_files=(file,)
    )
    assert (parts, outcome.counts[0].nodata) == ({}, 0)


def test_traffic_before_the_coverage_began_is_silence_since_then(bench):
    file = bench.file(sample(at=50))
    _, parts = bench.close(
        [file], order(only=(), partly=(Span(0, START + 120),)), final=True, window_files=(file,)
    )
    assert marks(parts[1]) == [("eni-a", "NODATA", 120, 600)]


def test_two_spans_of_one_interface_are_one_silence(bench):
    spans = (Span(0, START, START + 100), Span(0, START + 300))
    _, parts = bench.close([], order(only=(), partly=spans), final=True)
    assert marks(parts[1]) == [("eni-a", "NODATA", 0, 600)]


def test_skipdata_stands_beside_the_records_and_excludes_nodata(bench):
    file = bench.file(sample())
    each = order(skipdata=frozenset({0, 1}))
    outcome, parts = bench.close([file], each, final=True, window_files=(file,))
    assert marks(parts[1]) == [
        ("eni-a", "SKIPDATA", 0, 600),
        ("eni-b", "SKIPDATA", 0, 600),
        ("eni-c", "NODATA", 0, 600),
    ]
    assert (outcome.counts[0].records, outcome.counts[0].skipdata, outcome.counts[0].nodata) == (1, 2, 1)


def test_what_had_skipdata_in_an_earlier_closing_is_not_called_silent(bench):
    _, parts = bench.close([], order(skipped=frozenset({0, 1})), final=True)
    assert marks(parts[1]) == [("eni-c", "NODATA", 0, 600)]


def test_late_samples_are_counted_and_marked_once(bench):
    file = bench.file(sample(packets=9, bytes=900), sample("eni-b"))
    outcome, parts = bench.close([file], order(skipped=frozenset({1})), late=True)
    assert marks(parts[1]) == [("eni-a", "SKIPDATA", 0, 600)]
    assert len(parts[1]) == 1
    assert (outcome.counts[0].scope, outcome.counts[0].delivered) == ((2, 12, 1200), (0, 0, 0))
    assert outcome.late == ["eni-a", "eni-b"]


def test_an_order_without_a_logstore_is_only_counted(bench):
    outcome, parts = bench.close(
        [bench.file(sample())], order(logstore=0, skipdata=frozenset({0})), final=True
    )
    assert (parts, outcome.counts[0].scope, outcome.counts[0].rows) == ({}, (1, 3, 300), 0)


def test_a_closing_of_nothing_makes_nothing(bench):
    outcome, parts = bench.close([], order())
    assert (parts, outcome.counts[0].rows) == ({}, 0)
    outcome, parts = bench.close([bench.file(sample())])
    assert (parts, outcome.counts) == ({}, [])


def test_the_size_is_the_text_of_the_records(bench):
    outcome, parts = bench.close(
        [bench.file(sample(), sample(dstport=1))], order("fl-1"), order("fl-2", only=(2,))
    )
    lines = [
        " ".join("-" if row[name] is None else str(row[name]) for name in FIELD_NAMES) for row in parts[1]
    ]
    assert outcome.counts[0].size == sum(len(line) + 1 for line in lines)
    assert outcome.counts[1].size == 0


def test_a_part_that_does_not_hold_what_was_aggregated_is_refused(bench, monkeypatch):
    monkeypatch.setitem(RECORD, "bytes", "bytes::BIGINT + 1")
    with pytest.raises(RuntimeError, match="were aggregated"):
        bench.close([bench.file(sample())], order())
    assert not list(bench.folder.glob("part-*"))


def with_zero_groups(number: int, zeroes: list[int]) -> int:
    for group in zeroes:
        number &= ~(0xFFFF << 16 * group)
    return number


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.builds(with_zero_groups, st.integers(0, 2**128 - 1), st.lists(st.integers(0, 7))),
        min_size=1,
        max_size=40,
    )
)
@example(
    [
        int(ip_address(text))
        for text in ("::", "::1", "1::", "2001:0:0:1::1", "1:2:3:4:5:6:7:0", "0:1::", "1::1:0:0:1")
    ]
)
def test_ipv6_addresses_are_written_as_rfc_5952_wants_them(numbers):
    values = ", ".join(
        f"({place}, {n >> 64}::UBIGINT, {n & 2**64 - 1}::UBIGINT)" for place, n in enumerate(numbers)
    )
    with duckdb.connect() as connection:
        connection.execute(IP_MACRO)
        found = connection.execute(
            f"SELECT address_text(6, hi, lo) FROM (VALUES {values}) AS v(place, hi, lo) ORDER BY place"
        ).fetchall()
    assert [text for (text,) in found] == [str(ip_address(number.to_bytes(16, "big"))) for number in numbers]
