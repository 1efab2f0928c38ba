"""The search part of a query as a tree, and the tree as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Operator = Literal["=", ">", ">=", "<", "<="]

KEYWORDS = frozenset({"and", "or", "not"})
RESERVED = frozenset({"sort", "asc", "desc", "avg", "sum", "min", "max", "limit"})
_PLAIN = re.compile(r"[^\s\"'()\[\]:<>=|,;!#\\*?]+")


@dataclass(frozen=True, slots=True)
class Everything:
    """``*``: every log."""


@dataclass(frozen=True, slots=True)
class Term:
    """``value`` in any field, or in one; with ``wildcard``, ``*`` and ``?`` in it stand for characters."""

    value: str
    field: str | None = None
    wildcard: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A number field against a number."""

    field: str
    operator: Operator
    number: int


@dataclass(frozen=True, slots=True)
class Range:
    """A number field between two numbers, each bound included or not."""

    field: str
    low: int
    high: int
    low_included: bool = True
    high_included: bool = True


@dataclass(frozen=True, slots=True)
class Not:
    """What does not match."""

    operand: Search


@dataclass(frozen=True, slots=True)
class And:
    """What matches all of two or more."""

    operands: tuple[Search, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """What matches any of two or more."""

    operands: tuple[Search, ...]


Search = Everything | Term | Comparison | Range | Not | And | Or


def both(operands: Iterable[Search]) -> Search:
    """Join operands with *and*; nested ones are taken apart, a single one stays as it is."""
    flat = [part for node in operands for part in (node.operands if isinstance(node, And) else (node,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def either(operands: Iterable[Search]) -> Search:
    """Join operands with *or*; nested ones are taken apart, a single one stays as it is."""
    flat = [part for node in operands for part in (node.operands if isinstance(node, Or) else (node,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def to_text(node: Search) -> str:
    """Return the query text of a tree; parsing it gives the same tree again."""
    match node:
        case Everything():
            return "*"
        case Term(value, field, wildcard):
            shown = value if wildcard else quoted_if_needed(value)
            return shown if field is None else f"{field}:{shown}"
        case Comparison(field, operator, number):
            return f"{field}{':' if operator == '=' else operator}{number}"
        case Range():
            return _range_text(node)
        case Not(operand):
            return f"not {_grouped(operand)}"
        case And(operands):
            return " and ".join(_grouped(operand) for operand in operands)
        case Or(operands):
            return " or ".join(_grouped(operand) for operand in operands)


def quoted_if_needed(value: str) -> str:
    """Return a value as it stands in a query: bare when nothing in it has a meaning of its own."""
    if _PLAIN.fullmatch(value) and value.lower() not in KEYWORDS | RESERVED:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _range_text(node: Range) -> str:
    opening = "[" if node.low_included else "("
    closing = "]" if node.high_included else ")"
    return f"{node.field} in {opening}{node.low} {node.high}{closing}"


def _grouped(node: Search) -> str:
    text = to_text(node)
    return f"({text})" if isinstance(node, And | Or) else text
