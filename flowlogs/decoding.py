"""The decode step inside an engine worker: sealed segments → one durable file of samples.

No Django. Everything it is told comes as arguments, everything it learned goes back as values; the caller
puts both into one transaction and only then discards the segments.
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from . import spool
from .attribute import Attributed, attribute
from .inventory_compiler import Compiler
from .inventory_tables import Inventory, compile_inventory
from .netflow import Counters, Loss, Sessions, StreamKey, decode
from .netflow.model import address_text
from .netflow.sessions import stream_key
from .store.engine import SAMPLE_FORMAT, connect, literal
from .store.files import durable
from .tallies import Stray, StreamCount, WindowCount

BATCH_DATAGRAMS = 40_000


@dataclass
class Decoding:
    """What one decode step made; ``waiting`` counts the data sets that wait for their template after it.

    ``refused`` counts the datagrams of networks that are not allowed: nothing else is known of them.
    """

    sessions: dict[str, Any]
    path: str = ""
    rows: int = 0
    size: int = 0
    corrupt_frames: int = 0
    refused: int = 0
    received_ms: int = 0
    waiting: dict[StreamKey, int] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)


@dataclass
class Batch:
    """The counts of one batch, decoded under one inventory version; ``counts`` run in step with ``streams``."""

    streams: list[StreamKey]
    counters: dict[StreamKey, Counters]
    losses: list[Loss]
    counts: list[StreamCount]
    windows: list[WindowCount]
    strays: list[Stray]


class Senders:
    """The networks that exporters may send from; all of them where there is none."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._networks = [ip_network(network) for network in allowed]
        self._known: dict[bytes, bool] = {}

    def of(self, datagrams: list[spool.Datagram]) -> list[spool.Datagram]:
        """Return the datagrams that came from these networks."""
        if not self._networks:
            return datagrams
        return [datagram for datagram in datagrams if self._may(datagram[1])]

    def _may(self, packed: bytes) -> bool:
        if packed not in self._known:
            address = ip_address(address_text(packed))
            self._known[packed] = any(address in network for network in self._networks)
        return self._known[packed]


def run(
    segments: Sequence[str],
    sessions: dict[str, Any],
    inventories: Sequence[tuple[int, str]],
    sample_path: str,
    through_ms: int = 0,
    allowed: Sequence[str] = (),
) -> Decoding:
    """Decode and attribute segments in order, and write their samples.

    ``inventories`` are pairs of Unix ms and path, oldest first: the version in force at receipt counts. With these
    segments everything received before ``through_ms`` (Unix ms) is here. Datagrams from outside of the ``allowed`` CIDR
    blocks are counted and dropped; without any block, all are decoded. Raises ``OSError`` where a file cannot be read
    or written, ``NotASegment`` for a file that is none.
    """
    state = Sessions.from_json(sessions) if sessions else Sessions()
    result = Decoding(sessions=sessions)
    found: list[Attributed] = []
    batches = _batches(segments, inventories, result, Senders(allowed))
    for number, (datagrams, inventory) in enumerate(batches, 1):
        decoded = decode(datagrams, state, now_ns=through_ms * 1_000_000 if number == len(batches) else None)
        state = decoded.sessions
        attributed = attribute(decoded.flows, decoded.streams, inventory)
        result.batches.append(
            Batch(
                decoded.streams,
                decoded.counters,
                decoded.losses,
                attributed.streams,
                attributed.windows,
                attributed.strays,
            )
        )
        if len(attributed.samples["eni"]):
            found.append(attributed)
    result.sessions = state.to_json()
    result.waiting = {
        stream_key(stream): sum(map(len, kept.waiting.values())) for stream, kept in state.streams.items()
    }
    if found:
        result.path = sample_path
        result.rows = sum(len(attributed.samples["eni"]) for attributed in found)
        result.size = write_samples([attributed.samples for attributed in found], Path(sample_path))
    return result


def _batches(
    segments: Sequence[str], inventories: Sequence[tuple[int, str]], result: Decoding, senders: Senders
) -> Sequence[tuple[list[spool.Datagram], Inventory]]:
    """Return runs of datagrams that share an inventory version, in the order of receipt, of bounded size."""
    since = [instant for instant, _ in inventories]
    batches: list[tuple[list[spool.Datagram], Inventory]] = []
    current: list[spool.Datagram] = []
    version = 0
    for path in segments:
        segment = spool.read(Path(path))
        result.corrupt_frames += segment.corrupt_frames
        datagrams = senders.of(segment.datagrams)
        result.refused += len(segment.datagrams) - len(datagrams)
        for datagram in datagrams:
            in_force = max(bisect_right(since, datagram[0] // 1_000_000) - 1, 0) if len(since) > 1 else 0
            if current and (in_force != version or len(current) >= BATCH_DATAGRAMS):
                batches.append((current, _inventory(inventories[version][1])))
                current = []
            version = in_force
            current.append(datagram)
        if segment.datagrams:
            result.received_ms = segment.datagrams[-1][0] // 1_000_000
    if current:
        batches.append((current, _inventory(inventories[version][1])))
    return batches


def part_path(version: Path, digest: str) -> Path:
    """Return where the parts of an inventory version are kept, beside the version."""
    return version.parent / "parts" / f"{digest}.json.z"


@lru_cache(maxsize=4)
def _inventory(path: str) -> Inventory:
    version = _unpacked(Path(path))
    if "enis" in version:
        # of an earlier release: all that it says in one
        return compile_inventory(version)
    return _compiler(Path(path).parent).compile(version)


@lru_cache(maxsize=1)
def _compiler(folder: Path) -> Compiler:
    return Compiler(lambda digest: _unpacked(part_path(folder / "version", digest)))


def _unpacked(path: Path) -> dict[str, Any]:
    unpacked: dict[str, Any] = json.loads(zlib.decompress(path.read_bytes()))
    return unpacked


def write_samples(samples: Sequence[dict[str, Any]], path: Path) -> int:
    """Write batches of sample columns as one durable Parquet file and return its size in bytes."""
    with durable(path) as temporary, connect(threads=1) as connection:
        names = [f"batch{number}" for number in range(len(samples))]
        for name, columns in zip(names, samples, strict=True):
            connection.register(name, columns)
        union = " UNION ALL ".join(f"SELECT * FROM {name}" for name in names)
        connection.execute(f"COPY ({union}) TO {literal(str(temporary))} ({SAMPLE_FORMAT})")
    return path.stat().st_size
