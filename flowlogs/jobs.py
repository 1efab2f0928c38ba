"""What a closing asks of an engine worker, and what comes back: plain values, pickled both ways. No Django."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

BIGGEST_SECOND = 4_294_967_295
Terms = tuple[int, int, int]
"""Flows, packets, bytes."""


@dataclass(frozen=True)
class Interface:
    """An interface that records are written for."""

    id: str
    account: str
    vm: str
    vswitch: str
    vpc: str


class Span(NamedTuple):
    """An interface, by its place, during ``[since, until)`` in Unix seconds."""

    place: int
    since: int = 0
    until: int = BIGGEST_SECOND


@dataclass(frozen=True)
class Order:
    """What one flow log wants from a closing: interfaces (by place), filters, and the Logstore to fill.

    ``interfaces`` are covered during the whole window, those of ``partly`` in the spans that are named.
    ``skipdata`` get a SKIPDATA record now; ``skipped`` have one from an earlier closing.
    """

    flow_log: str
    logstore: int
    interfaces: tuple[int, ...]
    traffic_type: str
    dual_stack: bool
    paths: tuple[int, ...] = ()
    partly: tuple[Span, ...] = ()
    skipdata: frozenset[int] = frozenset()
    skipped: frozenset[int] = frozenset()

    def spans(self) -> Iterable[Span]:
        """Return all that the order covers."""
        return [*map(Span, self.interfaces), *self.partly]


@dataclass(frozen=True)
class Job:
    """One closing: files of samples, the window, the interfaces, the orders and where to write the parts.

    With ``final``, interfaces without a sample in ``window_files`` (all files of the window) get NODATA. With
    ``late``, the samples are counted and their interfaces get SKIPDATA. An order for Logstore 0 is only
    counted. ``interfaces`` are in the order of their ids.
    """

    files: tuple[str, ...]
    window: int
    interval: int
    interfaces: tuple[Interface, ...]
    orders: tuple[Order, ...]
    parts: dict[int, str]
    final: bool = False
    late: bool = False
    window_files: tuple[str, ...] = ()
    spill: str = ""
    memory: str = "900MB"

    @property
    def end(self) -> int:
        """The second at which the window ends."""
        return self.window + 60 * self.interval


@dataclass
class Count:
    """What one order came to, in flows, packets and bytes where it names three."""

    scope: Terms = (0, 0, 0)
    delivered: Terms = (0, 0, 0)
    filtered: Terms = (0, 0, 0)
    records: int = 0
    nodata: int = 0
    skipdata: int = 0
    size: int = 0

    @property
    def rows(self) -> int:
        """Rows in the part: records, NODATA and SKIPDATA."""
        return self.records + self.nodata + self.skipdata


@dataclass
class PartFile:
    """A part that is durable on disk and not yet listed."""

    logstore: int
    path: str
    rows: int
    size: int
    min_time: int
    max_time: int


@dataclass
class Outcome:
    """What a closing came to: counts in step with the orders, the parts, and whose samples were late."""

    counts: list[Count] = field(default_factory=list)
    parts: list[PartFile] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
