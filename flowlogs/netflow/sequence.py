"""Sequence numbers: how much of a stream was lost on the way.

Exporters disagree on what the number of a datagram is: the flows sent before it (RFC 7011, most v5), or those
including it (softflowd, Open vSwitch); and on whether options records count. Each stream is held against all four
readings until one has proved itself. v9 counts datagrams, which all four read alike.

A gap is held back for two more datagrams or one second, in which a datagram that took another way may fill it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

BEFORE_ALL, BEFORE_FLOWS, INCLUSIVE_FLOWS, INCLUSIVE_ALL = range(4)
READINGS: Final = 4
PROVED: Final = 2
CONFIDENT: Final = 4
REORDER_DATAGRAMS: Final = 2
REORDER_NS: Final = 1_000_000_000
UNCLEAR_DATAGRAMS: Final = 8
UNCLEAR_NS: Final = 60_000_000_000
MOST_GAPS: Final = 16
RESTART_MS: Final = 60_000
"""How far an exporter's uptime must lie behind what its clock says to be a restart."""

FASTEST_PER_SECOND: Final = 2_000_000
"""Flows or datagrams that no exporter sends in a second; a jump beyond it is a new beginning, not a loss.

RFC 3954 and 7011 (3.1) say that the number tells what was missed, and name no bound. Without one, whoever may send
could claim any loss by any number; with it no stream loses more in a second than it could have sent.
"""


class Point(NamedTuple):
    """One datagram in its stream: what it holds, and when. ``uptime_ms`` is -1 where the exporter does not tell.

    ``unsure`` is a datagram of which not all records could be counted.
    """

    sequence: int
    flows: int
    options: int
    unsure: bool
    uptime_ms: int
    export_ms: int
    clock_ns: int
    received_ns: int


class Missing(NamedTuple):
    """Flows (v9: datagrams) that did not arrive, and when that showed."""

    size: int
    received_ns: int


Deviations = tuple[int | None, int | None, int | None, int | None]


class Gap(NamedTuple):
    """A jump of the sequence from ``low`` to ``high``, by each reading; ``later`` datagrams have come since."""

    deviations: Deviations
    low: int
    high: int
    received_ns: int
    due_ns: int
    later: int

    def is_due(self, clock_ns: int) -> bool:
        """Tell whether nothing will fill it any more by this time."""
        return clock_ns >= self.due_ns


@dataclass(slots=True)
class Tracker:
    """What is known of the sequence of one stream. ``behind`` is the last datagram that fell behind it."""

    last: Point | None = None
    hits: list[int] = field(default_factory=lambda: [0] * READINGS)
    gaps: list[Gap] = field(default_factory=list)
    behind: Point | None = None
    out_of_order: int = 0
    resets: int = 0
    claimed: int = 0
    """What jumps have claimed beyond the time that they took; ``FASTEST_PER_SECOND`` of it go with each second."""
    claimed_ns: int = 0

    def copy(self) -> Tracker:
        """Return a tracker that goes its own way, with nothing counted yet."""
        return replace(self, hits=list(self.hits), gaps=list(self.gaps), out_of_order=0, resets=0)

    @property
    def leaders(self) -> list[int]:
        """The readings that fit best; all of them before any has proved itself."""
        best = max(self.hits)
        return [reading for reading, hits in enumerate(self.hits) if hits == best or best < PROVED]

    @property
    def leader(self) -> int:
        """The reading that fits best; the one of the RFC where several do."""
        return self.hits.index(max(self.hits))

    @property
    def is_proved(self) -> bool:
        """Tell whether a reading has proved itself."""
        return max(self.hits) >= PROVED

    def advance(self, point: Point) -> list[Missing]:
        """Take the next datagram and return what is now known to be lost."""
        missing = self.settle(point.clock_ns)
        if self.last is None:
            self.last = point
            return missing
        deviations = _deviations(self.last, point)
        jumps = {deviations[reading] for reading in self.leaders}
        if None in jumps:
            # not all records of a datagram could be counted: whatever is missing cannot be told from them
            self._accept(point)
        elif max(jump for jump in jumps if jump is not None) < 0 and 0 not in deviations:
            self._fall(point)
            return missing
        else:
            self._learn(deviations)
            jump = jumps.pop()
            if jumps:
                self._open_unclear(deviations, point)
            elif jump is not None and jump > 0:
                self._jump(jump, point)
            self._accept(point)
        return missing + self._count_down()

    def is_due(self, clock_ns: int) -> bool:
        """Tell whether there is a gap that nothing will fill any more by this time."""
        return any(gap.is_due(clock_ns) for gap in self.gaps)

    def settle(self, clock_ns: int) -> list[Missing]:
        """Return the gaps that nothing will fill any more by this time."""
        if not self.gaps:
            return []
        due = [gap for gap in self.gaps if gap.is_due(clock_ns)]
        self.gaps = [gap for gap in self.gaps if not gap.is_due(clock_ns)]
        return self._as_missing(due)

    def _count_down(self) -> list[Missing]:
        if not self.gaps:
            return []
        self.gaps = [gap._replace(later=gap.later + 1) for gap in self.gaps]
        settled = [gap for gap in self.gaps if gap.later > self._patience(gap)]
        self.gaps = [gap for gap in self.gaps if gap.later <= self._patience(gap)]
        settled += self.gaps[:-MOST_GAPS]
        self.gaps = self.gaps[-MOST_GAPS:]
        return self._as_missing(settled)

    def _patience(self, gap: Gap) -> int:
        is_clear = self.is_proved or len(set(gap.deviations)) == 1
        return REORDER_DATAGRAMS if is_clear else UNCLEAR_DATAGRAMS

    def _as_missing(self, gaps: list[Gap]) -> list[Missing]:
        counts = ((gap.deviations[self.leader] or 0, gap.received_ns) for gap in gaps)
        return [Missing(count, received_ns) for count, received_ns in counts if count > 0]

    def _accept(self, point: Point) -> None:
        self.last, self.behind = point, None

    def _learn(self, deviations: Deviations) -> None:
        """Let the readings that fit gain on those that do not."""
        leaders = self.leaders
        if self.is_proved and all(deviations[reading] == 0 for reading in leaders):
            for reading in leaders:
                self.hits[reading] = CONFIDENT
            return
        if 0 not in deviations or len(set(deviations)) == 1:
            return
        for reading, deviation in enumerate(deviations):
            if deviation == 0:
                self.hits[reading] = min(self.hits[reading] + 1, CONFIDENT)
            elif deviation is not None:
                self.hits[reading] = max(self.hits[reading] - 1, 0)

    def _jump(self, jump: int, point: Point) -> None:
        assert self.last is not None
        if _restarted(self.last, point) or not self._claims(jump, point):
            self.resets += 1
        else:
            self._open_gap((jump, jump, jump, jump), point, REORDER_NS)

    def _open_unclear(self, deviations: Deviations, point: Point) -> None:
        """Open a gap whose size depends on the reading, unless one of them could not be lost."""
        if self._claims(max(deviation or 0 for deviation in deviations), point):
            self._open_gap(deviations, point, UNCLEAR_NS)
        else:
            self.resets += 1

    def _claims(self, jump: int, point: Point) -> bool:
        """Tell whether so much can have been sent since the last datagram, and remember that it was."""
        assert self.last is not None
        passed_s = max(point.clock_ns - self.claimed_ns, 0) / 1e9
        claimed = max(self.claimed - int(FASTEST_PER_SECOND * passed_s), 0)
        sent = int(FASTEST_PER_SECOND * max(point.clock_ns - self.last.clock_ns, 0) / 1e9)
        if claimed + jump > sent + FASTEST_PER_SECOND:
            return False
        self.claimed, self.claimed_ns = claimed + max(jump - sent, 0), point.clock_ns
        return True

    def _open_gap(self, deviations: Deviations, point: Point, patience_ns: int) -> None:
        assert self.last is not None
        due_ns = point.clock_ns + patience_ns
        self.gaps.append(Gap(deviations, self.last.sequence, point.sequence, point.received_ns, due_ns, 0))

    def _fall(self, point: Point) -> None:
        """Take a datagram whose number is behind: late, or the second of a new beginning."""
        assert self.last is not None
        if self._fill(point):
            self.out_of_order += 1
        elif _restarted(self.last, point) or self._continues_behind(point):
            self.resets += 1
            self._accept(point)
        else:
            self.out_of_order += 1
            self.behind = point

    def _continues_behind(self, point: Point) -> bool:
        if self.behind is None:
            return False
        deviations = _deviations(self.behind, point)
        return deviations[self.leader] == 0 if self.is_proved else 0 in deviations

    def _fill(self, point: Point) -> bool:
        """Take a late datagram out of the gap that it left."""
        counts = (point.flows + point.options, point.flows, point.flows, point.flows + point.options)
        for number, gap in enumerate(self.gaps):
            inside = _signed(point.sequence - gap.low) > 0 and _signed(gap.high - point.sequence) > 0
            room = gap.deviations[self.leader] or 0
            if inside and (room >= counts[self.leader] or not self.is_proved):
                left = tuple(
                    None if deviation is None else deviation - count
                    for deviation, count in zip(gap.deviations, counts, strict=True)
                )
                self.gaps[number] = gap._replace(deviations=(left[0], left[1], left[2], left[3]))
                return True
        return False

    def to_json(self) -> list[Any]:
        """Return the state as JSON values."""
        points = [list(point) if point else None for point in (self.last, self.behind)]
        gaps = [[list(gap[0]), *gap[1:]] for gap in self.gaps]
        return [points[0], list(self.hits), gaps, points[1], self.claimed, self.claimed_ns]

    @classmethod
    def from_json(cls, values: list[Any]) -> Tracker:
        """Return what ``to_json`` gave away."""
        last, hits, gaps, behind, *claims = values
        claimed, claimed_ns = claims or (0, 0)
        return cls(
            last=Point(*last) if last else None,
            hits=list(hits),
            gaps=[Gap(tuple(gap[0]), *gap[1:]) for gap in gaps],
            behind=Point(*behind) if behind else None,
            claimed=claimed,
            claimed_ns=claimed_ns,
        )


def continues(previous: Point, current: Point) -> bool:
    """Tell whether a datagram follows another by any reading."""
    return 0 in _deviations(previous, current)


def _deviations(previous: Point, current: Point) -> Deviations:
    """Return how far the number of a datagram is from what each reading expects; None where that cannot be told."""
    step = current.sequence - previous.sequence
    before_all = before_flows = inclusive_flows = inclusive_all = None
    if not previous.unsure:
        before_flows = _signed(step - previous.flows)
        before_all = _signed(step - previous.flows - previous.options)
    if not current.unsure:
        inclusive_flows = _signed(step - current.flows)
        inclusive_all = _signed(step - current.flows - current.options)
    return before_all, before_flows, inclusive_flows, inclusive_all


def _signed(difference: int) -> int:
    """Return a difference of 32-bit counters, which wrap, as a signed number."""
    return ((difference + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000


def _restarted(previous: Point, current: Point) -> bool:
    """Tell whether the exporter's uptime began anew."""
    if previous.uptime_ms < 0 or current.uptime_ms < 0:
        return False
    expected = previous.uptime_ms + current.export_ms - previous.export_ms
    return _signed(current.uptime_ms - expected) < -RESTART_MS
