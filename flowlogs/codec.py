"""Decoded flows as lines of text under the names of the field table.

What only a flow log knows (account, interface, direction, path) is ``-``. Counts are as exported, not multiplied by
the sampling rate.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .netflow import Flows, stated_verdict
from .record import FIELD_BY_NAME, FIELD_NAMES, NOT_APPLICABLE

RECORD_VERSION: Final = "1"
_ACTIONS: Final = np.array(["REJECT", "ACCEPT", NOT_APPLICABLE])
_TYPES: Final = {4: "IPv4", 6: "IPv6"}


def csv_header() -> str:
    """Return the line above the flows: the names of all fields of a record."""
    return ",".join(FIELD_NAMES)


def csv_lines(flows: Flows) -> Iterator[str]:
    """Return one line of comma-separated values a flow; no value needs quotes."""
    return map(",".join, _rows(_columns(flows), len(flows)))


def json_lines(flows: Flows) -> Iterator[str]:
    """Return one JSON object a flow: numbers for the number fields that apply, text for all else."""
    known = _columns(flows)
    are_numbers = [name in known and FIELD_BY_NAME[name].type == "long" for name in FIELD_NAMES]
    values = ("%s" if is_number else '"%s"' for is_number in are_numbers)
    members = (f"{json.dumps(name)}: {value}" for name, value in zip(FIELD_NAMES, values, strict=True))
    return map(("{" + ", ".join(members) + "}").__mod__, _rows(known, len(flows)))


def _rows(known: Mapping[str, list[str]], count: int) -> Iterator[tuple[str, ...]]:
    missing = [NOT_APPLICABLE] * count
    return zip(*(known.get(name, missing) for name in FIELD_NAMES), strict=True)


def _columns(flows: Flows) -> dict[str, list[str]]:
    """Return the fields that a flow has, as text."""
    return {
        "version": [RECORD_VERSION] * len(flows),
        "type": [_TYPES[family] for family in flows.family.tolist()],
        "protocol": _numbers(flows.protocol),
        "srcaddr": addresses_text(flows.family, flows.src_hi, flows.src_lo),
        "srcport": _numbers(flows.srcport),
        "dstaddr": addresses_text(flows.family, flows.dst_hi, flows.dst_lo),
        "dstport": _numbers(flows.dstport),
        "action": _ACTIONS[stated_verdict(flows)].tolist(),
        "packets": _numbers(flows.packets),
        "bytes": _numbers(flows.bytes),
        "start": _numbers(flows.start_ms // 1000),
        "end": _numbers(flows.end_ms // 1000),
        "tcp-flags": _numbers(flows.tcp_flags),
    }


def addresses_text(family: NDArray[np.uint8], high: NDArray[np.uint64], low: NDArray[np.uint64]) -> list[str]:
    """Return addresses as text; each different one is converted once."""
    keys = np.empty(len(family), dtype=[("family", np.uint8), ("high", np.uint64), ("low", np.uint64)])
    keys["family"], keys["high"], keys["low"] = family, high, low
    different, places = np.unique(keys, return_inverse=True)
    texts = [
        str(ipaddress.IPv4Address(lo) if version == 4 else ipaddress.IPv6Address(hi << 64 | lo))
        for version, hi, lo in different.tolist()
    ]
    return np.array(texts, dtype=object)[places].tolist() if texts else []


def _numbers(column: NDArray[np.generic]) -> list[str]:
    return list(map(str, column.tolist()))
