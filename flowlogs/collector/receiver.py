"""The receiving loop: wait, drain the socket, write once, look at the clocks."""

from __future__ import annotations

import select
import socket
import time
import zlib
from collections import deque
from collections.abc import Callable
from typing import Final

from flowlogs.collector.status import KEPT_CLOCK_STEPS, KERNEL, ClockStep
from flowlogs.collector.udp import kernel_drops
from flowlogs.collector.writer import Lost, Writer
from flowlogs.spool import CHECKED_FROM, CHECKSUM, CHECKSUM_AT, FRAME, MARKER, packed_address

LARGEST: Final = 65535
BATCH: Final = 512
"""Datagrams at most in one write."""
BUFFER: Final = 1 << 20
KNOWN_SOURCES: Final = 4096
STEP_NS: Final = 1_000_000_000
"""A wall clock that moves this much against the monotonic one between two passes was set."""


class Receiver:
    """Moves datagrams from the socket into the spool, and counts those that the kernel dropped."""

    def __init__(
        self,
        source: socket.socket,
        writer: Writer,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.writer = writer
        self.datagrams = 0
        self.bytes = 0
        self.kernel_drops = 0
        self.clock_steps: deque[ClockStep] = deque(maxlen=KEPT_CLOCK_STEPS)
        self.socket = source
        self._poll = select.poll()
        self._poll.register(source, select.POLLIN)
        self._buffer = bytearray(BUFFER)
        self._addresses: dict[tuple[object, ...], bytes] = {}
        self._clock = clock
        self._monotonic = monotonic
        self._last_drops = kernel_drops(source)
        self._last_pass_ns = clock()
        self._last_offset = self._last_pass_ns - monotonic()

    def step(self, timeout_ms: int) -> int:
        """Wait for datagrams, store those that are there, bring the mark forward; tell how many came."""
        count = self._drain() if self._poll.poll(timeout_ms) else 0
        now_ns = self._clock()
        self._watch_clock(now_ns)
        self._count_kernel_drops(now_ns)
        self.writer.advance(now_ns)
        self._last_pass_ns = now_ns
        return count

    def _drain(self) -> int:
        buffer, clock, receive = self._buffer, self._clock, self.socket.recvfrom_into
        view, header, crc32, addresses = memoryview(buffer), FRAME.size, zlib.crc32, self._addresses
        end = count = 0
        first_ns = now_ns = 0
        while count < BATCH and end <= BUFFER - LARGEST - header:
            payload = end + header
            try:
                length, source = receive(view[payload : payload + LARGEST])
            except BlockingIOError:
                break
            now_ns = clock()
            address = addresses.get(source) or self._remember(source)
            after = payload + length
            FRAME.pack_into(buffer, end, MARKER, 0, length, now_ns, address, source[1])
            CHECKSUM.pack_into(buffer, end + CHECKSUM_AT, crc32(view[end + CHECKED_FROM : after]))
            first_ns = first_ns or now_ns
            end = after
            count += 1
        if count:
            self.writer.store(view[:end], count, first_ns, now_ns)
            self.datagrams += count
            self.bytes += end - count * header
        return count

    def _remember(self, source: tuple[object, ...]) -> bytes:
        """Pack the address of a source, and keep it: exporters are few. Spoofed ones only clear it."""
        if len(self._addresses) >= KNOWN_SOURCES:
            self._addresses.clear()
        packed = self._addresses[source] = packed_address(str(source[0]))
        return packed

    def _count_kernel_drops(self, now_ns: int) -> None:
        drops = kernel_drops(self.socket)
        if drops != self._last_drops:
            count = (drops - self._last_drops) & 0xFFFFFFFF
            self._last_drops = drops
            self.kernel_drops += count
            self.writer.losses.append(Lost(self._last_pass_ns, now_ns, count, KERNEL))

    def _watch_clock(self, now_ns: int) -> None:
        offset = now_ns - self._monotonic()
        step = offset - self._last_offset
        if abs(step) >= STEP_NS:
            self.clock_steps.append(ClockStep(now_ns, round(step / 1e9, 3)))
        self._last_offset = offset
