"""How a result is to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from console.texts import Say
from console.texts import noop as _

Kind = Literal["tiles", "table", "line", "area", "bar", "ranking"]
Unit = Literal["count", "bytes", "bps", "packets", "percent", "plain"]
Columns = Sequence[str]
Rows = Sequence[Sequence[Any]]
Figure = dict[str, Any]

KINDS: dict[Kind, str] = {
    "table": _("Table"),
    "line": _("Line chart"),
    "bar": _("Column chart"),
    "area": _("Area chart"),
    "ranking": _("Bar chart"),
    "tiles": _("Single values"),
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One single value: the column that holds it, its label and its unit."""

    column: str
    label: str
    unit: Unit = "count"


@dataclass(frozen=True, slots=True)
class Span:
    """The half-open time ``[start, end)`` that a chart shows, in Unix seconds, and its bucket in seconds."""

    start: int
    end: int
    step: int

    def buckets(self) -> range:
        """Return the starts of all buckets that the span touches, aligned to the epoch."""
        return range(self.start - self.start % self.step, self.end, self.step)


@dataclass(frozen=True, slots=True)
class Spec:
    """What to draw of a result: columns for ``x``, ``y`` and, where one column names the series, ``series``.

    ``labels`` puts names on series and columns; ``units`` overrides ``unit`` for single columns of a table;
    ``roles`` gives a column the meaning, such as REJECT, that its own name does not tell.
    """

    kind: Kind
    unit: Unit = "count"
    x: str = ""
    y: tuple[str, ...] = ()
    series: str = ""
    stacked: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    tiles: tuple[Tile, ...] = ()

    def label(self, name: str) -> str:
        """Return what people read for a series or a column."""
        return self.labels.get(name, name)

    def said(self, say: Say) -> Spec:
        """Return the spec with its labels in the language of ``say``; names of columns stay as they are."""
        return replace(
            self,
            labels={name: say(label) for name, label in self.labels.items()},
            tiles=tuple(replace(tile, label=say(tile.label)) for tile in self.tiles),
        )
