"""The search part of a query as a condition for the engine.

A field that does not apply is NULL in storage and ``-`` for people, so ``field:-`` finds it, and *not*
keeps it: nothing is in an unknown state between matching and not matching.
"""

from __future__ import annotations

from flowlogs.record import NOT_APPLICABLE, quote

from .addresses import block, canonical, in_block, literal
from .columns import ADDRESS_COLUMNS, COLUMNS, LONG_COLUMNS, TEXT_COLUMNS
from .terms import And, Comparison, Everything, Not, Or, Range, Search, Term

_MOST_DIGITS = 19


def to_condition(node: Search) -> str:
    """Return the SQL condition of a search; values are quoted literals, columns come from the field table."""
    match node:
        case Everything():
            return "TRUE"
        case Term(value, field, wildcard):
            return _anywhere(value, wildcard) if field is None else _in_field(field, value, wildcard)
        case Comparison(field, operator, number):
            return f"{quote(field)} {operator} {number}"
        case Range():
            return _between(node)
        case Not(operand):
            return f"(({to_condition(operand)}) IS NOT TRUE)"
        case And(operands):
            return "(" + " AND ".join(map(to_condition, operands)) + ")"
        case Or(operands):
            return "(" + " OR ".join(map(to_condition, operands)) + ")"


def _between(node: Range) -> str:
    column = quote(node.field)
    low = ">=" if node.low_included else ">"
    high = "<=" if node.high_included else "<"
    return f"({column} {low} {node.low} AND {column} {high} {node.high})"


def _anywhere(value: str, wildcard: bool) -> str:
    """Match any text field, and any number field when the value is a number."""
    conditions = [_in_field(field, value, wildcard) for field in TEXT_COLUMNS]
    # More digits than the largest number has are in no number field, and may be too many to read as one.
    if value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS:
        conditions += [f"{quote(field)} = {int(value)}" for field in LONG_COLUMNS]
    return "(" + " OR ".join(conditions) + ")"


def _in_field(field: str, value: str, wildcard: bool) -> str:
    column = quote(field)
    if wildcard and value == "*":
        return f"{column} IS NOT NULL"
    if value in ("", NOT_APPLICABLE):
        return f"{column} IS NULL"
    if COLUMNS[field] == "long":
        return f"{column} = {int(value)}"
    if wildcard:
        return _like(column, value)
    if field in ADDRESS_COLUMNS and (network := block(value)):
        return in_block(column, network)
    if field in ADDRESS_COLUMNS:
        value = canonical(value) or value
    return f"{_folded(column, value)} = {literal(value.lower())}"


def _like(column: str, pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    shape = escaped.lower().replace("*", "%").replace("?", "_")
    # Without an escape character the engine turns a leading text into a range of the sorted values.
    escape = " ESCAPE '\\'" if escaped != pattern else ""
    return f"{_folded(column, pattern)} LIKE {literal(shape)}{escape}"


def _folded(column: str, value: str) -> str:
    """Return the column, in lower case where the value has letters: search ignores case."""
    return column if value.lower() == value.upper() else f"lower({column})"
