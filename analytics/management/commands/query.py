"""``manage.py query``: the search page for a terminal."""

from __future__ import annotations

import csv
import json
import logging
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from analytics import run
from analytics.csvsafe import csv_cell
from analytics.moments import parse_moment
from analytics.run import QueryError, Result, RunError, run_query
from console.management.pipes import ends_with_reader
from flowlogs.models import Logstore
from flowlogs.record import NOT_APPLICABLE

FAILED = 1
MISUSED = 2

EPILOG = """examples:
  python3 manage.py query --project demo-flow-logs-hangzhou --logstore vpc-shop-prod --from now-1h \\
    'action:REJECT and dstport:22'
  python3 manage.py query --project demo-flow-logs-hangzhou --logstore vpc-shop-prod \\
    '* | select srcaddr, sum(bytes) as bytes group by srcaddr order by bytes desc limit 10' --format csv

exit code: 0 done, or nobody reads the output any more; 1 the query failed; 2 the command or the query is not
well-formed
"""


class Command(BaseCommand):
    """Print the records that a search finds, newest first, or the rows of its SQL."""

    help = "Query a Logstore with `search | SQL`: records, newest first, or the rows of the SQL."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Keep the lines of the examples."""
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, epilog=EPILOG, **kwargs
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments of the public interface."""
        parser.add_argument("query", metavar="'search | SQL'")
        parser.add_argument("--project", required=True)
        parser.add_argument("--logstore", required=True)
        parser.add_argument("--region", help="needed when several regions have a project of that name")
        parser.add_argument(
            "--from", dest="start", help="Unix seconds, ISO 8601 or now-1h; default: all there is"
        )
        parser.add_argument("--to", dest="end", help="the first instant that is not included")
        parser.add_argument(
            "--limit", type=int, default=100, help="records of a search without SQL (default 100)"
        )
        parser.add_argument("--format", choices=sorted(PRINTERS), default="table")

    @ends_with_reader
    def handle(self, *args: Any, **options: Any) -> None:
        """Run the query and print its rows."""
        logstore = find_logstore(options["project"], options["logstore"], options["region"])
        now = int(time.time())
        try:
            start, end = (text and parse_moment(text, now) for text in (options["start"], options["end"]))
            with without_query_log():
                result = run_query(logstore, options["query"], start, end, limit=options["limit"])
        except (QueryError, ValueError) as error:
            raise CommandError(str(error), returncode=MISUSED) from error
        except RunError as error:
            raise CommandError(str(error), returncode=FAILED) from error
        PRINTERS[options["format"]](result, self.stdout)
        self.stdout.flush()
        for remark in remarks(result):
            self.stderr.write(remark)


@contextmanager
def without_query_log() -> Iterator[None]:
    """Keep the line of the query log off the terminal; warnings and errors stay."""
    before = run.logger.level
    run.logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        run.logger.setLevel(before)


def find_logstore(project: str, name: str, region: str | None) -> Logstore:
    """Return the one Logstore of that name; raises CommandError when there is none or more than one."""
    found = Logstore.objects.select_related("project").filter(project__name=project, name=name)
    if region:
        found = found.filter(project__region=region)
    try:
        stores = list(found[:2])
    except OperationalError as error:
        raise CommandError(
            f"The database cannot be read ({error}): python3 manage.py up makes it.", returncode=FAILED
        ) from error
    if not stores:
        raise CommandError(f"There is no Logstore {project}/{name}.", returncode=FAILED)
    if len(stores) > 1:
        raise CommandError(f"Several regions have {project}/{name}: add --region.", returncode=MISUSED)
    return stores[0]


def remarks(result: Result) -> list[str]:
    """Return what the reader must know beside the rows."""
    notes = []
    if result.truncated:
        notes.append(f"Only the first {result.row_count} rows are shown: add LIMIT to the query.")
    if result.total is not None and result.total > result.row_count:
        notes.append(f"{result.row_count} of {result.total} records are shown.")
    if not result.complete:
        notes.append("The result is incomplete: a part of the Logstore could not be found.")
    return notes


def print_json(result: Result, out: Any) -> None:
    """Print a list of objects; what does not apply is null."""
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
    out.write(json.dumps(rows, ensure_ascii=False, indent=1))


def print_csv(result: Result, out: Any) -> None:
    """Print a heading and rows; what does not apply is ``-``."""
    writer = csv.writer(_Lines(out), lineterminator="\n")
    writer.writerow([csv_cell(name) for name in result.columns])
    writer.writerows([csv_cell(shown(value)) for value in row] for row in result.rows)


def print_table(result: Result, out: Any) -> None:
    """Print columns for the eye, numbers to the right."""
    cells = [[shown(value) for value in row] for row in result.rows]
    widths = [max(map(len, column)) for column in zip(result.columns, *cells, strict=True)]
    right = [kind in ("long", "double") for kind in result.types]
    for row in [list(result.columns), *cells]:
        padded = zip(row, widths, right, strict=True)
        line = "  ".join(
            text.rjust(width) if is_right else text.ljust(width) for text, width, is_right in padded
        )
        out.write(line.rstrip())


def shown(value: Any) -> str:
    """Return a value as text."""
    if value is None:
        return NOT_APPLICABLE
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


class _Lines:
    """A file for the CSV writer on Django's wrapper, which would end every line twice."""

    def __init__(self, out: Any) -> None:
        self._out = out

    def write(self, text: str) -> None:
        self._out.write(text, ending="")


PRINTERS: dict[str, Callable[[Result, Any], None]] = {
    "csv": print_csv,
    "json": print_json,
    "table": print_table,
}
