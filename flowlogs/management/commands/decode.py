"""Print the flows in a capture file of exporter datagrams."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from console.management.pipes import ends_with_reader
from flowlogs import codec
from flowlogs.management.captures import Capture, port_number
from flowlogs.management.tally import Tally
from flowlogs.netflow import Decoded, Sessions, decode

BATCH: Final = 20_000
"""Datagrams decoded at once; bounds the memory for captures of any size."""

NOTHING_FOLLOWS_NS: Final = 1 << 62
_LINES: Final = {"csv": codec.csv_lines, "json": codec.json_lines}


class Command(BaseCommand):
    """Flows go to standard output; totals and what is missing to standard error."""

    help = (
        "Print the flows in a capture (pcap or pcapng) of NetFlow v5, v9 and IPFIX datagrams, one line a flow, under "
        "the field names of a flow log record; '-' is what only a flow log knows, counts are as exported. Totals of "
        "each stream, sequence gaps and what could not be decoded follow on standard error. "
        "Example: python3 manage.py decode exporters.pcap --port 2055 --format json > flows.json. "
        "Exit code 0: decoded, or nobody reads the output any more; 1: no capture, damaged, or nothing to decode in "
        "it; 2: wrong usage."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file, the port and the format."""
        parser.add_argument("file", type=Path, metavar="FILE.pcap", help="capture of exporter datagrams")
        parser.add_argument("--port", type=port_number, metavar="N", help="only datagrams to this UDP port")
        parser.add_argument("--format", choices=sorted(_LINES), default="csv", help="csv (default) or json")

    @ends_with_reader
    def handle(self, *, file: Path, port: int | None, format: str, **options: Any) -> None:
        """Decode batch by batch. Raise CommandError when nothing could be decoded, or not all of the file."""
        capture, tally = Capture(file, port), Tally()
        for number, decoded in enumerate(_batches(capture)):
            if number == 0 and format == "csv":
                self.stdout.write(codec.csv_header())
            tally.add(decoded)
            self._write(_LINES[format](decoded.flows))
        # a reader that has seen enough wants no totals either
        self.stdout.flush()
        if not tally.datagrams:
            raise CommandError(capture.explain_nothing())
        for line in tally.lines(capture.notes):
            self.stderr.write(line)
        if capture.damage:
            raise CommandError(f"{file}: {capture.damage}; what came before it was decoded")
        if not tally.decodable:
            raise CommandError(f"{file}: no datagram of NetFlow v5, v9 or IPFIX among {tally.datagrams}")

    def _write(self, lines: Iterable[str]) -> None:
        if text := "\n".join(lines):
            self.stdout.write(text)


def _batches(capture: Capture) -> Iterator[Decoded]:
    sessions = Sessions()
    datagrams = ((each.received_ns, each.address, each.port, each.payload) for each in capture)
    batch = list(islice(datagrams, BATCH))
    while batch:
        following = list(islice(datagrams, BATCH))
        decoded = decode(batch, sessions, now_ns=None if following else NOTHING_FOLLOWS_NS)
        sessions, batch = decoded.sessions, following
        yield decoded
