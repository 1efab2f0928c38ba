"""The second thread: makes durable and seals what the receiving thread wrote, and tells the state of both."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from flowlogs.collector.receiver import Receiver
from flowlogs.collector.status import KEPT_LOSSES, Loss, Status, save
from flowlogs.spool import OpenSegment, used_bytes

EVERY: Final = 0.5
"""Seconds at most between a datagram's receipt and its being on the disk."""
STATUS_EVERY: Final = 1.0


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a collector knows when it starts, partly from the one before it."""

    started: float
    host: str
    port: int
    receive_buffer: int
    sealed_through_ns: int
    losses: tuple[Loss, ...]
    next_loss: int


class Keeper(threading.Thread):
    """Syncs every half second or MiB, seals handed-over segments in order, writes the status every second."""

    def __init__(self, receiver: Receiver, beginning: Beginning) -> None:
        super().__init__(name="keeper", daemon=True)
        self._receiver = receiver
        self._writer = receiver.writer
        self.beginning = beginning
        self._troubles = self._writer.troubles
        self._waiting: deque[OpenSegment] = deque()
        self._losses = deque(beginning.losses, maxlen=KEPT_LOSSES)
        self._next_loss = beginning.next_loss
        self.sealed_through_ns = beginning.sealed_through_ns
        self._segments = 0
        self._saved = -STATUS_EVERY
        self._measured = -EVERY
        self._durable_due = False
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            self._writer.wake.wait(EVERY)
            self._writer.wake.clear()
            self.step()

    def finish(self) -> None:
        """End the thread, seal what is left, write the last status. The receiving thread has ended before."""
        self._stop_asked.set()
        self._writer.wake.set()
        if self.is_alive():
            self.join()
        self.step(stopped=True)

    def step(self, *, stopped: bool = False) -> None:
        """Do once what is due."""
        mark = self._writer.mark
        self._sync_open()
        sealed = self._seal()
        if not self._waiting or self._waiting[0].number > mark.number:
            # A clock that was set back would take it back; what has been said stays said.
            self.sealed_through_ns = max(self.sealed_through_ns, mark.through_ns)
        self._durable_due |= self._number_losses() or stopped
        now = time.monotonic()
        if now - self._measured >= EVERY:
            self._measured = now
            self._measure()
        if sealed or self._durable_due or now - self._saved >= STATUS_EVERY:
            self._save(stopped=stopped)

    def _sync_open(self) -> None:
        segment = self._writer.segment
        if segment is None or segment.synced == segment.size:
            return
        try:
            segment.sync()
        except OSError as error:
            self._troubles.say("sync", f"cannot bring {segment.path} to the disk: {error.strerror}")
        else:
            self._troubles.over("sync")

    def _seal(self) -> bool:
        """Seal the segments that were handed over; those that the disk refuses wait in their order."""
        handed_over = self._writer.handed_over
        while handed_over:
            self._waiting.append(handed_over.popleft())
        sealed = False
        while self._waiting:
            segment = self._waiting[0]
            try:
                if segment.has_datagrams:
                    segment.seal()
                    self._segments += 1
                else:
                    segment.remove()
            except OSError as error:
                self._troubles.say("seal", f"cannot seal {segment.path}: {error.strerror}; trying again")
                return sealed
            self._waiting.popleft()
            sealed = True
        self._troubles.over("seal")
        return sealed

    def _number_losses(self) -> bool:
        """Fold what was lost since the last time into one entry a reason."""
        entries: dict[str, Loss] = {}
        losses = self._writer.losses
        while losses:
            lost = losses.popleft()
            known = entries.get(lost.reason)
            entries[lost.reason] = Loss(
                known.number if known else self._next_loss + len(entries),
                min(lost.at_ns, known.at_ns) if known else lost.at_ns,
                max(lost.until_ns, known.until_ns) if known else lost.until_ns,
                lost.count + (known.count if known else 0),
                lost.reason,
            )
        self._losses.extend(entries.values())
        self._next_loss += len(entries)
        return bool(entries)

    def _measure(self) -> None:
        written = self._writer.written
        try:
            self._writer.measured = (used_bytes(self._writer.folder), written)
        except OSError as error:
            self._troubles.say("folder", f"cannot list {self._writer.folder}: {error.strerror}")
        else:
            self._troubles.over("folder")

    def _save(self, *, stopped: bool) -> None:
        receiver, writer, beginning = self._receiver, self._writer, self.beginning
        status = Status(
            id=writer.collector,
            pid=os.getpid(),
            started=beginning.started,
            updated=time.time(),
            sealed_through_ns=self.sealed_through_ns,
            host=beginning.host,
            port=beginning.port,
            receive_buffer=beginning.receive_buffer,
            datagrams=receiver.datagrams,
            bytes=receiver.bytes,
            kernel_drops=receiver.kernel_drops,
            spool_full_drops=writer.spool_full_drops,
            write_error_drops=writer.write_error_drops,
            segments=self._segments,
            next_segment=writer.number + 1,
            spool_bytes=writer.measured[0],
            trouble=str(self._troubles),
            stopped=stopped,
            losses=tuple(self._losses),
            clock_steps=tuple(receiver.clock_steps),
        )
        try:
            save(writer.folder, status, durable=self._durable_due)
        except OSError as error:
            self._troubles.say("status", f"cannot write the status to {writer.folder}: {error.strerror}")
        else:
            self._troubles.over("status")
            self._saved = time.monotonic()
            self._durable_due = False
