"""Measure the product against the bare engine in the same run."""

from __future__ import annotations

import json
import sys
import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from analytics.benchmarks import aggregate, decode, memory, pages, query
from analytics.benchmarks.measure import Measure
from console.management.pipes import ends_with_reader

AREAS: dict[str, Callable[[Path], Iterator[Measure]]] = {
    "decode": decode.run,
    "aggregate": aggregate.run,
    "query": query.run_queries,
    "dashboards": query.run_dashboards,
    "pages": pages.run,
    "memory": memory.run,
}


class Command(BaseCommand):
    """Run the measurements; exit code 1 when a target is missed, 0 when nobody reads the output any more."""

    help = (
        "Measure decode, aggregation, storage and memory against the bare engine in the same run.\n\n"
        "Example: python3 manage.py bench decode --format json"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("area", nargs="?", choices=AREAS, help="only this area")
        parser.add_argument("--format", choices=("table", "json"), default="table")

    @ends_with_reader
    def handle(self, *args: Any, **options: Any) -> None:
        measures: list[Measure] = []
        for name in [options["area"]] if options["area"] else AREAS:
            with tempfile.TemporaryDirectory(prefix="flowlog-bench-") as folder:
                for measure in AREAS[name](Path(folder)):
                    measures.append(measure)
                    if options["format"] == "table":
                        self.stdout.write(_line(measure))
        if options["format"] == "json":
            self.stdout.write(json.dumps([measure.as_row() for measure in measures], indent=2))
        self.stdout.flush()
        if not all(measure.ok for measure in measures):
            sys.exit(1)


def _line(measure: Measure) -> str:
    value = f"{measure.value:,.1f} {measure.unit}"
    against = (
        "" if measure.ratio is None else f"  {measure.ratio:.2f} of the bare engine's {measure.baseline:,.0f}"
    )
    wanted = f"  ({'at most' if measure.smaller_is_better else 'at least'} {measure.target:,})"
    return f"{'ok  ' if measure.ok else 'MISS'}  {measure.name}: {value}{against}{wanted}"
