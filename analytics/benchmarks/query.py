"""Queries and the Overview over an hour of records in one compacted part, against the bare engine's own SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from analytics import engine
from analytics.dashboards.overview import OVERVIEW
from analytics.exchange import Answer, Budget, Log
from analytics.language import compile_query
from flowlogs.record import TIME, quote
from flowlogs.store.engine import connect, files

from . import aggregate, recipe
from .measure import Measure, in_turn, seconds

HOUR = 3600
LEAST_RATIO = 0.4
LEAST_QUERIES_A_SECOND = 1
MOST_DASHBOARD_SECONDS = 2
BUCKET = 60
QUERIES = {
    "top rejected sources": (
        "action:REJECT | select srcaddr, count(*) as hits group by srcaddr order by hits desc limit 20",
        "SELECT srcaddr, count(*) AS n FROM log WHERE action = 'REJECT' GROUP BY srcaddr ORDER BY n DESC LIMIT 20",
    ),
    "verdicts per minute": (
        f"* | select {TIME} - {TIME} % 60 as minute, action, count(*) as n group by minute, action limit 1000",
        f"SELECT {quote(TIME)} - {quote(TIME)} % 60 AS minute, action, count(*) AS n FROM log GROUP BY ALL LIMIT 1000",
    ),
    "one ENI": (
        f"eni-id:{recipe.eni_id(7)} | select direction, sum(bytes) as b group by direction",
        f"SELECT direction, sum(bytes) AS b FROM log WHERE \"eni-id\" = '{recipe.eni_id(7)}' GROUP BY direction",
    ),
}


def run_queries(folder: Path) -> Iterator[Measure]:
    """Measure three usual queries, engine connection and sandbox included, each against the bare engine."""
    part, rows = aggregate.hour_part(folder)
    for name, (text, bare) in QUERIES.items():

        def product(text: str = text) -> Answer:
            return _ask(part, folder, text)

        def plain(bare: str = bare) -> None:
            with connect() as connection:
                connection.execute(f"CREATE VIEW log AS SELECT * FROM {files([part])}")
                connection.execute(bare).fetchall()

        ours, theirs = in_turn(product, plain)
        yield Measure(
            f"query over {rows / 1e6:.1f} M records, {name}",
            1 / ours,
            "queries/s",
            target=LEAST_QUERIES_A_SECOND,
            baseline=1 / theirs,
            least_ratio=LEAST_RATIO,
        )


def run_dashboards(folder: Path) -> Iterator[Measure]:
    """Measure all charts of the Overview, one after the other, nothing cached."""
    part, rows = aggregate.hour_part(folder)
    texts = [chart.query.replace("{bucket}", str(BUCKET)) for chart in OVERVIEW.charts]
    taken = seconds(lambda: [_ask(part, folder, text) for text in texts])
    yield Measure(
        f"Overview of {len(texts)} charts over {rows / 1e6:.1f} M records",
        taken,
        "s",
        target=MOST_DASHBOARD_SECONDS,
        smaller_is_better=True,
    )


def _ask(part: str, folder: Path, text: str) -> Answer:
    compiled = compile_query(text)
    if compiled.sql is None:
        raise RuntimeError(f"not an analysis: {text}")
    start, end = recipe.WINDOW, recipe.WINDOW + HOUR
    log = Log((part,), start, end, end, compiled.condition, compiled.macros)
    budget = Budget(60.0, 2**30, 2, str(folder), 2**30)
    return engine.query(log, budget, compiled.sql, compiled.rows)
