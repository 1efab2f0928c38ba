"""How functions of the Log Service (Presto) are written for the engine, where the two differ in meaning."""

from __future__ import annotations

import re
from collections.abc import Callable

import sqlglot
from sqlglot import exp

from console.texts import Text as _

from .addresses import block, in_block, prefix_of
from .kinds import kind_of, whole_number
from .places import fault
from .times import call, timestamp

LONGEST_PAD = 1000

Build = Callable[..., exp.Expr]

_HOLE = "flc_value"
_DOLLAR_GROUP = re.compile(r"\$(\d)")


def named(name: str) -> Build:
    """Return the builder of a call that only has another name."""
    return lambda *arguments: call(name, *arguments)


def part(name: str) -> Build:
    """Return the builder of a function that takes a part of a time."""
    return lambda value: call(name, timestamp(value))


def infix(operator: type[exp.Binary]) -> Build:
    """Return the builder of a function that is an operator of the engine."""

    def build(left: exp.Expr, right: exp.Expr) -> exp.Expr:
        return exp.Paren(this=operator(this=exp.Paren(this=left), expression=exp.Paren(this=right)))

    return build


def null_when_any_is(name: str) -> Build:
    """Return the builder of greatest or least: NULL when any argument is, where the engine skips NULL."""

    def build(*arguments: exp.Expr) -> exp.Expr:
        missing = exp.or_(*(exp.Is(this=argument.copy(), expression=exp.Null()) for argument in arguments))
        return exp.Case().when(missing, exp.Null()).else_(call(name, *arguments))

    return build


def padded(name: str) -> Build:
    """Return the builder of lpad or rpad with a bounded size: one call cannot be interrupted."""

    def build(value: exp.Expr, size: exp.Expr, filler: exp.Expr) -> exp.Expr:
        length = whole_number(size)
        if length is None or length > LONGEST_PAD:
            raise fault(size, _("The size must be a number up to %(most)s", most=LONGEST_PAD))
        return call(name, value, size, filler)

    return build


def coalesced(*arguments: exp.Expr) -> exp.Expr:
    """Return ``coalesce``."""
    return exp.Coalesce(this=arguments[0], expressions=list(arguments[1:]))


def concatenated(*arguments: exp.Expr) -> exp.Expr:
    """Return ``concat``: NULL when any argument is, where the engine's concat skips NULL."""
    joined = _text(arguments[0])
    for argument in arguments[1:]:
        joined = exp.DPipe(this=joined, expression=_text(argument))
    return exp.Paren(this=joined)


def replaced(value: exp.Expr, search: exp.Expr, *new: exp.Expr) -> exp.Expr:
    """Return ``replace``, which removes when it is not told what to put."""
    return call("replace", value, search, *(new or (exp.Literal.string(""),)))


def split_part(value: exp.Expr, mark: exp.Expr, place: exp.Expr) -> exp.Expr:
    """Return ``split_part``: NULL beyond the last part, where the engine's is empty text."""
    return call("list_extract", call("string_split", value, mark), place)


def extracted(value: exp.Expr, pattern: exp.Expr, *group: exp.Expr) -> exp.Expr:
    """Return ``regexp_extract``: NULL without a match, where the engine's is empty text."""
    return call("list_extract", call("regexp_extract_all", value, pattern, *group), exp.Literal.number(1))


def pattern_replaced(value: exp.Expr, pattern: exp.Expr, *new: exp.Expr) -> exp.Expr:
    """Return ``regexp_replace``: every match, groups as ``$1``; the engine's replaces one and writes ``\\1``."""
    replacement = new[0] if new else exp.Literal.string("")
    if not replacement.is_string:
        raise fault(replacement, _("The replacement must be a quoted text"))
    text = _DOLLAR_GROUP.sub(r"\\\1", replacement.name.replace("\\", "\\\\"))
    return call("regexp_replace", value, pattern, exp.Literal.string(text), exp.Literal.string("g"))


def distinct_count(value: exp.Expr, *error: exp.Expr) -> exp.Expr:
    """Return ``approx_distinct``, exactly: the engine's sketch misses by 5 %, the documented error is 2.3 %."""
    return call("count", exp.Distinct(expressions=[value]))


def is_subnet_of(network: exp.Expr, address: exp.Expr) -> exp.Expr:
    """Return ``is_subnet_of``; a literal block becomes a comparison that the engine does fast."""
    if not network.is_string:
        return call("flc_is_subnet_of", network, address)
    literal = block(network.name)
    if literal is None:
        raise fault(network, _("%(text)s is not a CIDR block", text=repr(network.name)), ["'10.0.0.0/8'"])
    return _filled(in_block(_HOLE, literal), address)


def ip_prefix(address: exp.Expr, length: exp.Expr) -> exp.Expr:
    """Return ``ip_prefix``, whose length must be a number from 0 to 128."""
    bits = whole_number(length)
    if bits is None or bits > 128:
        raise fault(length, _("The prefix length must be a number from 0 to 128"), ["24"])
    return _filled(prefix_of(_HOLE, bits), address)


def place(address: exp.Expr, *language: exp.Expr) -> exp.Expr:
    """Return where an address is: known for private space only, as long as no location database is loaded."""
    return call("flc_place", address)


def element(items: exp.Expr, key: exp.Expr) -> exp.Expr:
    """Return ``element_at`` of an array, counted from 1, or of a map by its key; NULL where there is none."""
    return exp.Bracket(this=exp.Paren(this=items), expressions=[key], offset=1)


def cardinality(items: exp.Expr) -> exp.Expr:
    """Return ``cardinality``: how many items an array or a map has."""
    return call("cardinality" if kind_of(items) == "map" else "len", items)


def _filled(sql: str, value: exp.Expr) -> exp.Expr:
    """Return SQL of the engine with an expression in place of the hole in it."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    for hole in [column for column in tree.find_all(exp.Column) if column.name == _HOLE]:
        hole.replace(exp.Paren(this=value.copy()))
    return exp.Paren(this=tree)


def _text(node: exp.Expr) -> exp.Expr:
    return exp.Paren(this=node) if kind_of(node) == "text" else exp.cast(node, exp.DType.VARCHAR)
