"""Records with variable-length fields (RFC 7011 section 7): found, and stripped to their fixed fields.

Sets are walked side by side: one step of an array operation takes the next field of the next record of every set.
Only when few sets are left does a plain loop finish them, which bounds the time for one set of very many records.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .layout import Layout

FEW_SETS: Final = 8
_LONG: Final = 255
"""A first length octet that says that the length is in the next two."""


class FixedRecords(NamedTuple):
    """Records of some sets without their variable fields.

    ``counts`` is the number of records of each set; ``torn`` marks the sets that end within a record.
    """

    data: NDArray[np.uint8]
    counts: NDArray[np.intp]
    torn: NDArray[np.bool_]


def fixed_records(bodies: Sequence[bytes], layout: Layout) -> FixedRecords:
    """Return the records of the bodies of sets of one layout, in order, as rows of bytes."""
    # two zero octets let the walk look at a length past the end of the last set
    data = np.frombuffer(b"".join(bodies) + b"\0\0", dtype=np.uint8)
    ends = np.fromiter(accumulate(map(len, bodies)), dtype=np.intp, count=len(bodies))
    cursors = np.concatenate(([0], ends[:-1]))
    found: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    torn = np.zeros(len(bodies), dtype=bool)
    active = np.flatnonzero(ends - cursors >= layout.smallest)
    while len(active) > FEW_SETS:
        starts, after = _step(data, cursors[active], layout.runs)
        whole = after <= ends[active]
        torn[active[~whole]] = True
        active = active[whole]
        found.append((active, starts[:, whole]))
        cursors[active] = after[whole]
        active = active[ends[active] - cursors[active] >= layout.smallest]
    for number in active.tolist():
        starts, torn[number], cursors[number] = _walk(data, int(cursors[number]), int(ends[number]), layout)
        found.append((np.full(starts.shape[1], number), starts))
    # what is left of a set is padding when it is zero
    for number in np.flatnonzero(torn).tolist():
        torn[number] = bool(data[cursors[number] : ends[number]].any())
    return _gather(data, found, torn, layout)


def _step(
    data: NDArray[np.uint8], position: NDArray[np.intp], runs: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where each run of one record at each position starts, as a row a run, and where the records end."""
    last = len(data) - 3
    starts = np.empty((len(runs), len(position)), dtype=np.intp)
    for number, run in enumerate(runs):
        if number:
            # a record that runs out of its set is dropped, so that any octet will do there
            at = np.minimum(position, last)
            length = data[at].astype(np.intp)
            is_long = length == _LONG
            longer = (data[at + 1].astype(np.intp) << 8) | data[at + 2]
            position = position + np.where(is_long, longer + 3, length + 1)
        starts[number] = position
        position = position + run
    return starts, position


def _walk(
    data: NDArray[np.uint8], position: int, end: int, layout: Layout
) -> tuple[NDArray[np.intp], bool, int]:
    """Return where the runs of the records of one set start, whether the last is torn, and where it starts."""
    origin, octets = position, data[position : end + 2].tobytes()
    position, end = 0, end - origin
    first, *others = layout.runs
    starts: list[int] = []
    while end - position >= layout.smallest:
        record = [position]
        after = position + first
        for run in others:
            if after >= end:
                after = end + 1
                break
            length = octets[after]
            after += length + 1 if length != _LONG else 3 + (octets[after + 1] << 8 | octets[after + 2])
            record.append(after)
            after += run
        if after > end:
            return _as_rows(starts, origin, layout), True, origin + position
        starts += record
        position = after
    return _as_rows(starts, origin, layout), False, origin + position


def _as_rows(starts: list[int], origin: int, layout: Layout) -> NDArray[np.intp]:
    return (np.array(starts, dtype=np.intp) + origin).reshape(-1, len(layout.runs)).T


def _gather(
    data: NDArray[np.uint8],
    found: list[tuple[NDArray[np.intp], NDArray[np.intp]]],
    torn: NDArray[np.bool_],
    layout: Layout,
) -> FixedRecords:
    """Copy the runs of all records together, in the order of the sets."""
    if not found:
        empty = np.empty((0, layout.dtype.itemsize), dtype=np.uint8)
        return FixedRecords(empty, np.zeros(len(torn), dtype=np.intp), torn)
    sets = np.concatenate([numbers for numbers, _ in found])
    starts = np.concatenate([part for _, part in found], axis=1)
    order = np.argsort(sets, kind="stable")
    records = np.empty((len(sets), layout.dtype.itemsize), dtype=np.uint8)
    column = 0
    for run, positions in zip(layout.runs, starts, strict=True):
        if run:
            windows = np.lib.stride_tricks.sliding_window_view(data, run)
            records[:, column : column + run] = windows[positions[order]]
            column += run
    return FixedRecords(records, np.bincount(sets, minlength=len(torn)), torn)
