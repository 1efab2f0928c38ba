"""Capture files as commands take them: opened, filtered by port, with errors in words."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from django.core.management.base import CommandError

from flowlogs.pcap import CapturedDatagram, CaptureError, CaptureNotes, read_datagrams


def port_number(text: str) -> int:
    """Return a UDP port given on a command line. Raise ArgumentTypeError for anything else."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


class Capture:
    """The UDP datagrams of a capture file to one port, or to any.

    ``damage`` says where reading ended early; ``ports`` counts all datagrams by destination port.
    """

    def __init__(self, path: Path, port: int | None) -> None:
        self.path = path
        self.port = port
        self.notes = CaptureNotes()
        self.ports: Counter[int] = Counter()
        self.damage = ""

    def __iter__(self) -> Iterator[CapturedDatagram]:
        """Yield datagrams up to the end or to the damage. Raise CommandError for a file that is no capture."""
        try:
            with self.path.open("rb") as file:
                for datagram in read_datagrams(file, self.notes):
                    self.ports[datagram.destination_port] += 1
                    if self.port in (None, datagram.destination_port):
                        yield datagram
        except OSError as error:
            raise CommandError(f"{self.path}: {error.strerror or error}") from error
        except CaptureError as error:
            if not self.notes.packets:
                raise CommandError(f"{self.path}: {error}") from error
            self.damage = str(error)

    def explain_nothing(self) -> str:
        """Say why no datagram came out of it."""
        if not self.ports:
            return f"{self.path}: no UDP datagrams in {self.notes.packets} packets"
        seen = ", ".join(f"{port} ({count})" for port, count in sorted(self.ports.items())[:20])
        return f"{self.path}: no UDP datagrams to port {self.port}; there are some to {seen}"
