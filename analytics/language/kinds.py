"""The kinds of values that SQL expressions have: what decides how a function or a division is written."""

from __future__ import annotations

from typing import Literal

from sqlglot import exp

Kind = Literal["long", "double", "text", "timestamp", "date", "boolean", "array", "map", "null", "other"]

_TYPES: dict[Kind, exp.DType] = {
    "long": exp.DType.BIGINT,
    "double": exp.DType.DOUBLE,
    "text": exp.DType.VARCHAR,
    "timestamp": exp.DType.TIMESTAMP,
    "date": exp.DType.DATE,
    "boolean": exp.DType.BOOLEAN,
    "array": exp.DType.ARRAY,
    "map": exp.DType.MAP,
    "null": exp.DType.NULL,
    "other": exp.DType.UNKNOWN,
}


_SINGLE: tuple[Kind, ...] = ("date", "boolean", "array", "map", "null")


def type_of(kind: Kind) -> exp.DType:
    """Return the SQL type that stands for a kind."""
    return _TYPES[kind]


def kind_of(node: exp.Expr) -> Kind:
    """Return the kind of an annotated expression; *other* when it is not known."""
    kind = _kind(node.type) if node.type is not None else "other"
    if kind == "other" and isinstance(node, exp.Distinct):
        return kind_of(node.expressions[0])
    if kind == "other" and isinstance(node, exp.Order | exp.Paren | exp.Filter | exp.IgnoreNulls):
        return kind_of(node.this)
    return kind


def whole_number(node: exp.Expr) -> int | None:
    """Return the value of a literal that is a whole number and has no sign, else None."""
    return int(node.name) if isinstance(node, exp.Literal) and node.is_int and not node.is_string else None


def _kind(sql_type: exp.DataType) -> Kind:
    if sql_type.is_type(*exp.DataType.INTEGER_TYPES):
        return "long"
    if sql_type.is_type(*exp.DataType.REAL_TYPES):
        return "double"
    if sql_type.is_type(*exp.DataType.TEXT_TYPES):
        return "text"
    for kind in _SINGLE:
        if sql_type.is_type(_TYPES[kind]):
            return kind
    if sql_type.is_type(exp.DType.TIMESTAMP, exp.DType.DATETIME, exp.DType.TIMESTAMPTZ):
        return "timestamp"
    return "other"
