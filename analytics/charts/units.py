"""Units of values: how people read them, and how Plotly writes them on an axis.

Multiples of bytes are binary (1 KB is 1024 bytes), as on all pages and in bills; all others are decimal. That holds
on tiles, in tables, under the pointer and on axes alike; the ticks of bytes are set by draw.js, for Plotly knows
decimal multiples only.
"""

from __future__ import annotations

import math
from typing import Any

from console.texts import noop as _

from .spec import Unit

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_BINARY_PREFIXES = ("", "K", *_PREFIXES[2:])
_SUFFIXES: dict[Unit, str] = {
    "bytes": "B",
    "bps": "bps",
    "count": "",
    "packets": "",
    "percent": "%",
    "plain": "",
}
_EXACT_BELOW: dict[Unit, float] = {"bytes": 1024, "bps": 1000, "count": 10_000_000, "packets": 10_000_000}
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
    if unit == "bytes":
        return _scaled(value, "B", 1024, _BINARY_PREFIXES)
    return _scaled(value, _SUFFIXES[unit], 1000, _PREFIXES)


def axis(unit: Unit) -> dict[str, Any]:
    """Return the tick and hover format of a value axis in Plotly's words."""
    if unit == "plain":
        return {"tickformat": "~r", "hoverformat": "~r"}
    if unit == "percent":
        return {"tickformat": "~r", "hoverformat": ".2f", "ticksuffix": " %"}
    if unit == "bytes":
        return {"tickformat": "~s", "ticksuffix": "B", "hoverformat": ",d"}
    suffix = _SUFFIXES[unit]
    hover = ",.0f" if unit in ("count", "packets") else ".3s"
    return {"tickformat": "~s", "hoverformat": hover, **({"ticksuffix": suffix} if suffix else {})}


def _scaled(value: float, suffix: str, base: int, prefixes: tuple[str, ...]) -> str:
    power = min(int(math.log(abs(value), base) + 1e-12), len(prefixes) - 1)
    number = f"{value / base**power:.3g}" if abs(value) < 1000 * base**power else f"{value / base**power:.0f}"
    if float(number) >= base and power + 1 < len(prefixes):
        number, power = "1", power + 1
    return _join(number if "e" not in number else f"{value / base**power:,.0f}", prefixes[power] + suffix)


def _join(number: str, suffix: str) -> str:
    return f"{number} {suffix}" if suffix else number
