"""Window arithmetic: aligned to the epoch, half-open, UTC, in whole Unix seconds.

Nothing here knows a clock: every function takes the instant it speaks of.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

INTERVALS = (1, 5, 10)
MINUTE = 60
HOUR = 3600


def window_start(at: int, interval: int) -> int:
    """Return the Unix second at which the window of ``interval`` minutes that contains ``at`` starts."""
    seconds = interval * MINUTE
    return at - at % seconds


def window_end(start: int, interval: int) -> int:
    """Return the Unix second at which a window ends, exclusive."""
    return start + interval * MINUTE


def common_boundary(old: int, new: int, after: int) -> int:
    """Return the first boundary at or after ``after`` that windows of both intervals share.

    Intervals are minutes; 0 stands for not captured and shares every boundary of the other.
    """
    step = lcm(old or 1, new or 1) * MINUTE
    return -(-after // step) * step


def starts_between(since: int, until: int, interval: int) -> range:
    """Return the starts of all windows that begin in ``[window of since, until)``."""
    return range(window_start(since, interval), until, interval * MINUTE)


def hour_of(at: int) -> int:
    """Return the Unix second at which the hour of ``at`` starts."""
    return at - at % HOUR


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a window may close: ``lateness`` and ``late_limit`` are seconds after its end."""

    lateness: int
    late_limit: int

    def closes_at(self, end: int) -> int:
        """Return the instant through which everything must be decoded before the window first closes."""
        return end + self.lateness

    def final_at(self, end: int) -> int:
        """Return the instant after which the window takes no more samples."""
        return end + max(self.late_limit, self.lateness)
