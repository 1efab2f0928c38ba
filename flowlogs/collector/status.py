"""What a collector tells about itself: one small JSON file beside its segments, replaced once a second."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

KERNEL: Final = "kernel"
"""The socket's buffer was full."""
SPOOL: Final = "spool"
"""The spool's limit was reached, or the disk refused to store."""
DOWN: Final = "down"
"""No collector was there to receive: how many datagrams that cost nobody knows, the count is 0."""

KEPT_LOSSES: Final = 1000
KEPT_CLOCK_STEPS: Final = 100


@dataclass(frozen=True, slots=True)
class Loss:
    """Datagrams that did not reach the spool between two instants, both included (ns since the epoch).

    Numbers only grow, over restarts too: a reader keeps the last one that it has dealt with.
    """

    number: int
    at_ns: int
    until_ns: int
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class ClockStep:
    """A jump of the wall clock against the monotonic one, seen at ``at_ns`` (new time); back is negative."""

    at_ns: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """The state of one collector. Counters are those of this process; times are Unix seconds or nanoseconds.

    ``sealed_through_ns``: every datagram received before it is in a sealed segment or counted in ``losses``.
    It never goes back.
    """

    id: str
    pid: int
    started: float
    updated: float
    sealed_through_ns: int
    host: str
    port: int
    receive_buffer: int
    datagrams: int = 0
    bytes: int = 0
    kernel_drops: int = 0
    spool_full_drops: int = 0
    write_error_drops: int = 0
    segments: int = 0
    next_segment: int = 0
    spool_bytes: int = 0
    trouble: str = ""
    stopped: bool = False
    losses: tuple[Loss, ...] = ()
    clock_steps: tuple[ClockStep, ...] = field(default=())

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Status:
        """Read what ``to_json`` wrote. Raise ValueError for anything else."""
        try:
            content: dict[str, Any] = json.loads(text)
            status = cls(**content)
            return replace(
                status,
                losses=tuple(Loss(**loss) for loss in content.get("losses", ())),
                clock_steps=tuple(ClockStep(**step) for step in content.get("clock_steps", ())),
            )
        except TypeError as error:
            raise ValueError(f"not the status of a collector: {error}") from error


def status_path(folder: Path, collector: str) -> Path:
    return folder / f"{collector}.status.json"


def save(folder: Path, status: Status, *, durable: bool) -> None:
    """Replace the status file in one step. Raise OSError. ``durable`` also brings it to the disk."""
    path = status_path(folder, status.id)
    fresh = path.with_suffix(".fresh")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(status.to_json())
        if durable:
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)


def load(folder: Path, collector: str) -> Status | None:
    """Read the last status of a collector; None when there is none or a power cut spoiled it."""
    try:
        return Status.from_json(status_path(folder, collector).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def load_all(folder: Path) -> list[Status]:
    """Read the status of every collector that writes to a folder, in the order of their ids."""
    names = sorted(path.name.removesuffix(".status.json") for path in folder.glob("*.status.json"))
    return [status for name in names if (status := load(folder, name)) is not None]
