"""Run a collector: ``python -m flowlogs.collector --spool DIR --id ID [--host HOST] [--port PORT]``."""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

from flowlogs import spool
from flowlogs.collector import status, udp
from flowlogs.collector.keeper import Beginning, Keeper
from flowlogs.collector.receiver import Receiver
from flowlogs.collector.troubles import Troubles
from flowlogs.collector.writer import Writer

PORT: Final = 4739
LIMIT: Final = 4 << 30
WAIT_MS: Final = 200
DRAIN_SECONDS: Final = 0.3
"""Time at the end for what the kernel still holds."""
FASTEST: Final = 50
"""Segments a second that no collector exceeds for long, so that numbers taken from the clock are new."""
UNSAVED: Final = 1000
"""Segments that a killed collector may have numbered after its last status."""


class CannotStart(Exception):
    """A reason not to start that its user can do something about, in one line."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m flowlogs.collector", description=__doc__)
    parser.add_argument("--spool", type=Path, required=True, help="the folder for segments and status")
    parser.add_argument("--id", required=True, help="the name of this collector, unique in the installation")
    parser.add_argument("--host", default="127.0.0.1", help="the address to receive on; :: is IPv6 and IPv4")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--limit", type=int, default=LIMIT, help="bytes the spool may hold")
    parser.add_argument("--parent", type=int, help="end when this process is no longer the parent")
    chosen = parser.parse_args(arguments)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", chosen.id):
        parser.error("--id takes letters, digits, dots, hyphens and underscores")
    if not 0 <= chosen.port <= 65535:
        parser.error("--port takes 0 to 65535")
    return chosen


def collect(chosen: argparse.Namespace) -> None:
    """Receive until SIGTERM, SIGINT or the end of the parent. Raise CannotStart."""
    stopping = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    parent = chosen.parent or os.getppid()
    source = _socket(chosen.host, chosen.port)
    lock = _lock(chosen.spool, chosen.id)
    receiver, keeper = set_up(chosen, source)
    keeper.step()
    keeper.start()
    host, port = source.getsockname()[:2]
    print(f"receiving on {host}, UDP port {port}", flush=True)
    while not stopping and os.getppid() == parent:
        receiver.step(WAIT_MS)
        if not keeper.is_alive():
            raise SystemExit("collector: the thread that seals segments has ended")
    deadline = time.monotonic() + DRAIN_SECONDS
    while receiver.step(0) and time.monotonic() < deadline:
        pass
    source.close()
    receiver.writer.close(time.time_ns())
    keeper.finish()
    os.close(lock)


def _socket(host: str, port: int) -> socket.socket:
    try:
        return udp.open_socket(host, port)
    except OSError as error:
        raise CannotStart(f"cannot receive on {host}, UDP port {port}: {error.strerror}") from error


def _lock(folder: Path, collector: str) -> int:
    """Keep a second collector with the same id out of this folder; the lock goes with the process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / f"{collector}.lock", os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as error:
        raise CannotStart(f"cannot write to the spool {folder}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise CannotStart(f"a collector with the id {collector} is already writing to {folder}") from error
    return lock


def set_up(chosen: argparse.Namespace, source: socket.socket) -> tuple[Receiver, Keeper]:
    """Take over from the collector before, and make the two threads' objects."""
    started_ns = time.time_ns()
    troubles = Troubles()
    before = status.load(chosen.spool, chosen.id)
    try:
        stored_until_ns = recover(chosen.spool, chosen.id, troubles)
        taken = [spool.segment_number(path)[1] for path in spool.list_sealed(chosen.spool, chosen.id)]
    except OSError as error:
        raise CannotStart(f"cannot take over the spool {chosen.spool}: {error.strerror}") from error
    first = max(
        started_ns // 1_000_000_000 * FASTEST,
        max(taken, default=-1) + 1,
        before.next_segment + UNSAVED if before else 0,
    )
    sealed_through_ns = before.sealed_through_ns if before else 0
    losses = before.losses if before else ()
    next_loss = max(started_ns // 1_000_000, losses[-1].number + 1 if losses else 0)
    last_ns = max(sealed_through_ns, stored_until_ns)
    if last_ns:
        losses = (*losses, status.Loss(next_loss, last_ns, max(last_ns, started_ns), 0, status.DOWN))
        next_loss += 1
    host, port = source.getsockname()[:2]
    writer = Writer(chosen.spool, chosen.id, first, chosen.limit, troubles)
    beginning = Beginning(
        started=started_ns / 1e9,
        host=host,
        port=port,
        receive_buffer=udp.receive_buffer(source),
        sealed_through_ns=sealed_through_ns,
        losses=losses,
        next_loss=next_loss,
    )
    receiver = Receiver(source, writer)
    return receiver, Keeper(receiver, beginning)


def recover(folder: Path, collector: str, troubles: Troubles) -> int:
    """Seal what a killed collector left open; tell when its last datagram was received, 0 if there is none.

    Raise OSError.
    """
    last_ns = 0
    for path in spool.list_open(folder, collector):
        try:
            sealed = spool.recover(path)
        except spool.NotASegment:
            aside = path.rename(path.with_suffix(".damaged"))
            troubles.say("recover", f"{aside} was not written out before a power cut and is left aside")
            continue
        if sealed is not None:
            last_ns = max(last_ns, max(datagram[0] for datagram in spool.read(sealed).datagrams))
    return last_ns


def main(arguments: list[str] | None = None) -> int:
    """Run a collector; 0 after a stop, 1 when it cannot start."""
    try:
        collect(parse(arguments))
    except CannotStart as reason:
        print(f"collector: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
