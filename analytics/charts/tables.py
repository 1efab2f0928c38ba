"""Results as tables of text, as people read them."""

from __future__ import annotations

from typing import Any

from .spec import Columns, Rows, Spec, Unit
from .units import human, is_number


def tabulate(spec: Spec, columns: Columns, rows: Rows, limit: int = 1000) -> dict[str, Any]:
    """Return heads and cells of a table; ``more`` says how many rows were left off beyond ``limit``.

    A column of numbers carries ``numeric``, and its cells the unit of the spec.
    """
    numeric = [
        all(row[place] is None or is_number(row[place]) for row in rows) for place in range(len(columns))
    ]
    units = [_unit(spec, name) for name in columns]
    return {
        "heads": [
            {"name": name, "label": spec.label(name), "numeric": is_numeric}
            for name, is_numeric in zip(columns, numeric, strict=True)
        ],
        "rows": [
            [human(value, unit) for value, unit in zip(row, units, strict=True)] for row in rows[:limit]
        ],
        "more": max(0, len(rows) - limit),
    }


def _unit(spec: Spec, column: str) -> Unit:
    if column in spec.units:
        return spec.units[column]
    return spec.unit if column in spec.y else "plain"
