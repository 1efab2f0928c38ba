"""Dashboards: every chart's query runs, and equals a count in plain Python over the same records."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from analytics.charts import Span, draw, tabulate, tiles
from analytics.dashboards import DASHBOARDS, OVERVIEW, Chart
from analytics.language import compile_query
from analytics.ranges import TimeRange
from analytics.run import Result, run_query
from analytics.views.dashboards import MOST_POINTS
from flowlogs.models import Logstore
from flowlogs.record import TIME
from tests.analytics.conftest import NOW, Deliver
from tests.analytics.made_logs import Record, records

RANGE = TimeRange(NOW - 6 * 3600, NOW)
STEP = RANGE.step(MOST_POINTS)
CHARTS = [
    pytest.param(chart, id=f"{board.id}/{chart.id}")
    for board in DASHBOARDS.values()
    for chart in board.charts
]
Rows = list[list[Any]]


@pytest.fixture
def logs(deliver: Deliver) -> list[Record]:
    """Deliver eight hours of records, and return those that a chart of six hours speaks of."""
    made = records(4000, RANGE.start - 3600, RANGE.end + 3600)
    edges = records(2, RANGE.start, RANGE.start + 1, seed=1) + records(2, RANGE.end, RANGE.end + 1, seed=2)
    deliver(made + edges)
    return [log for log in made + edges if RANGE.start <= log[TIME] < RANGE.end]


def run(store: Logstore, chart: Chart) -> Result:
    """Run a chart's query as the dashboard does."""
    return run_query(store, chart.text(STEP), RANGE.start, RANGE.end)


def total(logs: Iterable[Record], field: str) -> int:
    """Sum a field over the records that have it."""
    return sum(log[field] for log in logs if log[field] is not None)


def top(counts: dict[Any, Any], size: int, amount: Callable[[Any], int]) -> list[Any]:
    """Return the keys with the greatest amounts, equal ones in their order."""
    return sorted(counts, key=lambda key: (-amount(counts[key]), key))[:size]


def expected_totals(logs: list[Record]) -> Rows:
    accepted = [log for log in logs if log["action"] == "ACCEPT"]
    rejected = sum(log["action"] == "REJECT" for log in logs)
    share = 100.0 * rejected / (len(accepted) + rejected)
    return [[len(logs), total(accepted, "bytes"), pytest.approx(share), len({log["eni-id"] for log in logs})]]


def by_bucket(logs: list[Record]) -> dict[int, list[Record]]:
    buckets = defaultdict(list)
    for log in logs:
        buckets[log[TIME] - log[TIME] % STEP].append(log)
    return dict(sorted(buckets.items()))


def expected_verdicts(logs: list[Record]) -> Rows:
    return [
        [at, sum(log["action"] == "ACCEPT" for log in found), sum(log["action"] == "REJECT" for log in found)]
        for at, found in by_bucket(logs).items()
    ]


def expected_traffic(logs: list[Record]) -> Rows:
    return [
        [
            at,
            *(
                total((log for log in found if log["direction"] == way), "bytes") * 8 // STEP
                for way in ("in", "out")
            ),
        ]
        for at, found in by_bucket(logs).items()
    ]


def expected_enis(logs: list[Record]) -> Rows:
    found: dict[str, list[Record]] = defaultdict(list)
    for log in logs:
        found[log["eni-id"]].append(log)
    return [
        [
            eni,
            *(
                total((log for log in found[eni] if log["direction"] == way), "bytes")
                for way in ("in", "out")
            ),
        ]
        for eni in top(found, 20, lambda own: total(own, "bytes"))
    ]


def expected_talkers(logs: list[Record]) -> Rows:
    seen: Counter[tuple[str, str, str]] = Counter()
    for log in logs:
        if log["srcaddr"] is not None:
            seen[log["srcaddr"], log["dstaddr"], log["direction"]] += log["bytes"]
    # What the sender's interface and the receiver's both saw is the same traffic.
    most: dict[tuple[str, str], int] = {}
    for (source, destination, _), size in seen.items():
        most[source, destination] = max(most.get((source, destination), 0), size)
    return [[" -> ".join(pair), most[pair]] for pair in top(most, 20, int)]


def expected_ports(logs: list[Record]) -> Rows:
    names = {6: "tcp", 17: "udp"}
    flows = Counter(f"{log['dstport']}/{names[log['protocol']]}" for log in logs if log["action"] == "REJECT")
    return [[port, flows[port]] for port in top(flows, 10, int)]


def expected_sources(logs: list[Record]) -> Rows:
    ports: dict[str, list[int]] = defaultdict(list)
    for log in logs:
        if log["action"] == "REJECT":
            ports[log["srcaddr"]].append(log["dstport"])
    return [[source, len(ports[source]), len(set(ports[source]))] for source in top(ports, 10, len)]


def expected_vpcs(logs: list[Record]) -> Rows:
    found: dict[str, list[Record]] = defaultdict(list)
    for log in logs:
        found[log["vpc-id"]].append(log)
    return [
        [vpc, total(found[vpc], "packets"), total(found[vpc], "bytes"), len(found[vpc])]
        for vpc in top(found, 20, lambda own: total(own, "bytes"))
    ]


EXPECTED: dict[str, Callable[[list[Record]], Rows]] = {
    "totals": expected_totals,
    "verdicts": expected_verdicts,
    "traffic": expected_traffic,
    "enis": expected_enis,
    "talkers": expected_talkers,
    "rejected-ports": expected_ports,
    "rejected-sources": expected_sources,
    "vpcs": expected_vpcs,
}


def test_every_chart_of_the_overview_is_counted_here() -> None:
    assert list(EXPECTED) == [chart.id for chart in OVERVIEW.charts]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_chart_equals_a_count_in_plain_python(name: str, logstore: Logstore, logs: list[Record]) -> None:
    chart = OVERVIEW.chart(name)
    assert chart is not None
    result = run(logstore, chart)
    assert result.rows == EXPECTED[name](logs)
    assert result.complete
    assert not result.truncated


@pytest.mark.parametrize("chart", CHARTS)
def test_what_a_chart_draws_is_in_its_result(chart: Chart, logstore: Logstore, logs: list[Record]) -> None:
    result = run(logstore, chart)
    spec = chart.spec
    drawn = {name for name in (spec.x, *spec.y, spec.series, *(tile.column for tile in spec.tiles)) if name}
    assert drawn <= set(result.columns)
    assert {*spec.labels, *spec.units, *spec.roles} <= set(result.columns)
    assert tabulate(spec, result.columns, result.rows)["rows"]
    figure = draw(spec, result.columns, result.rows, Span(RANGE.start, RANGE.end, STEP))
    assert (figure is None) == (spec.kind in ("tiles", "table"))
    assert bool(tiles(spec.tiles, result.columns, result.rows)) or spec.kind != "tiles"


@pytest.mark.parametrize("bucket", [60, 600, 86_400])
@pytest.mark.parametrize("chart", CHARTS)
def test_every_query_compiles_at_every_bucket(chart: Chart, bucket: int) -> None:
    text = chart.text(bucket)
    assert "{" not in text
    assert compile_query(text).sql
    assert (str(bucket) in text) == chart.is_over_time


@pytest.mark.parametrize("board", DASHBOARDS.values(), ids=lambda board: board.id)
def test_chart_names_are_used_once(board: Any) -> None:
    ids = [chart.id for chart in board.charts]
    assert len(set(ids)) == len(ids)
    assert board.chart("no-such-chart") is None


@pytest.mark.parametrize("length", [3600, 14_400, 86_400, 604_800])
def test_charts_over_time_have_60_to_200_points(length: int) -> None:
    time = TimeRange(NOW - length, NOW)
    assert 60 <= len(Span(time.start, time.end, time.step(MOST_POINTS)).buckets()) <= 201


def test_the_accepted_traffic_says_that_it_adds_both_directions() -> None:
    totals = OVERVIEW.chart("totals")
    assert totals is not None
    assert "Accepted traffic (in + out)" in [tile.label for tile in totals.spec.tiles]
