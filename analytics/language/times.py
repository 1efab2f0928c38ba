"""Time functions: Unix seconds where the Log Service takes them, MySQL format letters, units."""

from __future__ import annotations

import re

from sqlglot import exp

from console.texts import Text as _

from .kinds import kind_of
from .places import fault

UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")
_INTERVALS = {
    "millisecond": ("to_milliseconds", 1),
    "second": ("to_seconds", 1),
    "minute": ("to_minutes", 1),
    "hour": ("to_hours", 1),
    "day": ("to_days", 1),
    "week": ("to_days", 7),
    "month": ("to_months", 1),
    "quarter": ("to_months", 3),
    "year": ("to_years", 1),
}
# Presto's date_format knows these letters; the others of MySQL it refuses, and so do we.
_LETTERS = {
    "a": "%a",
    "b": "%b",
    "c": "%-m",
    "d": "%d",
    "e": "%-d",
    "f": "%f",
    "H": "%H",
    "h": "%I",
    "I": "%I",
    "i": "%M",
    "j": "%j",
    "k": "%-H",
    "l": "%-I",
    "M": "%B",
    "m": "%m",
    "p": "%p",
    "r": "%I:%M:%S %p",
    "S": "%S",
    "s": "%S",
    "T": "%H:%M:%S",
    "v": "%V",
    "W": "%A",
    "x": "%G",
    "Y": "%Y",
    "y": "%y",
    "%": "%%",
}
EXAMPLE = "'%Y-%m-%d %H:%i:%S'"
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
_PERIOD = re.compile(r"\s*(\d{1,9})\s*([smhdw])\s*")
_PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a call of a function of the engine."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def timestamp(value: exp.Expr) -> exp.Expr:
    """Return an expression as a timestamp: numbers are Unix seconds, text is ISO 8601."""
    kind = kind_of(value)
    if kind in ("timestamp", "date"):
        return value
    if kind == "long":
        return call("flc_timestamp", value)
    if kind == "double":
        return call("flc_fine_timestamp", value)
    return exp.cast(value, exp.DType.TIMESTAMP)


def time_format(node: exp.Expr) -> str:
    """Return the engine's format for a literal with MySQL's letters; raises QueryError for others."""
    if not node.is_string:
        raise fault(node, _("The format must be a quoted text such as %(example)s", example=EXAMPLE))

    def translate(match: re.Match[str]) -> str:
        if match[1] not in _LETTERS:
            raise fault(
                node, _("The format letter %(letter)s is not available", letter=match[0]), sorted(_LETTERS)
            )
        return _LETTERS[match[1]]

    return _DIRECTIVE.sub(translate, node.name)


def unit(node: exp.Expr) -> str:
    """Return a unit of time named by a literal; raises QueryError for others."""
    if not node.is_string or node.name.lower() not in UNITS:
        raise fault(node, _("The unit must be a quoted name"), UNITS)
    return node.name.lower()


def period(node: exp.Expr) -> int:
    """Return the seconds of a literal such as ``'5m'``; raises QueryError for others."""
    match = _PERIOD.fullmatch(node.name) if node.is_string else None
    if not match or int(match[1]) == 0:
        raise fault(node, _("The interval must be a quoted period"), ["'30s'", "'5m'", "'2h'", "'1d'"])
    return int(match[1]) * _PERIODS[match[2]]


def truncated(name: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return ``date_trunc(unit, value)``."""
    return call("date_trunc", exp.Literal.string(unit(name)), timestamp(value))


def shifted(name: exp.Expr, amount: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return ``date_add(unit, amount, value)``."""
    function, factor = _INTERVALS[unit(name)]
    count = (
        exp.Paren(this=amount)
        if factor == 1
        else exp.Mul(this=exp.Paren(this=amount), expression=_number(factor))
    )
    return exp.Paren(this=exp.Add(this=timestamp(value), expression=call(function, count)))


def difference(name: exp.Expr, first: exp.Expr, second: exp.Expr) -> exp.Expr:
    """Return ``date_diff(unit, first, second)``: whole units, where the engine's date_diff counts boundaries."""
    return call("date_sub", exp.Literal.string(unit(name)), timestamp(first), timestamp(second))


def formatted(value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    """Return ``date_format(value, pattern)``."""
    return call("strftime", timestamp(value), exp.Literal.string(time_format(pattern)))


def parsed(value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    """Return ``date_parse(value, pattern)``."""
    return call("strptime", value, exp.Literal.string(time_format(pattern)))


def date(value: exp.Expr) -> exp.Expr:
    """Return ``date(value)``: the day, in UTC."""
    return exp.cast(timestamp(value), exp.DType.DATE)


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
