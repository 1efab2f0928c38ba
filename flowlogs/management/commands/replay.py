"""Send the exporter datagrams of a capture file again."""

from __future__ import annotations

import socket
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.core.management.base import BaseCommand, CommandError

from flowlogs.management.captures import Capture, port_number

DEFAULT_TARGET: Final = "127.0.0.1:4739"
UNPACED: Final = 0.0
_MOST_SOCKETS: Final = 512


class Target(NamedTuple):
    """Where to send to; a host is an IP address or a name."""

    host: str
    port: int


def target(text: str) -> Target:
    """Return ``host:port`` or ``[IPv6 address]:port``. Raise ArgumentTypeError for anything else."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host):
        raise ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return Target(host, port_number(port))


def pace(text: str) -> float:
    """Return a speed. Raise ArgumentTypeError for anything else."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(
            f"{text!r} is not a speed: 1 is as captured, 10 ten times as fast, 0 without pauses"
        )
    return value


class Command(BaseCommand):
    """Payloads and their order are unchanged; each exporter of the capture sends from a port of its own."""

    help = (
        "Send the datagrams to one UDP port of a capture (pcap or pcapng) to a collector again, unchanged, at the "
        "pace of the capture. Each exporter in it keeps a source port of its own, so that their templates and sequence "
        "numbers stay apart. "
        "Example: python3 manage.py replay exporters.pcap --port 2055 --to 127.0.0.1:4739 --speed 10. "
        "Exit code 0: all sent; 1: no capture, damaged, nothing to send or sending failed; 2: wrong usage."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file, the port, the target and the speed."""
        parser.add_argument("file", type=Path, metavar="FILE.pcap", help="capture of exporter datagrams")
        parser.add_argument(
            "--port", type=port_number, required=True, metavar="N", help="UDP port in the capture"
        )
        parser.add_argument(
            "--to",
            type=target,
            default=target(DEFAULT_TARGET),
            metavar="HOST:PORT",
            help=f"collector (default {DEFAULT_TARGET})",
        )
        parser.add_argument(
            "--speed",
            type=pace,
            default=1.0,
            metavar="X",
            help="1 as captured (default), 10 faster, 0 without pauses",
        )

    def handle(self, *, file: Path, port: int, to: Target, speed: float, **options: Any) -> None:
        """Send everything, then say how much. Raise CommandError when nothing or not all could be sent."""
        capture = Capture(file, port)
        try:
            exporters, sent, octets = _send(capture, to, speed)
        except OSError as error:
            raise CommandError(f"cannot send to {to.host}:{to.port}: {error.strerror or error}") from error
        if not sent:
            raise CommandError(capture.explain_nothing())
        self.stderr.write(
            f"sent {sent} datagrams, {octets} bytes, of {exporters} exporters to {to.host}:{to.port}"
        )
        if capture.damage:
            raise CommandError(f"{file}: {capture.damage}; what came before it was sent")


def _send(capture: Capture, to: Target, speed: float) -> tuple[int, int, int]:
    """Return how many exporters, datagrams and bytes were sent."""
    family, _, _, _, address = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_DGRAM)[0]
    sockets: dict[tuple[bytes, int], socket.socket] = {}
    exporters: set[tuple[bytes, int]] = set()
    clock = _Pace(speed)
    sent = octets = 0
    try:
        for datagram in capture:
            clock.wait(datagram.received_ns)
            exporter = (datagram.address, datagram.port)
            exporters.add(exporter)
            # one of very many exporters shares a socket rather than meeting the limit of open files
            key = exporter if exporter in sockets or len(sockets) < _MOST_SOCKETS else next(iter(sockets))
            sender = sockets.get(key)
            if sender is None:
                sender = sockets[key] = socket.socket(family, socket.SOCK_DGRAM)
            octets += sender.sendto(datagram.payload, address)
            sent += 1
    finally:
        for sender in sockets.values():
            sender.close()
    return len(exporters), sent, octets


class _Pace:
    """Waits until it is time for a datagram, as far after the first as it was in the capture, divided by the speed."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._began = time.monotonic()
        self._first_ns = -1
        self._pause = threading.Event()

    def wait(self, captured_ns: int) -> None:
        if self._speed == UNPACED:
            return
        if self._first_ns < 0:
            self._first_ns = captured_ns
        due = self._began + (captured_ns - self._first_ns) / 1e9 / self._speed
        if (left := due - time.monotonic()) > 0:
            self._pause.wait(left)
