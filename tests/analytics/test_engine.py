"""The engine on real Parquet parts: results against an independent count, and nothing but the parts in reach."""

import ipaddress
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analytics.exchange import Answer, Budget, EngineFailure, Log, OutOfMemory, OutOfTime, PartUnreadable
from analytics.language import compile_query
from flowlogs.record import FIELD_NAMES, TIME
from flowlogs.store import workers
from tests.analytics.made_logs import records, write_parquet

Row = dict[str, Any]
START = 1720775400  # 2024-07-12 09:10:00 UTC
END = START + 3600
MEMORY = 512 * 2**20


def _table() -> list[Row]:
    """Return 600 made records, some with IPv6 addresses, and four at the edges of the time range."""
    rows = records(600, START, END)
    for place, row in enumerate(rows):
        if row["srcaddr"] is not None and place % 9 == 0:
            row |= {"type": "IPv6", "srcaddr": f"2001:db8:{place % 3:x}::{place:x}", "dstaddr": "fd00::1"}
        if row["srcaddr"] is not None and place % 7 == 0:
            row |= {"dstaddr": ("8.8.8.8", "172.16.4.1", "172.32.0.1", "100.64.0.9")[place % 4]}
    for second in (START - 1, START, END - 1, END):
        rows.append(rows[1] | {TIME: second, "start": second, "end": second})
    return rows


TABLE = _table()
ROWS = [row for row in TABLE if START <= row[TIME] < END]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three parts, as compaction and late records leave them: with overlapping times."""
    folder = tmp_path_factory.mktemp("store")
    paths = [folder / f"part-{number}.parquet" for number in range(3)]
    for number, path in enumerate(paths):
        write_parquet(path, TABLE[number::3])
    return [str(path) for path in paths]


class Engine:
    """Asks an engine worker as the console does."""

    def __init__(self, parts: list[str], folder: Path) -> None:
        self.parts = parts
        self.spill = folder / "spill"

    def log(self, text: str = "*", **changes: Any) -> Log:
        compiled = compile_query(text)
        values: dict[str, Any] = {
            "parts": tuple(self.parts),
            "start": START,
            "end": END,
            "now": END + 60,
            "condition": compiled.condition,
            "macros": compiled.macros,
        }
        return Log(**(values | changes))

    def ask(
        self, function: str, log: Log, seconds: float = 20, memory: int = MEMORY, **arguments: Any
    ) -> Answer:
        budget = Budget(seconds, memory, 2, str(self.spill), 2**30)
        answer: Answer = workers.call(
            f"analytics.engine:{function}",
            {"log": log, "budget": budget, **arguments},
            deadline=seconds + 0.75,
            memory_limit=memory + 2 * 2**30,
            kind="query",
        )
        return answer

    def search(
        self, text: str, limit: int = 1000, offset: int = 0, width: int = 600, **changes: Any
    ) -> Answer:
        return self.ask("search", self.log(text, **changes), limit=limit, offset=offset, width=width)

    def query(self, text: str, **changes: Any) -> Answer:
        compiled = compile_query(text)
        assert compiled.sql is not None
        return self.ask("query", self.log(text, **changes), sql=compiled.sql, rows=compiled.rows)

    def raw(self, sql: str, seconds: float = 20, memory: int = MEMORY) -> Answer:
        """Run what the language would have refused."""
        return self.ask("query", self.log(), seconds, memory, sql=sql, rows=100)


@pytest.fixture
def engine(parts: list[str], tmp_path: Path) -> Engine:
    return Engine(parts, tmp_path)


def text_of(row: Row, name: str) -> str:
    return "" if row[name] is None else str(row[name])


def in_block(row: Row, name: str, block: str) -> bool:
    return row[name] is not None and ipaddress.ip_address(row[name]) in ipaddress.ip_network(block)


SEARCHES: list[Any] = [
    ("*", lambda row: True),
    ("action:ACCEPT", lambda row: row["action"] == "ACCEPT"),
    ("action:accept", lambda row: row["action"] == "ACCEPT"),
    ("not action:ACCEPT", lambda row: row["action"] != "ACCEPT"),
    ("action:-", lambda row: row["action"] is None),
    ("not action:-", lambda row: row["action"] is not None),
    ('not action:""', lambda row: row["action"] is not None),
    ("action:*", lambda row: row["action"] is not None),
    ("not dstport:*", lambda row: row["dstport"] is None),
    ("not (action:ACCEPT or dstport:22)", lambda row: row["action"] != "ACCEPT" and row["dstport"] != 22),
    ("action:ACCEPT dstport:22", lambda row: row["action"] == "ACCEPT" and row["dstport"] == 22),
    ("dstport:22 or dstport:53 protocol:17",
     lambda row: row["dstport"] == 22 or (row["dstport"] == 53 and row["protocol"] == 17)),
    ("direction: 'in' and srcaddr: 192.168.0.1*",
     lambda row: row["direction"] == "in" and text_of(row, "srcaddr").startswith("192.168.0.1")),
    ("dstaddr:10.0.0.?", lambda row: text_of(row, "dstaddr")[:-1] == "10.0.0."),
    ("eni-id:ENI-BP0000000?", lambda row: row["eni-id"].startswith("eni-bp0000000")),
    ("bytes>100000", lambda row: (row["bytes"] or 0) > 100_000),
    ("bytes<=100000", lambda row: row["bytes"] is not None and row["bytes"] <= 100_000),
    ("srcport in (2000 30000]", lambda row: row["srcport"] is not None and 2000 < row["srcport"] <= 30_000),
    ("srcport in [2000 30000)", lambda row: row["srcport"] is not None and 2000 <= row["srcport"] < 30_000),
    ("tcp-flags:18 log-status:OK", lambda row: row["tcp-flags"] == 18),
    ("log-status:NODATA", lambda row: row["log-status"] == "NODATA"),
    ("srcaddr:10.0.0.0/8", lambda row: in_block(row, "srcaddr", "10.0.0.0/8")),
    ("dstaddr:172.16.0.0/12", lambda row: in_block(row, "dstaddr", "172.16.0.0/12")),
    ("srcaddr:192.168.0.32/27", lambda row: in_block(row, "srcaddr", "192.168.0.32/27")),
    ("srcaddr:0.0.0.0/0", lambda row: in_block(row, "srcaddr", "0.0.0.0/0")),
    ("srcaddr:128.0.0.0/1", lambda row: in_block(row, "srcaddr", "128.0.0.0/1")),
    ("srcaddr:2001:db8:1::/48", lambda row: in_block(row, "srcaddr", "2001:db8:1::/48")),
    ("srcaddr:2001:db8::/46", lambda row: in_block(row, "srcaddr", "2001:db8::/46")),
    ("srcaddr:2001:0DB8:0:0::9", lambda row: row["srcaddr"] == "2001:db8::9"),
    ("not srcaddr:10.0.0.0/8", lambda row: not in_block(row, "srcaddr", "10.0.0.0/8")),
    ("8.8.8.8", lambda row: "8.8.8.8" in (row["srcaddr"], row["dstaddr"])),
    ("22", lambda row: 22 in row.values()),
    ("REJECT", lambda row: row["action"] == "REJECT"),
    ("192.168.0.*", lambda row: "192.168.0." in (text_of(row, "srcaddr")[:10], text_of(row, "dstaddr")[:10])),
    ("nothing-like-it", lambda row: False),
    ("__topic__:flow_log", lambda row: True),
    (f"__time__ >= {START + 1800}", lambda row: row[TIME] >= START + 1800),
]  # fmt: skip


@pytest.mark.parametrize(("text", "matches"), [pytest.param(*case, id=case[0]) for case in SEARCHES])
def test_search_finds_what_a_loop_finds(engine: Engine, text: str, matches: Callable[[Row], bool]) -> None:
    expected = [row for row in ROWS if matches(row)]
    answer = engine.search(text)
    assert answer.columns == (TIME, *FIELD_NAMES)
    assert Counter(map(tuple, answer.rows)) == Counter(
        (row[TIME], *(row[name] for name in FIELD_NAMES)) for row in expected
    )
    assert [row[0] for row in answer.rows] == sorted((row[TIME] for row in expected), reverse=True)
    assert answer.total == len(expected)


def test_histogram_counts_every_sub_range(engine: Engine) -> None:
    answer = engine.search("action:REJECT", width=420)
    expected = Counter(row[TIME] // 420 for row in ROWS if row["action"] == "REJECT")
    assert [begin // 420 for begin, _, _ in answer.slots] == list(range(START // 420, (END - 1) // 420 + 1))
    assert {begin // 420: count for begin, _, count in answer.slots if count} == expected
    assert (answer.slots[0][0], answer.slots[-1][1]) == (START, END)
    assert all(left[1] == right[0] for left, right in zip(answer.slots, answer.slots[1:], strict=False))


@pytest.mark.parametrize("width", [1, 60, 3600])
def test_pages_neither_repeat_nor_skip(engine: Engine, width: int) -> None:
    whole = engine.search("direction:in", width=width).rows
    pages = [
        row
        for offset in range(0, len(whole) + 37, 37)
        for row in engine.search("direction:in", limit=37, offset=offset, width=width).rows
    ]
    assert pages == whole


def test_time_range_is_half_open(engine: Engine) -> None:
    times = [row[0] for row in engine.search("*").rows]
    assert START in times
    assert END - 1 in times
    assert not {START - 1, END} & set(times)


def test_count_alone_gives_no_rows(engine: Engine) -> None:
    answer = engine.ask("count", engine.log("action:REJECT"), width=60)
    assert answer.rows == []
    assert answer.total == sum(row["action"] == "REJECT" for row in ROWS)


def test_no_parts_is_an_empty_log(engine: Engine) -> None:
    assert engine.query("* | select count(*) as c, sum(bytes) as b", parts=()).rows == [[0, None]]
    assert engine.search("*", parts=()).total == 0


def test_missing_part_makes_the_result_incomplete(engine: Engine) -> None:
    answer = engine.search("*", parts=(*engine.parts[:2], engine.parts[2] + ".gone"))
    assert answer.complete is False
    assert answer.total == sum(START <= row[TIME] < END for row in TABLE[0::3] + TABLE[1::3])
    assert engine.search("*").complete is True


def sums(rows: list[Row], *keys: str) -> dict[Any, int]:
    totals: dict[Any, int] = defaultdict(int)
    for row in rows:
        if row["bytes"] is not None:
            totals[tuple(row[key] for key in keys)] += row["bytes"]
    return totals


def minute(at: int) -> str:
    return datetime.fromtimestamp(at - at % 60, UTC).strftime("%Y-%m-%d %H:%M:00.000")


def test_published_policy_query(engine: Engine) -> None:
    """Accepted and rejected per source for one host and port (facts, section 3.5)."""
    answer = engine.query(
        "dstaddr:10.0.0.0/16 AND dstport:80 | SELECT srcaddr, "
        "SUM(CASE WHEN action='ACCEPT' THEN 1 ELSE 0 END) AS accept, "
        "SUM(CASE WHEN action='REJECT' THEN 1 ELSE 0 END) AS reject "
        "GROUP BY srcaddr ORDER BY accept DESC LIMIT 1000"
    )
    expected: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in ROWS:
        if in_block(row, "dstaddr", "10.0.0.0/16") and row["dstport"] == 80:
            expected[row["srcaddr"]][row["action"] == "REJECT"] += 1
    assert {row[0]: row[1:] for row in answer.rows} == expected
    assert [row[1] for row in answer.rows] == sorted((row[1] for row in answer.rows), reverse=True)


def test_published_rate_between_instances(engine: Engine) -> None:
    answer = engine.query(
        "(srcaddr:10.0.0.1 AND dstaddr:192.168.0.*) OR (srcaddr:192.168.0.* AND dstaddr:10.0.0.1) | "
        "select date_format(from_unixtime(__time__ - __time__% 60),'%H:%i:%S') as time, "
        "concat(srcaddr,'->',dstaddr) as src_to_dst, sum(bytes*8/60) as bandwidth "
        "GROUP BY time,srcaddr,dstaddr LIMIT 1000"
    )
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for row in ROWS:
        pair = (text_of(row, "srcaddr"), text_of(row, "dstaddr"))
        if "10.0.0.1" in pair and any(address.startswith("192.168.0.") for address in pair):
            expected[minute(row[TIME])[11:19], "->".join(pair)] += row["bytes"] * 8 // 60
    assert {(row[0], row[1]): row[2] for row in answer.rows} == expected
    assert answer.types == ("text", "text", "long")


def test_published_safe_bandwidth(engine: Engine) -> None:
    answer = engine.query(
        '* | select sum(bytes*8/(case WHEN "end"-start=0 THEN 1 else "end"-start end)) as bandwidth'
    )
    expected = sum(
        row["bytes"] * 8 // ((row["end"] - row["start"]) or 1) for row in ROWS if row["bytes"] is not None
    )
    assert answer.rows == [[expected]]


def test_published_nat_query(engine: Engine) -> None:
    answer = engine.query(
        "direction: 'in' and srcaddr: 192.168.* and dstaddr: 8.8.8.8 | "
        "select srcaddr, sum(bytes) as bytes group by srcaddr"
    )
    rows = [row for row in ROWS if row["direction"] == "in" and row["dstaddr"] == "8.8.8.8"]
    assert {row[0]: row[1] for row in answer.rows} == {
        source: total for (source,), total in sums(rows, "srcaddr").items() if source.startswith("192.168.")
    }


def test_published_public_destinations(engine: Engine) -> None:
    answer = engine.query(
        "* | select dstaddr, sum(bytes) as total from log where ip_to_domain(dstaddr)!='intranet' "
        "group by dstaddr LIMIT 1000"
    )
    public = [row for row in ROWS if row["dstaddr"] in ("8.8.8.8", "172.32.0.1")]
    assert {row[0]: row[1] for row in answer.rows} == {
        key: total for (key,), total in sums(public, "dstaddr").items()
    }


def test_published_share_of_two_vpcs(engine: Engine) -> None:
    """Two WITH, date_trunc of __time__, FULL OUTER JOIN, COALESCE, NULLIF, LIKE."""
    answer = engine.query(
        "* | with part as (select date_trunc('minute', __time__) as t, sum(bytes) as b from log "
        "where srcaddr like '192.168.0.%' group by t), "
        "whole as (select date_trunc('minute', __time__) as t, sum(bytes) as b from log group by t) "
        "select coalesce(part.t, whole.t) as time, coalesce(part.b, 0) * 100.0 / nullif(whole.b, 0) as share "
        "from part full outer join whole on part.t = whole.t order by time limit 1000"
    )
    whole: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in ROWS:
        whole[minute(row[TIME])][0] += row["bytes"] or 0
        if text_of(row, "srcaddr").startswith("192.168.0."):
            whole[minute(row[TIME])][1] += row["bytes"]
    assert [row[0] for row in answer.rows] == sorted(whole)
    for time_text, share in answer.rows:
        total, part = whole[time_text]
        assert share == pytest.approx(part * 100 / total) if total else share is None


def test_quick_analysis(engine: Engine) -> None:
    answer = engine.query(
        '* | select action, pv, pv *1.0/sum(pv) over() as percentage from(select count(1) as pv,"action" from '
        '(select "action" from log limit 100000) group by "action" order by pv desc) order by pv desc limit 10'
    )
    counted = Counter(row["action"] for row in ROWS)
    assert {row[0]: row[1] for row in answer.rows} == counted
    assert sum(row[2] for row in answer.rows) == pytest.approx(1)


CONSTANTS: list[Any] = [
    ("7/2", 3),
    ("-7/2", -3),
    ("7/2.0", 3.5),
    ("9007199254740993/1", 9007199254740993),
    ("(1+2)*7/2", 10),
    ("100/7/2", 7),
    ("7%3", 1),
    ("1/0", None),
    ("1.0/0", None),
    ("cast(2.5 as bigint)", 3),
    ("cast(cast(2.5 as double) as bigint)", 3),
    ("round(2.567, 2)", 2.57),
    ("greatest(1, null)", None),
    ("least(3, 2)", 2),
    ("concat('a', null)", None),
    ("concat('a', 1, 'b')", "a1b"),
    ("'a' || 'b'", "ab"),
    ("split_part('a.b', '.', 2)", "b"),
    ("split_part('a.b', '.', 3)", None),
    ("regexp_extract('ab12', '[0-9]+')", "12"),
    ("regexp_extract('ab12', '([a-z]+)([0-9]+)', 2)", "12"),
    ("regexp_extract('ab', '[0-9]+')", None),
    ("regexp_replace('1.2.3', '([0-9])', '<$1>')", "<1>.<2>.<3>"),
    ("regexp_like('abc', 'b')", True),
    ("replace('abc', 'b')", "ac"),
    ("lpad('7', 3, '0')", "007"),
    ("if(1 > 2, 'a', 'b')", "b"),
    ("nullif(1, 1)", None),
    ("bitwise_and(22, 2)", 2),
    ("element_at(array[1, 2], 2)", 2),
    ("element_at(array[1, 2], 5)", None),
    ("cardinality(array[1, 2])", 2),
    ("array[3, 4][1]", 3),
    ("try(cast('x' as bigint))", None),
    ("date_format(1720775420, '%Y-%m-%d %H:%i:%s')", "2024-07-12 09:10:20"),
    ("date_format(from_unixtime(1720775420), '%e %c %k %p %W %j %%')", "12 7 9 AM Friday 194 %"),
    ("date_trunc('hour', 1720775420)", "2024-07-12 09:00:00.000"),
    ("date_trunc('week', 1720775420)", "2024-07-08 00:00:00.000"),
    ("date_trunc('quarter', from_unixtime(1720775420))", "2024-07-01 00:00:00.000"),
    ("to_unixtime(date_parse('2024-07-12 09:10', '%Y-%m-%d %H:%i'))", 1720775400.0),
    ("from_unixtime(1.5)", "1970-01-01 00:00:01.500"),
    ("cast(from_unixtime(1720775420) as varchar)", "2024-07-12 09:10:20.000"),
    ("date_diff('hour', from_unixtime(3599), from_unixtime(3600))", 0),
    ("date_diff('day', from_unixtime(0), from_unixtime(86400))", 1),
    ("date_add('month', 1, date '2024-01-31')", "2024-02-29 00:00:00.000"),
    ("date '2024-02-28' + interval '2' day", "2024-03-01 00:00:00.000"),
    ("hour(1720775420) * 100 + minute(1720775420)", 910),
    ("day_of_week(1720775420)", 5),
    ("extract(minute from from_unixtime(1720775420))", 10),
    ("to_unixtime(now())", float(END + 60)),
    ("current_timestamp = now()", True),
    ("ip_to_domain('10.1.2.3')", "intranet"),
    ("ip_to_domain('172.15.0.1')", "internet"),
    ("ip_to_domain('172.31.0.1')", "intranet"),
    ("ip_to_domain('100.127.0.1')", "intranet"),
    ("ip_to_domain('100.128.0.1')", "internet"),
    ("ip_to_domain('fe80::1')", "intranet"),
    ("ip_to_domain('2001:db8::1')", "internet"),
    ("ip_to_domain('-')", "invalid"),
    ("ip_to_country('10.0.0.1')", "intranet"),
    ("ip_to_country('8.8.8.8', 'en')", None),
    ("security_check_ip('8.8.8.8')", 0),
    ("ip_prefix('10.1.2.3', 24)", "10.1.2.0/24"),
    ("ip_prefix('2001:db8:1:2:3::4', 64)", "2001:db8:1:2::/64"),
    ("ip_prefix('2001:db8:0:0:1:0:0:1', 125)", "2001:db8:0:0:1::/125"),
    ("ip_subnet_min('192.168.1.130/25')", "192.168.1.128"),
    ("ip_subnet_max('192.168.1.130/25')", "192.168.1.255"),
    ("ip_subnet_range('10.0.0.0/30')", ["10.0.0.0", "10.0.0.3"]),
    ("is_subnet_of('10.16.0.0/12', '10.31.255.255')", True),
    ("is_subnet_of('10.16.0.0/12', '10.32.0.0')", False),
    ("is_subnet_of('2001:db8::/33', '2001:db8:7fff::1')", True),
    ("is_subnet_of('2001:db8::/33', '2001:db8:8000::1')", False),
    ("is_subnet_of(ip_prefix('10.1.2.3', 16), '10.1.9.9')", True),
    ("is_subnet_of('10.0.0.0/8', 'fd00::1')", False),
    ("is_prefix_subnet_of('10.0.0.0/8', '10.1.0.0/16')", True),
    ("is_prefix_subnet_of('10.1.0.0/16', '10.0.0.0/8')", False),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), [pytest.param(*case, id=case[0]) for case in CONSTANTS])
def test_expression_has_the_value_that_the_log_service_gives(
    engine: Engine, expression: str, value: Any
) -> None:
    rows = engine.query(f"* | select {expression} as x limit 1").rows
    assert rows == [[pytest.approx(value) if isinstance(value, float) else value]]
    assert type(rows[0][0]) is type(value)


AGGREGATES: list[Any] = [
    ("count(*)", lambda rows: len(rows)),
    ("count(action)", lambda rows: sum(row["action"] is not None for row in rows)),
    ("count_if(bytes > 100000)", lambda rows: sum((row["bytes"] or 0) > 100_000 for row in rows)),
    ("count(*) filter (where action = 'REJECT')", lambda rows: sum(row["action"] == "REJECT" for row in rows)),
    ("approx_distinct(srcaddr)", lambda rows: len({row["srcaddr"] for row in rows} - {None})),
    ("sum(bytes)/count(bytes)",
     lambda rows: sum(row["bytes"] or 0 for row in rows) // sum(row["bytes"] is not None for row in rows)),
    ("max_by(dstport, bytes)",
     lambda rows: max((row for row in rows if row["bytes"]), key=lambda row: row["bytes"])["dstport"]),
    ("histogram(direction)",
     lambda rows: dict(Counter(row["direction"] for row in rows if row["direction"]))),
    ("cardinality(map_agg(dstport, 1))", lambda rows: len({row["dstport"] for row in rows} - {None})),
    ("bitwise_or_agg(\"tcp-flags\")", lambda rows: 2 | 18 | 27),
    ("sum(case when action = '-' then 1 else 0 end)", lambda rows: sum(row["action"] is None for row in rows)),
    ("sum(case when action <> '-' then 1 else 0 end)", lambda rows: sum(row["action"] is not None for row in rows)),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), [pytest.param(*case, id=case[0]) for case in AGGREGATES])
def test_aggregate_is_what_a_loop_gives(
    engine: Engine, expression: str, value: Callable[[list[Row]], Any]
) -> None:
    assert engine.query(f"* | select {expression} as x").rows == [[value(ROWS)]]


def test_percentile_is_near(engine: Engine) -> None:
    values = sorted(row["bytes"] for row in ROWS if row["bytes"] is not None)
    ((median, high),) = engine.query(
        "* | select approx_percentile(bytes, 0.5), approx_percentile(bytes, 0.95)"
    ).rows
    assert values.index(min(values, key=lambda value: abs(value - median))) / len(values) == pytest.approx(
        0.5, abs=0.02
    )
    assert values.index(min(values, key=lambda value: abs(value - high))) / len(values) == pytest.approx(
        0.95, abs=0.02
    )


def _addresses(count: int, bits: int) -> list[str]:
    """Return addresses with many zero groups, where the text of IPv6 is hard."""
    dice = random.Random(count + bits)
    six = [":".join(f"{dice.choice((0, 0, dice.getrandbits(16))):x}" for _ in range(8)) for _ in range(count)]
    four = [str(ipaddress.IPv4Address(dice.getrandbits(32))) for _ in range(count if bits <= 32 else 0)]
    return [str(ipaddress.ip_address(address)) for address in six + four]


@pytest.mark.parametrize("bits", [0, 1, 8, 12, 20, 24, 29, 32, 47, 64, 113, 125, 128])
def test_blocks_agree_with_the_standard_library(engine: Engine, bits: int) -> None:
    addresses = _addresses(40, bits)
    listed = ", ".join(f"'{address}'" for address in addresses)
    answer = engine.query(
        f"* | select distinct x, ip_prefix(x, {bits}), ip_subnet_min(concat(x, '/{bits}')), "
        f"ip_subnet_max(concat(x, '/{bits}')) from log cross join unnest(array[{listed}]) as t(x) limit 1000",
        end=START + 60,  # for each of its records all addresses are worked out
    )
    blocks = [(address, ipaddress.ip_network(f"{address}/{bits}", strict=False)) for address in addresses]
    assert {tuple(row) for row in answer.rows} == {
        (address, str(block), str(block[0]), str(block[-1])) for address, block in blocks
    }


def test_minutes_do_not_merge(engine: Engine) -> None:
    answer = engine.query(
        "* | select date_format(__time__, '%H:%i') as t, count(*) as c group by t limit 1000"
    )
    assert {row[0]: row[1] for row in answer.rows} == Counter(minute(row[TIME])[11:16] for row in ROWS)


def test_alias_of_a_field_in_order_by(engine: Engine) -> None:
    answer = engine.query(
        "* | select srcaddr, sum(bytes) as bytes group by srcaddr order by bytes desc nulls last"
    )
    totals = [row[1] for row in answer.rows if row[1] is not None]
    assert totals == sorted(totals, reverse=True)


def test_columns_without_a_name_are_named_by_place(engine: Engine) -> None:
    assert engine.query("* | select count(*), srcaddr, 1 group by srcaddr").columns == (
        "_col0",
        "srcaddr",
        "_col2",
    )


SPARSE = f"__time__ in [{START + 600} {START + 899}] or __time__ in [{START + 1800} {START + 2099}]"


@pytest.mark.parametrize(
    ("pad", "gap_between", "gap_before"),
    [
        pytest.param("0", 0, 0, id="0"),
        pytest.param("null", None, None, id="null"),
        pytest.param("last", "first", None, id="last"),
        pytest.param("next", "second", "first", id="next"),
        pytest.param("avg", "mean", None, id="avg"),
    ],
)
def test_time_series_fills_gaps(engine: Engine, pad: str, gap_between: Any, gap_before: Any) -> None:
    answer = engine.query(
        f"{SPARSE} | select time_series(__time__, '5m', '%H:%i', '{pad}') as t, count(*) as c group by t order by t"
    )
    first = sum(START + 600 <= row[TIME] < START + 900 for row in ROWS)
    second = sum(START + 1800 <= row[TIME] < START + 2100 for row in ROWS)
    values = {"first": first, "second": second, "mean": (first + second) / 2}
    between, before = (values.get(gap, gap) for gap in (gap_between, gap_before))
    after = {"0": 0, "last": second}.get(pad)
    assert [row[0] for row in answer.rows] == [
        datetime.fromtimestamp(at, UTC).strftime("%H:%M") for at in range(START, END, 300)
    ]
    assert [row[1] for row in answer.rows] == [before] * 2 + [first] + [between] * 3 + [second] + [after] * 5


def test_time_series_with_another_group_fills_each(engine: Engine) -> None:
    answer = engine.query(
        "* | select time_series(__time__, '10m', '%H:%i', '0') as t, direction, count(*) as c, sum(bytes) as b "
        "group by t, direction order by t desc, direction limit 1000"
    )
    expected = Counter((row[TIME] // 600 * 600, row["direction"]) for row in ROWS)
    assert len(answer.rows) == 6 * 3
    assert [row[2] for row in answer.rows[:3]] == [
        expected[END - 600, "in"],
        expected[END - 600, "out"],
        expected[END - 600, None],
    ]


def test_truncated_tells_that_our_limit_cut(engine: Engine) -> None:
    assert engine.query("* | select srcport").truncated is True
    assert len(engine.query("* | select srcport").rows) == 100
    assert engine.query("* | select srcport limit 50").truncated is False
    assert engine.query("* | select distinct direction").truncated is False


FAILURES: list[Any] = [
    ("select action from log group by dstport",
     "Column 'action' not in GROUP BY clause;please add the column in the index attribute"),
    ("select cast(srcaddr as bigint) from log", "Could not convert string"),
    ("select sum(srcaddr) from log", "sum"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "message"), FAILURES)
def test_failure_is_told_in_words(engine: Engine, sql: str, message: str) -> None:
    with pytest.raises(EngineFailure) as caught:
        engine.query(f"* | {sql}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "LINE 1" not in str(caught.value)


def test_damaged_part_is_told_without_its_path(engine: Engine, tmp_path: Path) -> None:
    damaged = tmp_path / "secret-name.parquet"
    damaged.write_bytes(b"PAR1 this is not a part PAR1")
    with pytest.raises(PartUnreadable) as caught:
        engine.search("*", parts=(str(damaged),))
    assert "secret-name" not in str(caught.value)
    assert caught.value.file == str(damaged)


SECRET = "canary-7f3a"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with another tenant's part, a secret text and a database: what no query may reach."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text(SECRET)
    (folder / "secret.csv").write_text(f"name\n{SECRET}\n")
    with duckdb.connect(str(folder / "other.db")) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT '{SECRET}' AS name")
        connection.execute(f"COPY t TO '{folder}/other.parquet' (FORMAT parquet)")
    return folder


BREAKOUTS = [
    "SELECT * FROM '{outside}/other.parquet'",
    "SELECT * FROM read_parquet('{outside}/other.parquet')",
    "SELECT * FROM read_parquet(['{part}', '{outside}/other.parquet'], union_by_name = true)",
    "SELECT * FROM read_parquet('{part}/../../{outside_name}/other.parquet')",
    "SELECT * FROM parquet_metadata('{outside}/other.parquet')",
    "SELECT * FROM parquet_scan('{outside}/*.parquet')",
    "SELECT * FROM read_csv('{outside}/secret.csv')",
    "SELECT * FROM read_csv_auto('{outside}/secret.csv')",
    "SELECT * FROM read_text('{outside}/secret.txt')",
    "SELECT * FROM read_blob('{outside}/secret.txt')",
    "SELECT * FROM read_json('{outside}/secret.txt')",
    "SELECT * FROM sniff_csv('{outside}/secret.csv')",
    "SELECT * FROM glob('{outside}/*')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM 'http://127.0.0.1:1/x.parquet'",
    "SELECT * FROM read_text('s3://bucket/x')",
    "ATTACH '{outside}/other.db' AS other",
    "ATTACH ':memory:' AS other",
    "COPY (SELECT 1) TO '{outside}/written.csv'",
    "COPY (SELECT 1) TO '{part}' (FORMAT parquet, USE_TMP_FILE false)",
    "COPY (SELECT 1) TO '{spill}' (FORMAT csv)",
    "COPY log TO '{outside}/written.parquet' (FORMAT parquet)",
    "EXPORT DATABASE '{outside}/export'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{outside}/other.db'",
    "SET enable_external_access = true",
    "SET memory_limit = '100GB'",
    "SET allowed_paths = ['/etc/passwd']",
    "RESET allowed_paths",
    "PRAGMA database_list",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW log AS SELECT 1",
    "DROP VIEW log",
    "INSERT INTO log VALUES (1)",
    "CHECKPOINT",
    "CALL pragma_version()",
    "SELECT 1; DROP VIEW log",
    "PREPARE x AS SELECT 1",
    "SELECT * FROM sys",
    "SELECT * FROM EngineFailure",
    "SELECT write_log('x') FROM nowhere",
]


@pytest.mark.parametrize("statement", BREAKOUTS)
def test_engine_reaches_nothing_outside_even_past_the_language(
    engine: Engine, outside: Path, statement: str
) -> None:
    """0 reads, 0 writes: the second wall stands without the first."""
    sql = statement.format(
        part=engine.parts[0], outside=outside, outside_name=outside.name, spill=engine.spill / "x.csv"
    )
    folders = (outside, Path(engine.parts[0]).parent)
    before = contents(*folders)
    with pytest.raises(EngineFailure) as caught:
        engine.raw(sql)
    assert SECRET not in str(caught.value)
    assert contents(*folders) == before
    assert not engine.spill.exists()


def contents(*folders: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


BOMBS = [
    "SELECT length(repeat('x', 2000000000))",
    "SELECT sum(length(repeat('x', 100000000))) FROM range(1000)",
    "SELECT list_sum(range(1000000000))",
    "SELECT count(*) FROM log a, log b, log c, log d, log e",
    "SELECT array_agg(a.srcaddr || b.srcaddr || c.srcaddr) FROM log a, log b, log c",
    "SELECT a.srcaddr, b.srcaddr, c.srcaddr, d.srcaddr FROM log a, log b, log c, log d ORDER BY 1, 2, 3, 4",
    "WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM x) SELECT sum(n) FROM x",
]


@pytest.mark.parametrize("sql", BOMBS, ids=lambda sql: sql[:50])
def test_bomb_ends_within_a_second_of_its_deadline(engine: Engine, sql: str) -> None:
    engine.raw("SELECT 1")  # a worker is there, so that only the query is timed
    began = time.monotonic()
    with pytest.raises((OutOfTime, OutOfMemory, MemoryError, workers.WorkerTimeout, workers.WorkerDied)):
        engine.raw(sql, seconds=1)
    assert time.monotonic() - began < 2


def test_engine_works_after_a_kill(engine: Engine) -> None:
    with pytest.raises((workers.WorkerTimeout, OutOfMemory)):
        engine.raw(BOMBS[1], seconds=0.2)
    assert engine.search("*").total == len(ROWS)


def test_oversized_result_is_refused(engine: Engine) -> None:
    with pytest.raises(OutOfMemory, match="MiB are returned"):
        engine.raw("SELECT repeat('x', 20000000) FROM range(10)", memory=2**30)
