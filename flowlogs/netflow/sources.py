"""What the flows of one datagram have in common, as columns over the datagrams of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sampling import RateTable

NO_TABLE = -1


@dataclass(frozen=True, slots=True)
class Sources:
    """One row a datagram.

    ``uptime_ms`` is the exporter's uptime at export, modulo 2^32, where ``has_uptime``. ``rate`` is the sampling rate
    of flows that none of ``tables[table]`` speaks of.
    """

    stream: NDArray[np.uint32]
    received_ms: NDArray[np.int64]
    export_ms: NDArray[np.int64]
    uptime_ms: NDArray[np.uint32]
    has_uptime: NDArray[np.bool_]
    rate: NDArray[np.uint32]
    table: NDArray[np.int64]
    tables: tuple[RateTable, ...]
