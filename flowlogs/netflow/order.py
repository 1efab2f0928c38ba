"""The sequence numbers of a batch: almost always one look over arrays says that nothing of a stream is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .registry import Registry, Stream
from .rows import Rows
from .scan import NO_SEQUENCE, NO_UPTIME
from .sequence import BEFORE_ALL, CONFIDENT, INCLUSIVE_ALL, INCLUSIVE_FLOWS, Point
from .sessions import SharedSequence
from .sources import Sources
from .templates import V9

WORTH_AN_ARRAY: Final = 8
MOST_AT_ONCE: Final = 4096
SEQUENCE_WRAP: Final = 1 << 32
NEVER_NS: Final = 1 << 62

Numbers = NDArray[np.int64]


def check_order(registry: Registry, rows: Rows, sources: Sources) -> None:
    """Advance the sequences of all streams and note what was lost. Data that waited have no part in this."""
    numbered = np.flatnonzero(rows.sequence != NO_SEQUENCE)
    order = numbered[np.argsort(rows.stream[numbered], kind="stable")]
    bounds = np.searchsorted(rows.stream[order], np.arange(len(registry.streams) + 1))
    common: dict[int, tuple[SharedSequence, list[Numbers]]] = {}
    for number, stream in enumerate(registry.streams):
        own = order[bounds[number] : bounds[number + 1]]
        stream.counters.datagrams += len(own)
        shared = stream.shared
        if shared is not None and not shared.is_refuted:
            first = np.searchsorted(rows.serial[own], shared.since, side="right")
            common.setdefault(id(shared), (shared, []))[1].append(own[first:])
            own = own[:first]
        _advance(registry, stream, own, rows, sources)
    jumped: dict[int, dict[int, Stream]] = {each: {} for each in common}
    for stream in registry.with_open_gaps() if common else []:
        jumped.get(id(stream.shared), {})[stream.number] = stream
    for number, (shared, parts) in common.items():
        _advance_together(registry, shared, jumped[number], np.sort(np.concatenate(parts)), rows, sources)
    _settle(registry)


def _advance(registry: Registry, stream: Stream, own: Numbers, rows: Rows, sources: Sources) -> None:
    start, length = 0, WORTH_AN_ARRAY
    while start < len(own):
        # growing parts keep the datagrams around a gap, or the first of a stream, from making all others slow
        part = own[start : start + length]
        if not _is_clean(stream, part, rows, sources):
            for point in _points(registry, part, rows, sources):
                registry.miss(stream.id, stream.state.tracker.advance(point))
        start, length = start + length, min(2 * length, MOST_AT_ONCE)


def _is_clean(stream: Stream, own: Numbers, rows: Rows, sources: Sources) -> bool:
    """Tell whether every datagram of a calm stream follows the one before it; if so, the tracker is at the last."""
    tracker = stream.state.tracker
    last = tracker.last
    if len(own) < WORTH_AN_ARRAY or last is None or last.unsure or tracker.gaps or tracker.behind:
        return False
    if rows.unsure[own].any():
        return False
    readings = tracker.leaders
    is_v9 = stream.id[3] == V9
    steps = np.diff(rows.sequence[own], prepend=last.sequence)
    for reading in readings:
        counts = np.ones(len(own), dtype=np.int64) if is_v9 else rows.flows[own]
        previous = last.flows
        if reading in (BEFORE_ALL, INCLUSIVE_ALL) and not is_v9:
            counts = counts + rows.options[own]
            previous += last.options
        if reading < INCLUSIVE_FLOWS:
            counts = np.concatenate(([previous], counts[:-1]))
        if ((steps - counts) % SEQUENCE_WRAP).any():
            return False
    if tracker.is_proved:
        for reading in readings:
            tracker.hits[reading] = CONFIDENT
    tracker.last = _point(is_v9, own[-1], rows, sources)
    return True


def _point(is_v9: bool, row: np.int64, rows: Rows, sources: Sources) -> Point:
    return Point(
        sequence=int(rows.sequence[row]),
        flows=1 if is_v9 else int(rows.flows[row]),
        options=0 if is_v9 else int(rows.options[row]),
        unsure=bool(rows.unsure[row]) and not is_v9,
        uptime_ms=int(sources.uptime_ms[row]) if sources.has_uptime[row] else NO_UPTIME,
        export_ms=int(rows.export_ms[row]),
        clock_ns=int(rows.clock_ns[row]),
        received_ns=int(rows.received_ns[row]),
    )


def _points(registry: Registry, own: Numbers, rows: Rows, sources: Sources) -> Iterator[Point]:
    for row in own:
        yield _point(registry.streams[int(rows.stream[row])].id[3] == V9, row, rows, sources)


def _advance_together(
    registry: Registry,
    shared: SharedSequence,
    jumped: dict[int, Stream],
    own: Numbers,
    rows: Rows,
    sources: Sources,
) -> None:
    """Advance the streams of a session whose domains may be numbered as one, in the order of their datagrams.

    ``jumped`` are those that have gaps. These are no losses once the domains prove to be numbered as one.
    """
    for row, point in zip(own.tolist(), _points(registry, own, rows, sources), strict=True):
        stream = registry.streams[int(rows.stream[row])]
        tracker = stream.state.tracker
        if shared.is_refuted:
            registry.miss(stream.id, tracker.advance(point))
            continue
        _settle_before(registry, jumped, point, int(rows.serial[row]))
        last_heard = (*stream.id[:2], shared.domain, stream.id[3])
        registry.miss(last_heard, shared.settle(point.clock_ns))
        apart, together = tracker.advance(point), shared.advance(stream.id[2], point)
        if tracker.gaps:
            jumped[stream.number] = stream
        if shared.is_one:
            _drop_gaps(jumped)
        registry.miss(stream.id, together if shared.is_one else apart)


def _settle_before(registry: Registry, jumped: dict[int, Stream], point: Point, serial: int) -> None:
    """Note the gaps of streams that a batch would have settled that ended before this datagram."""
    for number, stream in list(jumped.items()):
        is_forgotten = stream.forgotten is not None and stream.forgotten < serial
        tracker = stream.state.tracker
        registry.miss(stream.id, tracker.settle(NEVER_NS if is_forgotten else point.clock_ns))
        if not tracker.gaps:
            del jumped[number]


def _drop_gaps(jumped: dict[int, Stream]) -> None:
    for stream in jumped.values():
        stream.state.tracker.gaps = []
    jumped.clear()


def _settle(registry: Registry) -> None:
    """Note the gaps that time has run out for, and all of streams that are forgotten."""
    for stream in registry.streams:
        tracker = stream.state.tracker
        if stream.forgotten is not None:
            registry.miss(stream.id, tracker.settle(NEVER_NS))
    for stream in registry.with_gaps():
        registry.miss(stream.id, stream.state.tracker.settle(registry.clock_ns))
    for stream_id, shared in registry.shared_with_gaps():
        registry.miss(stream_id, shared.settle(registry.clock_ns))
    for stream_id, shared in registry.shared_at_end():
        registry.miss(stream_id, shared.settle(NEVER_NS))
    for stream in registry.streams:
        stream.counters.out_of_order += stream.state.tracker.out_of_order
        stream.counters.resets += stream.state.tracker.resets
