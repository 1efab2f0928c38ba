"""Where a chart over time ends: records arrive late, so its last buckets would read as an outage."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from .instants import seconds

_SHORTEST = 60


def last_complete(settled: int, step: int, phase: int = 0) -> int:
    """Return the end of the last bucket that is over by ``settled`` (Unix s).

    Buckets are ``step`` seconds long; one of them starts at ``phase``.
    """
    return settled - (settled - phase) % step


def last_complete_of(places: Iterable[Any], settled: int) -> int | None:
    """Return the end of the last complete bucket (Unix s), whose length the places on the x axis tell.

    None where they tell none: they are no whole seconds, or fewer than two, or single records.
    """
    moments = {seconds(place) for place in places}
    starts = sorted(int(moment) for moment in moments if moment is not None and moment % 1 == 0)
    if len(starts) < 2 or len(starts) != len(moments):
        return None
    step = math.gcd(*(later - sooner for sooner, later in pairwise(starts)))
    return last_complete(settled, step, starts[0]) if step >= _SHORTEST else None
