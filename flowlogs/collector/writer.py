"""The receiving thread's side of the spool: batches of frames into the segment that is open."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from flowlogs.collector.status import SPOOL
from flowlogs.collector.troubles import Troubles
from flowlogs.spool import OpenSegment, count_frames

SEGMENT_BYTES: Final = 8 << 20
SEGMENT_SECONDS: Final = 1.0
SYNC_BYTES: Final = 1 << 20


class Mark(NamedTuple):
    """Every datagram received before ``through_ns`` is in a segment up to ``number``, or counted as lost."""

    through_ns: int
    number: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Datagrams lost between two instants, both included."""

    at_ns: int
    until_ns: int
    count: int
    reason: str


class Writer:
    """Writes segments and hands full ones to the keeper's thread.

    Only the receiving thread calls its methods. The keeper reads ``segment`` and ``mark``, takes from
    ``handed_over`` and ``losses``, and sets ``measured``: each is one step of the interpreter, so no lock.
    """

    def __init__(self, folder: Path, collector: str, first: int, limit: int, troubles: Troubles) -> None:
        """Start with segment number ``first``; ``limit`` is in bytes, for all segments of the folder."""
        self.folder = folder
        self.collector = collector
        self.limit = limit
        self.troubles = troubles
        self.number = first - 1
        self.segment: OpenSegment | None = None
        self.handed_over: deque[OpenSegment] = deque()
        self.losses: deque[Lost] = deque()
        self.mark = Mark(0, self.number)
        self.measured = (0, 0)
        self.wake = threading.Event()
        self.written = 0
        self.spool_full_drops = 0
        self.write_error_drops = 0
        self._opened = 0.0
        self._sync_at = SYNC_BYTES

    def store(self, frames: memoryview, count: int, at_ns: int, until_ns: int) -> int:
        """Store a batch of ``count`` frames received between two instants; tell how many are stored.

        What the limit or the disk refuses is counted as lost, never raised.
        """
        used, written_then = self.measured
        if used + self.written - written_then + len(frames) > self.limit:
            self.troubles.say("limit", f"the spool is at its limit of {self.limit} bytes; dropping datagrams")
            self.spool_full_drops += count
            self.losses.append(Lost(at_ns, until_ns, count, SPOOL))
            return 0
        self.troubles.over("limit")
        # A segment that refused is given up; the rest goes to a fresh one before it counts as lost.
        for _attempt in range(2):
            frames = frames[self._append(frames) :]
            if not frames:
                return count
        lost = count_frames(frames)
        self.write_error_drops += lost
        self.losses.append(Lost(at_ns, until_ns, lost, SPOOL))
        return count - lost

    def _append(self, frames: memoryview) -> int:
        """Append to the open segment, or to a new one; tell how many bytes of whole frames it took."""
        before = 0
        try:
            if self.segment is None:
                self.number += 1
                self.segment = OpenSegment(self.folder, self.collector, self.number)
                self._opened = time.monotonic()
                self._sync_at = SYNC_BYTES
            before = self.segment.size
            self.segment.append(frames)
        except OSError as error:
            self.troubles.say("write", f"cannot write to {self.folder}: {error.strerror}; dropping datagrams")
            stored = self.segment.size - before if self.segment else 0
            self.hand_over()
        else:
            self.troubles.over("write")
            stored = len(frames)
            if self.segment.size >= self._sync_at:
                self._sync_at = self.segment.size + SYNC_BYTES
                self.wake.set()
        self.written += stored
        return stored

    def advance(self, now_ns: int) -> None:
        """Hand over a segment that is due, and move the mark to ``now_ns`` when nothing is open any more.

        Every datagram that was received must have been stored or counted before.
        """
        if self.segment is not None and (
            self.segment.size >= SEGMENT_BYTES or time.monotonic() - self._opened >= SEGMENT_SECONDS
        ):
            self.hand_over()
        if self.segment is None:
            self.mark = Mark(now_ns, self.number)

    def close(self, now_ns: int) -> None:
        """Hand over what is open, at the end."""
        self.hand_over()
        self.advance(now_ns)

    def hand_over(self) -> None:
        """Leave the open segment, if there is one, to the keeper."""
        if self.segment is not None:
            self.handed_over.append(self.segment)
            self.segment = None
            self.wake.set()
