"""Sampling rates: from the record itself or from what its exporter told in options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .fields import Records, field
from .plan import SamplingFields

LARGEST_RATE: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class RateTable:
    """Rates that an exporter told per selector (sampler) and per input interface."""

    selectors: Mapping[int, int]
    interfaces: Mapping[int, int]


def record_rates(records: Records, fields: SamplingFields) -> NDArray[np.uint32]:
    """Return the rate that each record tells, one packet in so many; 0 where it tells none.

    Elements 305 and 306 (packets and space between, RFC 5477), 309 and 310 (so many of so many), 311 (probability),
    34 and 50 (RFC 3954).
    """
    rates = np.zeros(len(records), dtype=np.float64)
    if fields.interval:
        rates = field(records, fields.interval).astype(np.float64)
    if fields.probability:
        probability = records[fields.probability].astype(np.float64)
        _replace(rates, np.ones(len(records)), np.where(np.isfinite(probability), probability, 0.0))
    if fields.size_and_population:
        size, population = (field(records, name).astype(np.float64) for name in fields.size_and_population)
        _replace(rates, population, size)
    if fields.packets_and_space:
        packets, space = (field(records, name).astype(np.float64) for name in fields.packets_and_space)
        _replace(rates, packets + space, packets)
    return np.rint(np.clip(rates, 0, LARGEST_RATE)).astype(np.uint32)


def _replace(rates: NDArray[np.float64], of: NDArray[np.float64], sampled: NDArray[np.float64]) -> None:
    """Replace the rates where something was sampled; a division that overflows is the largest rate."""
    with np.errstate(over="ignore"):
        np.divide(of, sampled, out=rates, where=sampled > 0)


def look_up(
    sampling: NDArray[np.uint32], rates: Mapping[int, int], keys: NDArray[Any], where: NDArray[np.bool_]
) -> None:
    """Set ``sampling`` to the rate of each key that has one."""
    if not rates:
        return
    known = np.array(sorted(rates), dtype=np.uint64)
    values = np.array([rates[key] for key in sorted(rates)], dtype=np.uint32)
    keys = keys.astype(np.uint64)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    found = where & (known[place] == keys)
    sampling[found] = values[place[found]]
