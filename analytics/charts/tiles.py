"""Single values: the first row of a result, one tile a column."""

from __future__ import annotations

from typing import Any

from .spec import Columns, Rows, Tile
from .units import human


def tiles(chosen: tuple[Tile, ...], columns: Columns, rows: Rows) -> list[dict[str, Any]]:
    """Return label, text and exact value of each tile; without a choice every column is one."""
    if not rows:
        return []
    chosen = chosen or tuple(Tile(name, name, "plain") for name in columns)
    first = dict(zip(columns, rows[0], strict=True))
    return [
        {
            "label": tile.label,
            "text": human(first[tile.column], tile.unit),
            "exact": _exact(first[tile.column]),
        }
        for tile in chosen
    ]


def _exact(value: Any) -> str:
    return (
        f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value or "")
    )
