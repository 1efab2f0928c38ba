"""One measured figure, and how areas are timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Measure:
    """A figure with its unit, the baseline of the same run and what it must reach.

    ``ratio`` is value / baseline. ``ok`` judges ``least_ratio`` where there is a baseline, since machines differ;
    else the value against ``target``. With ``smaller_is_better`` both mean at most.
    """

    name: str
    value: float
    unit: str
    target: float
    baseline: float | None = None
    least_ratio: float | None = None
    smaller_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """Value over baseline, where there is one."""
        return self.value / self.baseline if self.baseline else None

    @property
    def ok(self) -> bool:
        """Whether the figure is reached."""
        reached, wanted = self.value, self.target
        if self.ratio is not None and self.least_ratio is not None:
            reached, wanted = self.ratio, self.least_ratio
        return reached <= wanted if self.smaller_is_better else reached >= wanted

    def as_row(self) -> dict[str, Any]:
        """Return the row that scripts read."""
        row = asdict(self)
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "baseline": None if self.baseline is None else round(self.baseline, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "target": row["target"],
            "ok": self.ok,
        }


def seconds(work: Callable[[], Any], runs: int = 3) -> float:
    """Return the median wall seconds of some runs after one to warm up."""
    taken = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return median(taken[1:])


def in_turn(first: Callable[[], Any], second: Callable[[], Any], runs: int = 3) -> tuple[float, float]:
    """Return the median wall seconds of two pieces of work done in turn, so that a drifting machine hits both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs + 1):
        for place, work in enumerate((first, second)):
            started = time.perf_counter()
            work()
            taken[place].append(time.perf_counter() - started)
    return median(taken[0][1:]), median(taken[1][1:])
