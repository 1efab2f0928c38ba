"""Reading one field of many records."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Records = NDArray[np.void]


def field(records: Records, name: str) -> NDArray[Any]:
    """Return an unsigned field, as it lies in the records; one of 3, 5, 6 or 7 bytes as native 64-bit integers."""
    values: NDArray[Any] = records[name]
    if values.ndim == 1:
        return values
    number = values[:, 0].astype(np.uint64)
    for octet in range(1, values.shape[1]):
        number = (number << np.uint64(8)) | values[:, octet]
    return number
