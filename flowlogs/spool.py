"""Segment files of raw datagrams: what the collector writes before anything else is done with them.

A segment is a 16-byte header and then frames, little-endian, one a datagram:

    marker 4 | crc32 4 | payload length 4 | receipt time 8 | source address 16 | source port 2 | payload

The checksum covers all that follows it. Receipt time is in ns since the epoch; IPv4 addresses are mapped
(``::ffff:a.b.c.d``). A segment is named ``{collector}-{number:012d}.open`` while it is written and
``.segment`` once it is sealed; only sealed ones are read.

Standard library only: the collector process imports nothing else.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Datagram = tuple[int, bytes, int, bytes]
"""Receipt time (ns since the epoch), source address (16 bytes), source port, payload."""

MAGIC: Final = b"FLOWSPOL"
VERSION: Final = 1
HEADER: Final = struct.Struct("<8sI4x")
FRAME: Final = struct.Struct("<4sIIq16sH")
MARKER: Final = b"\xf1\x0eD\x1a"
CHECKSUM: Final = struct.Struct("<I")
CHECKSUM_AT: Final = 4
CHECKED_FROM: Final = 8
"""Offset in a frame where the part under its checksum starts."""

_IPV4_MAPPED: Final = b"\0" * 10 + b"\xff\xff"
_NAME: Final = re.compile(r"(?P<collector>.+)-(?P<number>\d{12})\.(?:open|segment)")


class NotASegment(ValueError):
    """The file is not a segment of a version that this program reads."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What a segment file holds, and what of it could not be read.

    ``torn_bytes`` is an unfinished end, as a crash leaves it. ``corrupt_frames`` counts damaged places with
    readable frames behind them: at least one datagram is missing for each.
    """

    datagrams: list[Datagram]
    torn_bytes: int
    corrupt_frames: int


def packed_address(address: str) -> bytes:
    """Give an address as the 16 bytes of a frame. Raise OSError when it is not an IP address."""
    if ":" in address:
        return socket.inet_pton(socket.AF_INET6, address)
    return _IPV4_MAPPED + socket.inet_pton(socket.AF_INET, address)


def segment_path(folder: Path, collector: str, number: int, *, sealed: bool) -> Path:
    """Name the segment ``number`` (0 to 10**12 - 1) of a collector."""
    return folder / f"{collector}-{number:012d}.{'segment' if sealed else 'open'}"


def segment_number(path: Path) -> tuple[str, int]:
    """Tell the collector and the number of a segment from its name. Raise NotASegment for any other name."""
    if found := _NAME.fullmatch(path.name):
        return found["collector"], int(found["number"])
    raise NotASegment(f"{path.name} is not the name of a segment")


def read(path: Path) -> Segment:
    """Read a whole segment (about 1 us a datagram). Raise OSError, or NotASegment for any other file."""
    segment, _end = _parse(path.read_bytes(), path)
    return segment


def _parse(data: bytes, path: Path) -> tuple[Segment, int]:
    """Read the frames of ``data``; also tell where the last readable one ends."""
    if len(data) < HEADER.size:
        if data and not MAGIC.startswith(data[: len(MAGIC)]):
            raise NotASegment(f"{path} is not a spool segment")
        return Segment([], len(data), 0), 0
    magic, version = HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise NotASegment(f"{path} is not a spool segment of version {VERSION}")
    datagrams: list[Datagram] = []
    corrupt = 0
    offset = _read_frames(data, HEADER.size, datagrams)
    while offset < len(data):
        resumed = _next_frame(data, offset)
        if resumed is None:
            break
        corrupt += 1
        offset = _read_frames(data, resumed, datagrams)
    return Segment(datagrams, len(data) - offset, corrupt), offset


def _read_frames(data: bytes, offset: int, datagrams: list[Datagram]) -> int:
    """Append the frames from ``offset`` on to ``datagrams``; tell where the first unreadable one is."""
    unpack, crc32, append = FRAME.unpack_from, zlib.crc32, datagrams.append
    view, end, size = memoryview(data), len(data), FRAME.size
    while offset + size <= end:
        marker, checksum, length, received_ns, address, port = unpack(data, offset)
        payload = offset + size
        after = payload + length
        if after > end or marker != MARKER or crc32(view[offset + CHECKED_FROM : after]) != checksum:
            break
        append((received_ns, address, port, data[payload:after]))
        offset = after
    return offset


def _next_frame(data: bytes, damaged: int) -> int | None:
    """Find the first sound frame behind a damaged one, or None."""
    # The frame's own length comes first: a payload may hold something that looks like a frame.
    if damaged + FRAME.size <= len(data):
        after = damaged + FRAME.size + FRAME.unpack_from(data, damaged)[2]
        if _is_frame(data, after):
            return after
    candidate = data.find(MARKER, damaged + 1)
    while candidate >= 0:
        if _is_frame(data, candidate):
            return candidate
        candidate = data.find(MARKER, candidate + 1)
    return None


def _is_frame(data: bytes, offset: int) -> bool:
    if offset + FRAME.size > len(data):
        return False
    marker, checksum, length, _received_ns, _address, _port = FRAME.unpack_from(data, offset)
    after = offset + FRAME.size + length
    if marker != MARKER or after > len(data):
        return False
    return zlib.crc32(memoryview(data)[offset + CHECKED_FROM : after]) == checksum


def frame(received_ns: int, address: bytes, port: int, payload: bytes) -> bytes:
    """Make the frame of one datagram; ``address`` has 16 bytes."""
    checked = FRAME.pack(MARKER, 0, len(payload), received_ns, address, port)[CHECKED_FROM:] + payload
    return MARKER + CHECKSUM.pack(zlib.crc32(checked)) + checked


class OpenSegment:
    """A segment that is being written. Every append goes to the kernel: a killed process loses nothing."""

    def __init__(self, folder: Path, collector: str, number: int) -> None:
        """Create the file. Raise OSError when that fails; nothing is left behind then."""
        self.number = number
        self.path = segment_path(folder, collector, number, sealed=False)
        self._final = segment_path(folder, collector, number, sealed=True)
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        self._renamed = False
        self.size = 0
        self.synced = 0
        try:
            self._write(memoryview(HEADER.pack(MAGIC, VERSION)))
        except OSError:
            self.remove()
            raise

    @property
    def has_datagrams(self) -> bool:
        return self.size > HEADER.size

    def append(self, frames: memoryview) -> None:
        """Write whole frames. Raise OSError when the disk refuses.

        ``size`` then tells how much of them is stored, always up to the end of a frame.
        """
        before = self.size
        try:
            self._write(frames)
        except OSError:
            stored = max(_frame_ends(frames, self.size - before), default=0)
            self.size = before + stored
            # A refused cut leaves an unfinished last frame, which every reader cuts by itself.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise

    def _write(self, data: memoryview) -> None:
        while data:
            written = os.write(self._file, data)
            self.size += written
            data = data[written:]

    def sync(self) -> None:
        """Bring what was appended so far to the disk. Raise OSError."""
        size = self.size
        os.fsync(self._file)
        self.synced = size

    def seal(self) -> Path:
        """Make the segment final: fsync, rename, fsync of the folder. Raise OSError; may be repeated."""
        if self.synced < self.size:
            self.sync()
        if not self._renamed:
            self.path.replace(self._final)
            self._renamed = True
        sync_folder(self._final.parent)
        self.close()
        return self._final

    def remove(self) -> None:
        """Drop a segment without datagrams."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def count_frames(frames: memoryview) -> int:
    """Count the frames in what ``append`` takes."""
    return sum(1 for _end in _frame_ends(frames, len(frames)))


def _frame_ends(frames: memoryview, written: int) -> Iterator[int]:
    """Tell where each of the frames ends that lie within the first ``written`` bytes."""
    end = 0
    while end + FRAME.size <= written:
        end += FRAME.size + FRAME.unpack_from(frames, end)[2]
        if end > written:
            return
        yield end


def sync_folder(folder: Path) -> None:
    """Make renames and new files of a folder durable. Raise OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_segment(folder: Path, collector: str, number: int, datagrams: Iterable[Datagram]) -> Path:
    """Write a sealed segment in one go, with the receipt times it is given. Raise OSError."""
    segment = OpenSegment(folder, collector, number)
    try:
        segment.append(memoryview(b"".join(frame(*datagram) for datagram in datagrams)))
        return segment.seal()
    except OSError:
        segment.remove()
        raise


def recover(path: Path) -> Path | None:
    """Seal a segment that a crash left open, without its torn end; remove it (None) when it is empty."""
    data = path.read_bytes()
    segment, end = _parse(data, path)
    if not segment.datagrams:
        path.unlink()
        return None
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, end)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    final = path.with_suffix(".segment")
    path.replace(final)
    sync_folder(path.parent)
    return final


def list_sealed(folder: Path, collector: str | None = None) -> list[Path]:
    """List sealed segments, of one collector or of all, each collector's in the order of their numbers."""
    return _list(folder, ".segment", collector)


def list_open(folder: Path, collector: str) -> list[Path]:
    """List the segments of a collector that are not sealed, in the order of their numbers."""
    return _list(folder, ".open", collector)


def _list(folder: Path, suffix: str, collector: str | None) -> list[Path]:
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            name = _NAME.fullmatch(entry.name)
            if name and entry.name.endswith(suffix) and collector in (None, name["collector"]):
                found.append((name["collector"], int(name["number"]), Path(entry.path)))
    return [path for _collector, _number, path in sorted(found)]


def used_bytes(folder: Path) -> int:
    """Sum the sizes of all segments in a folder, open and sealed."""
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                # Another process may discard a segment between the listing and this line.
                with contextlib.suppress(FileNotFoundError):
                    total += entry.stat().st_size
    return total


def discard(path: Path) -> None:
    """Remove a segment whose content is safe elsewhere; one that is gone already is fine."""
    path.unlink(missing_ok=True)
