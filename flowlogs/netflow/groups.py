"""Data sets of one layout, from all datagrams of a batch, and the records in them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .fields import Records
from .layout import Layout
from .variable import fixed_records


@dataclass(slots=True, eq=False)
class Group:
    """The bodies of data sets of one layout, and the rows of their datagrams.

    Where records have one length, the bodies hold whole records only.
    """

    layout: Layout
    bodies: list[bytes] = field(default_factory=list)
    rows: array[int] = field(default_factory=lambda: array("q"))


class GroupRecords(NamedTuple):
    """The records of a group in order; ``rows`` and ``counts`` are per set, ``torn`` the sets cut within a record."""

    records: Records
    rows: NDArray[np.int64]
    counts: NDArray[np.int64]
    torn: NDArray[np.bool_]


def records_of(group: Group) -> GroupRecords:
    """Return the records of a group as one structured array, without a copy where they have one length."""
    layout, rows = group.layout, np.frombuffer(group.rows, dtype=np.int64)
    if layout.size:
        lengths = np.fromiter(map(len, group.bodies), dtype=np.int64, count=len(group.bodies))
        data = b"".join(group.bodies)
        counts = lengths // layout.size
        return GroupRecords(np.frombuffer(data, layout.dtype), rows, counts, np.zeros(len(rows), dtype=bool))
    data_, counts_, torn = fixed_records(group.bodies, layout)
    # a record of variable fields only has no fixed byte at all
    records = data_.view(layout.dtype)[:, 0] if layout.dtype.itemsize else np.empty(len(data_), layout.dtype)
    return GroupRecords(records, rows, counts_.astype(np.int64), torn)
