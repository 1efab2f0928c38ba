"""What a run of the decoder brought, stream by stream, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Final

import numpy as np

from flowlogs.netflow import Counters, Decoded, Loss, Reason, StreamKey
from flowlogs.pcap import CaptureNotes

SHOWN_GAPS: Final = 20
_PROTOCOLS: Final = {0: "no NetFlow", 5: "NetFlow v5", 9: "NetFlow v9", 10: "IPFIX"}
_TOTALS: Final = ("datagrams", "flows")
_EVERYDAY: Final = (*_TOTALS, "templates", "options_records", "waiting")
"""Counters that say nothing is wrong."""


@dataclass(slots=True)
class _Stream:
    counters: Counters = field(default_factory=Counters)
    packets: int = 0
    octets: int = 0
    rates: set[int] = field(default_factory=set)
    losses: list[Loss] = field(default_factory=list)


class Tally:
    """Adds up batches."""

    def __init__(self) -> None:
        self._streams: dict[StreamKey, _Stream] = {}

    @property
    def datagrams(self) -> int:
        """Datagrams of any protocol."""
        return sum(stream.counters.datagrams for stream in self._streams.values())

    @property
    def decodable(self) -> int:
        """Datagrams of a protocol that is decoded."""
        return self.datagrams - sum(stream.counters.unsupported for stream in self._streams.values())

    def add(self, decoded: Decoded) -> None:
        """Add a batch."""
        flows, count = decoded.flows, len(decoded.streams)
        packets, octets = np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=np.uint64)
        np.add.at(packets, flows.stream, flows.packets)
        np.add.at(octets, flows.stream, flows.bytes)
        for index, key in enumerate(decoded.streams):
            stream = self._streams.setdefault(key, _Stream())
            stream.counters.add(decoded.counters[key])
            stream.packets += int(packets[index])
            stream.octets += int(octets[index])
        rates = np.unique(np.stack((flows.stream, flows.sampling)), axis=1)
        for index, rate in rates.T.tolist():
            self._streams[decoded.streams[index]].rates.add(rate)
        for loss in decoded.losses:
            self._streams[loss.stream].losses.append(loss)

    def lines(self, notes: CaptureNotes) -> Iterator[str]:
        """Say what came of each stream, then of all."""
        for key, stream in sorted(self._streams.items()):
            yield from _stream_lines(key, stream)
        streams = self._streams.values()
        total = _totals(
            self.datagrams,
            sum(stream.counters.flows for stream in streams),
            sum(stream.packets for stream in streams),
            sum(stream.octets for stream in streams),
        )
        yield f"total: {total}; lost: {_lost([loss for stream in streams for loss in stream.losses])}"
        if notes.cut:
            yield f"the capture holds only the beginning of {notes.cut} datagrams"
        if notes.fragments:
            yield f"the capture holds {notes.fragments} fragments of IP packets, which are not put together"


def _stream_lines(key: StreamKey, stream: _Stream) -> Iterator[str]:
    counters = stream.counters
    totals = _totals(counters.datagrams, counters.flows, stream.packets, stream.octets)
    sampled = sorted(stream.rates - {1})
    rates = (
        "; sampled " + ", ".join(f"1:{rate}" for rate in sampled) + ", counts not multiplied"
        if sampled
        else ""
    )
    yield f"{_name(key)}: {totals}{rates}; lost: {_lost(stream.losses)}"
    yield from _loss_lines(stream.losses)
    names = (each.name for each in fields(Counters) if each.name not in _EVERYDAY)
    if noted := [
        f"{name.replace('_', ' ')} {getattr(counters, name)}" for name in names if getattr(counters, name)
    ]:
        yield "  " + ", ".join(noted)


def _loss_lines(losses: list[Loss]) -> Iterator[str]:
    """Say each sequence gap; of other losses, which do not say how much, how many there were and since when."""
    gaps = [loss for loss in losses if loss.reason == Reason.SEQUENCE]
    for gap in gaps[:SHOWN_GAPS]:
        yield f"  {_time(gap.received_ns)} {gap.reason}: {gap.count} {gap.unit} lost"
    if len(gaps) > SHOWN_GAPS:
        yield f"  and {len(gaps) - SHOWN_GAPS} more gaps"
    others: dict[tuple[Reason, str], list[Loss]] = {}
    for loss in losses:
        if loss.reason != Reason.SEQUENCE:
            others.setdefault((loss.reason, loss.unit), []).append(loss)
    for (reason, unit), same in others.items():
        first = min(loss.received_ns for loss in same)
        yield f"  {_time(first)} {reason}: {sum(loss.count for loss in same)} {unit} lost from then on"


def _time(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _name(key: StreamKey) -> str:
    address = f"[{key.address}]" if ":" in key.address else key.address
    return f"{address}:{key.port} domain {key.domain} {_PROTOCOLS[key.version]}"


def _totals(datagrams: int, flows: int, packets: int, octets: int) -> str:
    return f"{datagrams} datagrams, {flows} flows, {packets} packets, {octets} bytes"


def _lost(losses: list[Loss]) -> str:
    counts = Counter[str]()
    for loss in losses:
        counts[loss.unit] += loss.count
    return ", ".join(f"{count} {unit}" for unit, count in sorted(counts.items())) or "nothing"
