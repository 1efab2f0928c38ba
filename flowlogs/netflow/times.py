"""Start and end of flows, from the many ways in which exporters tell time, as Unix milliseconds."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .fields import Records, field
from .flows import Flows
from .plan import DELTA, MILLISECONDS, NTP, SECONDS, UPTIME, Moment, Plan
from .sources import Sources

NTP_TO_UNIX: Final = 2_208_988_800
NTP_ERA: Final = 1 << 32
ERA_TURNS: Final = 1 << 31
"""NTP seconds below this are of the era that begins in 2036 (RFC 4330 section 3)."""

LATEST_PLAUSIBLE_MS: Final = 1 << 42
"""The year 2109: a time beyond it, or before 1970, is no time."""

Times = NDArray[np.int64]
Mask = NDArray[np.bool_]


def fill_times(
    flows: Flows, records: Records, rows: NDArray[np.intp], plan: Plan, sources: Sources
) -> Mask | None:
    """Fill start and end; ``export_ms`` is there already. Return which flows' times are assumed, None for no one's.

    Without an end, the time of observation is one, or else that of export. Without a clock base for uptimes, the last
    flow of a datagram is taken to have ended at its export.
    """
    reader = _Reader(records, rows, plan, sources, flows.export_ms)
    start, end = reader.read(plan.start), reader.read(plan.end)
    duration = _duration(records, plan)
    assumed: Mask | None = reader.unknown
    if end is None:
        if start is not None and duration is not None:
            end = start + duration
        else:
            end = reader.read(plan.observed)
    if end is None:
        end, assumed = flows.export_ms, np.ones(len(records), dtype=bool)
    if start is None:
        start = end if duration is None else end - duration
    np.minimum(start, end, out=flows.start_ms)
    flows.end_ms[:] = end
    return _without_implausible(flows, assumed)


def _without_implausible(flows: Flows, assumed: Mask | None) -> Mask | None:
    if not len(flows) or (flows.start_ms.min() >= 0 and flows.end_ms.max() < LATEST_PLAUSIBLE_MS):
        return assumed
    wrong_end = (flows.end_ms < 0) | (flows.end_ms >= LATEST_PLAUSIBLE_MS)
    np.copyto(flows.end_ms, flows.export_ms, where=wrong_end)
    wrong_start = (flows.start_ms < 0) | (flows.start_ms > flows.end_ms)
    np.copyto(flows.start_ms, flows.end_ms, where=wrong_start)
    wrong = wrong_end | wrong_start
    return wrong if assumed is None else wrong | assumed


def _duration(records: Records, plan: Plan) -> Times | None:
    if plan.duration is None:
        return None
    name, per_millisecond = plan.duration
    return (field(records, name) // per_millisecond).astype(np.int64)


class _Reader:
    """Reads moments of records; ``unknown`` are the records whose uptimes have no clock base."""

    def __init__(
        self, records: Records, rows: NDArray[np.intp], plan: Plan, sources: Sources, export_ms: Times
    ) -> None:
        self.unknown: Mask | None = None
        self._records = records
        self._export_ms = export_ms
        if any(moment and moment.encoding == UPTIME for moment in (plan.start, plan.end)):
            self._uptime_ms = self._uptime(rows, plan, sources)

    def read(self, moment: Moment | None) -> Times | None:
        if moment is None:
            return None
        values = field(self._records, moment.field)
        if moment.encoding == MILLISECONDS:
            return values.astype(np.int64)
        if moment.encoding == SECONDS:
            return values.astype(np.int64) * 1000
        if moment.encoding == NTP:
            return from_ntp(values)
        if moment.encoding == DELTA:
            return (self._export_ms * 1000 - values.astype(np.int64)) // 1000
        # the difference of two uptimes is right across the wrap of the counter after 49.7 days
        return self._export_ms + (values.astype(np.uint32) - self._uptime_ms).view(np.int32)

    def _uptime(self, rows: NDArray[np.intp], plan: Plan, sources: Sources) -> NDArray[np.uint32]:
        """Return the exporter's uptime at the export of each record."""
        if plan.system_init:
            return (self._export_ms - self._records[plan.system_init].astype(np.int64)).astype(np.uint32)
        uptime = sources.uptime_ms[rows]
        unknown = ~sources.has_uptime[rows]
        if unknown.any():
            self.unknown = unknown
            last = plan.end if plan.end and plan.end.encoding == UPTIME else plan.start
            assert last is not None
            uptimes = field(self._records, last.field).astype(np.uint32)
            latest = np.zeros(len(sources.stream), dtype=np.uint32)
            np.maximum.at(latest, rows, uptimes)
            uptime[unknown] = latest[rows[unknown]]
        return uptime


def from_ntp(values: NDArray[Any]) -> Times:
    """Return 64-bit NTP times as Unix milliseconds (RFC 7011 sections 6.1.9 and 6.1.10)."""
    native = values.astype(np.uint64)
    seconds = (native >> np.uint64(32)).astype(np.int64)
    seconds += np.where(seconds < ERA_TURNS, NTP_ERA, 0)
    fraction = ((native & np.uint64(0xFFFF_FFFF)) * np.uint64(1000)) >> np.uint64(32)
    return (seconds - NTP_TO_UNIX) * 1000 + fraction.astype(np.int64)
