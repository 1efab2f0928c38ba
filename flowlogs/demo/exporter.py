"""The demo's exporters: ``python -m flowlogs.demo.exporter --to HOST:PORT``, real IPFIX over loopback in real time.

One socket an exporter, each from a loopback address of its own. No Django.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Final

from flowlogs.demo.network import EXPORTERS
from flowlogs.demo.traffic import flows_ended
from flowlogs.export import IpfixEncoder

EVERY: Final = 5.0
"""Seconds between exports."""
LOOK_AROUND: Final = 1.0
LONGEST_PAUSE_MS: Final = 60_000
"""After a longer pause, such as a laptop asleep, what ended meanwhile was never seen."""


class DemoExporter:
    """One switch: sends the flows that ended since it last did."""

    def __init__(self, address: str, target: tuple[str, int], now_ms: int) -> None:
        """Send from ``address``, from ``now_ms`` (Unix ms) on. Raise OSError when that is not an address here."""
        self._address = address
        self._target = target
        self._until_ms = now_ms
        self._encoder = IpfixEncoder()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((address, 0))
        except OSError:
            self._socket.close()
            raise

    def export(self, now_ms: int) -> int:
        """Send the flows that ended up to ``now_ms``; tell how many. Raise OSError."""
        pause = now_ms - self._until_ms
        since = self._until_ms if 0 <= pause <= LONGEST_PAUSE_MS else now_ms
        self._until_ms = now_ms
        flows = flows_ended(self._address, since, now_ms)
        for datagram in self._encoder.encode(flows, now_ms / 1000):
            # Not connected: when the collector is away its datagrams are lost, as anywhere else.
            self._socket.sendto(datagram, self._target)
        return len(flows)

    def close(self) -> None:
        self._socket.close()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m flowlogs.demo.exporter", description=__doc__)
    parser.add_argument("--to", type=_target, default=("127.0.0.1", 4739), metavar="HOST:PORT")
    parser.add_argument("--source", action="append", choices=EXPORTERS, help="default: all of them")
    parser.add_argument("--every", type=float, default=EVERY, help="seconds between exports")
    parser.add_argument("--parent", type=int, help="end when this process is no longer the parent")
    return parser.parse_args(arguments)


def _target(text: str) -> tuple[str, int]:
    host, _colon, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not HOST:PORT")
    return host, int(port)


def run(chosen: argparse.Namespace) -> None:
    """Export until SIGTERM, SIGINT or the end of the parent. Raise OSError when a socket cannot be had."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    parent = chosen.parent or os.getppid()
    now_ms = time.time_ns() // 1_000_000
    exporters = [DemoExporter(address, chosen.to, now_ms) for address in chosen.source or EXPORTERS]
    due = time.monotonic() + chosen.every
    while not stopping.wait(min(LOOK_AROUND, max(due - time.monotonic(), 0))) and os.getppid() == parent:
        if time.monotonic() >= due:
            due += chosen.every
            for exporter in exporters:
                exporter.export(time.time_ns() // 1_000_000)
    for exporter in exporters:
        exporter.close()


def main(arguments: list[str] | None = None) -> int:
    """Run the exporters; 0 after a stop, 1 when they cannot send."""
    try:
        run(parse(arguments))
    except OSError as error:
        print(f"demo exporter: cannot send: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
