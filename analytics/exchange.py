"""What goes to an engine worker and what comes back. Plain values: neither side needs the other's libraries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from console.texts import Text


class EngineFailure(Exception):
    """A query that the engine could not answer; the message is safe to show."""


class PartUnreadable(EngineFailure):
    """A file of the Logstore is damaged; ``file`` is for the log, not for the person who asked."""

    def __init__(self, message: Text, file: str) -> None:
        super().__init__(message, file)
        self.file = file

    def __str__(self) -> str:
        return str(self.args[0])


class OutOfTime(EngineFailure):
    """The query was interrupted at its deadline."""


class OutOfMemory(EngineFailure):
    """The query or its answer needs more memory than it may have."""


@dataclass(frozen=True, slots=True)
class Log:
    """What a query reads: the records of some parts with ``__time__`` in ``[start, end)`` that match.

    ``condition`` and ``macros`` are SQL of :mod:`analytics.language`; ``now`` is what ``now()`` returns.
    """

    parts: tuple[str, ...]
    start: int
    end: int
    now: int
    condition: str
    macros: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """What a query may use: seconds, bytes of memory, threads, bytes spilled into a folder of its own."""

    seconds: float
    memory: int
    threads: int
    spill: str
    spill_bytes: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows with the names and types of their columns, and what is to be known about them.

    ``complete`` is false when a part could not be found; ``truncated`` when a limit of ours cut the rows;
    ``slots`` are (from, to, count).
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[Any]]
    complete: bool
    truncated: bool = False
    total: int | None = None
    slots: list[tuple[int, int, int]] = field(default_factory=list)
