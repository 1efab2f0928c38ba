"""Decode a batch of NetFlow v5, v9 and IPFIX datagrams into columns of flows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .assemble import assemble
from .flows import Flows
from .model import Counters, Loss, StreamKey
from .order import check_order
from .registry import Registry
from .rows import rows_of, sources_of
from .scan import Scan
from .sessions import Sessions


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch of datagrams held.

    Flows are in the order of their templates, not of their receipt; ``Flows.stream`` indexes ``streams``. Besides the
    streams of the batch there are others of their exporters, and those of which data or gaps were given up on.
    ``sessions`` go into the next batch.
    """

    flows: Flows
    streams: list[StreamKey]
    losses: list[Loss]
    counters: dict[StreamKey, Counters]
    sessions: Sessions


def decode(
    datagrams: Iterable[tuple[int, bytes, int, bytes]], sessions: Sessions, *, now_ns: int | None = None
) -> Decoded:
    """Decode datagrams, each (receipt time in ns, source address of 16 bytes, source port, payload), in their order.

    Never raises for what a datagram holds: what cannot be read is in the counters, and in the losses where flows may
    have been in it. ``now_ns`` is a receipt time through which nothing else will come: gaps and waiting data that are
    older are given up on. Without it the latest receipt time stands for it. ``sessions`` are not changed.
    """
    registry = Registry(sessions)
    scan = Scan(registry)
    for received_ns, address, port, payload in datagrams:
        scan.add(received_ns, address, port, payload)
    if now_ns is not None:
        registry.tick_through(now_ns)
    rows = rows_of(scan)
    sources = sources_of(scan, rows)
    flows = assemble(scan, rows, sources)
    registry.tell_broken()
    check_order(registry, rows, sources)
    return Decoded(
        flows=flows,
        streams=registry.keys,
        losses=registry.losses,
        counters=dict(zip(registry.keys, registry.counters, strict=True)),
        sessions=registry.after(),
    )
