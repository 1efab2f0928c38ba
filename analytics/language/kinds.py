"""The kinds of values that SQL expressions have: what decides how a function or a division is written."""

from __future__ import annotations

from typing import Literal

from sqlglot import exp

Kind = Literal["long", "double", "text", "timestamp", "date", "boolean", "null", "other"]

_TYPES: dict[Kind, exp.DType] = {
    "long": exp.DType.BIGINT,
    "double": exp.DType.DOUBLE,
    "text": exp.DType.VARCHAR,
    "timestamp": exp.DType.TIMESTAMP,
    "date": exp.DType.DATE,
    "boolean": exp.DType.BOOLEAN,
    "null": exp.DType.NULL,
    "other": exp.DType.UNKNOWN,
}


def type_of(kind: Kind) -> exp.DType:
    """Return the SQL type that stands for a kind."""
    return _TYPES[kind]


def kind_of(node: exp.Expr) -> Kind:
    """Return the kind of an annotated expression; *other* when it is not known."""
    if isinstance(node, exp.Distinct | exp.Order | exp.Paren | exp.Filter | exp.IgnoreNulls):
        inner = node.expressions[0] if isinstance(node, exp.Distinct) else node.this
        return kind_of(inner)
    if node.type is None:
        return "other"
    return _kind(node.type)


def _kind(sql_type: exp.DataType) -> Kind:
    if sql_type.is_type(*exp.DataType.INTEGER_TYPES):
        return "long"
    if sql_type.is_type(*exp.DataType.REAL_TYPES):
        return "double"
    if sql_type.is_type(*exp.DataType.TEXT_TYPES):
        return "text"
    for kind in ("date", "boolean", "null"):
        if sql_type.is_type(_TYPES[kind]):
            return kind
    if sql_type.is_type(exp.DType.TIMESTAMP, exp.DType.DATETIME, exp.DType.TIMESTAMPTZ):
        return "timestamp"
    return "other"
