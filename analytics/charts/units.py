"""Units of values: how people read them, and how Plotly writes them on an axis.

Multiples are decimal (1 kB is 1000 bytes), on tiles, in tables and on axes alike.
"""

from __future__ import annotations

import math
from typing import Any

from console.texts import noop as _

from .spec import Unit

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_SUFFIXES: dict[Unit, str] = {
    "bytes": "B",
    "bps": "bps",
    "count": "",
    "packets": "",
    "percent": "%",
    "plain": "",
}
_EXACT_BELOW: dict[Unit, float] = {"bytes": 1000, "bps": 1000, "count": 10_000_000, "packets": 10_000_000}
AXIS_TITLES: dict[Unit, str] = {"packets": _("packets")}


def is_number(value: Any) -> bool:
    """Tell whether a value of a result is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def human(value: Any, unit: Unit) -> str:
    """Return a value as people read it, such as ``1.24 MB`` or ``12,345``; ``-`` where there is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if not is_number(value):
        return str(value)
    if unit == "plain":
        return str(value) if isinstance(value, int) else f"{value:.6g}"
    if unit == "percent":
        return f"{value:,.2f}".rstrip("0").rstrip(".") + " %"
    if abs(value) < _EXACT_BELOW[unit]:
        number = f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")
        return _join(number, _SUFFIXES[unit])
    return _scaled(value, _SUFFIXES[unit])


def axis(unit: Unit) -> dict[str, Any]:
    """Return the tick and hover format of a value axis in Plotly's words."""
    if unit == "plain":
        return {"tickformat": "~r", "hoverformat": "~r"}
    if unit == "percent":
        return {"tickformat": "~r", "hoverformat": ".2f", "ticksuffix": " %"}
    suffix = _SUFFIXES[unit]
    hover = ",.0f" if unit in ("count", "packets") else ".3s"
    return {"tickformat": "~s", "hoverformat": hover, **({"ticksuffix": suffix} if suffix else {})}


def _scaled(value: float, suffix: str) -> str:
    power = min(int(math.log10(abs(value)) // 3), len(_PREFIXES) - 1)
    number = f"{value / 1000**power:.3g}"
    if float(number) >= 1000 and power + 1 < len(_PREFIXES):
        number, power = "1", power + 1
    return _join(number if "e" not in number else f"{value / 1000**power:,.0f}", _PREFIXES[power] + suffix)


def _join(number: str, suffix: str) -> str:
    return f"{number} {suffix}" if suffix else number
