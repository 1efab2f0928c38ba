"""``manage.py query … | head``: commands that print data end quietly once nobody reads it."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import BaseCommand

from analytics.benchmarks.measure import Measure
from analytics.management.commands import bench
from console.management.pipes import ends_with_reader
from flowlogs.models import Logstore
from tests.analytics.conftest import NOW, Deliver
from tests.analytics.made_logs import records

CAPTURE = Path(__file__).parents[1] / "samples" / "exporters-a-live.pcap"
Closed = Callable[[], io.TextIOWrapper]


@pytest.fixture(params=[True, False], ids=["buffered", "unbuffered"])
def closed_pipe(request: pytest.FixtureRequest) -> Iterator[Closed]:
    """Make pipes that nobody reads; what their writer flushes at the end must go nowhere."""
    made: list[io.TextIOWrapper] = []

    def make() -> io.TextIOWrapper:
        reader, writer = os.pipe()
        os.close(reader)
        raw: Any = os.fdopen(writer, "wb", buffering=-1 if request.param else 0)
        made.append(io.TextIOWrapper(raw, write_through=not request.param))
        return made[-1]

    yield make
    for stream in made:
        stream.close()


@pytest.mark.parametrize("format", ["csv", "json", "table"])
@pytest.mark.parametrize("limit", [1, 1000])
def test_query_ends_quietly_without_a_reader(
    logstore: Logstore, deliver: Deliver, closed_pipe: Closed, format: str, limit: int
) -> None:
    deliver(records(1200, NOW - 3600, NOW))
    errors = io.StringIO()
    where = ("--project", "flow-prod", "--logstore", "vpc_flow")
    call_command(
        "query", *where, "--limit", str(limit), "--format", format, "*", stdout=closed_pipe(), stderr=errors
    )
    assert errors.getvalue() == ""


@pytest.mark.parametrize("format", ["csv", "json"])
@pytest.mark.parametrize("port", ["2065", "4739"])
def test_decode_ends_quietly_without_a_reader(closed_pipe: Closed, format: str, port: str) -> None:
    errors = io.StringIO()
    call_command(
        "decode", str(CAPTURE), "--port", port, "--format", format, stdout=closed_pipe(), stderr=errors
    )
    assert errors.getvalue() == ""


@pytest.mark.parametrize("format", ["table", "json"])
def test_bench_ends_quietly_without_a_reader(
    closed_pipe: Closed, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    missed = Measure(name="speed", value=1.0, unit="flows/s", target=2.0)
    monkeypatch.setitem(bench.AREAS, "decode", lambda folder: iter([missed] * 500))
    call_command("bench", "decode", "--format", format, stdout=closed_pipe())


def test_both_streams_may_be_the_pipe_that_nobody_reads(closed_pipe: Closed) -> None:
    pipe = closed_pipe()
    call_command("decode", str(CAPTURE), "--port", "2065", stdout=pipe, stderr=pipe)


def test_another_broken_pipe_is_an_error(tmp_path: Path) -> None:
    class Broken(BaseCommand):
        @ends_with_reader
        def handle(self, *args: Any, **options: Any) -> None:
            raise BrokenPipeError

    with (tmp_path / "out").open("w") as out, pytest.raises(BrokenPipeError):
        call_command(Broken(), stdout=out, stderr=out)
