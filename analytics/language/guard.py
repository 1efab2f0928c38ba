"""What SQL may be: one query over the table ``log``, made of known parts and allowed functions.

The guard reads the tree, never the text, and lists what may be there: what a later version of the parser
or the engine adds is refused until somebody adds it here.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope, traverse_scope

from .dialect import LogService
from .functions import FUNCTIONS, MANY, NOT_YET
from .places import fault

TABLE = "log"
OWN_PREFIX = "flc_"
MOST_NODES = 2000
LONGEST_LITERAL = 4096

_NODES = (
    *(exp.Select, exp.Union, exp.Intersect, exp.Except, exp.Subquery, exp.With, exp.CTE),
    *(exp.From, exp.Join, exp.Table, exp.TableAlias, exp.Unnest, exp.Where, exp.Group, exp.Having),
    *(exp.Order, exp.Ordered, exp.Limit, exp.Offset, exp.Distinct),
    *(
        exp.Column,
        exp.Identifier,
        exp.Star,
        exp.Alias,
        exp.Literal,
        exp.Boolean,
        exp.Null,
        exp.Paren,
        exp.Tuple,
    ),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe),
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ),
    *(exp.And, exp.Or, exp.Not, exp.Is, exp.In, exp.Between, exp.Like, exp.Escape, exp.Exists),
    *(exp.Case, exp.If, exp.Cast, exp.TryCast, exp.DataType, exp.Interval, exp.Var, exp.Extract),
    *(exp.Anonymous, exp.CurrentTimestamp, exp.CurrentDate, exp.Array, exp.Bracket),
    *(exp.Window, exp.WindowSpec, exp.Filter, exp.IgnoreNulls, exp.Cube, exp.Rollup, exp.GroupingSets),
)
_SELECT_PARTS = frozenset(
    {
        "with_",
        "distinct",
        "expressions",
        "from_",
        "joins",
        "where",
        "group",
        "having",
        "order",
        "limit",
        "offset",
    }
)
_TABLE_PARTS = frozenset({"this", "alias", "joins"})
_CAST_TYPES = frozenset(
    exp.DType[name]
    for name in ("BIGINT", "INT", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT", "DECIMAL", "VARCHAR", "BOOLEAN")
) | {exp.DType.DATE, exp.DType.TIMESTAMP}


def check(statements: list[exp.Expr | None], begin: exp.Expr) -> exp.Query:
    """Return the one query of a parsed text; raises Fault for everything that may not be there."""
    query = statements[0] if len(statements) == 1 else None
    if not isinstance(query, exp.Select | exp.SetOperation):
        raise fault(begin, "Only one query is allowed", ["select", "with"])
    for count, node in enumerate(query.walk()):
        if count > MOST_NODES:
            raise fault(begin, f"A query has at most {MOST_NODES} parts")
        _check_node(node)
    normalize_identifiers(query, dialect=LogService)
    _check_tables(query)
    return query


def _check_node(node: exp.Expr) -> None:
    if type(node) not in _NODES:
        raise fault(node, f"{_readable(node)} is not available in a query")
    if isinstance(node, exp.Anonymous):
        _check_function(node)
    elif isinstance(node, exp.Select):
        _check_parts(node, _SELECT_PARTS)
        if not node.expressions:
            raise fault(node, "SELECT needs columns", ["*", "a column"])
    elif isinstance(node, exp.Table):
        _check_parts(node, _TABLE_PARTS)
    elif isinstance(node, exp.With) and node.recursive:
        raise fault(node, "WITH RECURSIVE is not available")
    elif isinstance(node, exp.DataType) and node.this not in _CAST_TYPES:
        raise fault(
            node, f"The type {node.sql()} is not available", sorted(kind.name for kind in _CAST_TYPES)
        )
    elif isinstance(node, exp.Literal) and len(node.name) > LONGEST_LITERAL:
        raise fault(node, f"A value has at most {LONGEST_LITERAL} characters")
    elif isinstance(node, exp.Identifier) and node.name.lower().startswith(OWN_PREFIX):
        raise fault(node, f"Names cannot begin with {OWN_PREFIX}")
    elif isinstance(node, exp.CTE) and node.alias.lower() == TABLE:
        raise fault(node, f"{TABLE} is the Logstore itself; choose another name")


def _check_function(call: exp.Anonymous) -> None:
    name = call.name.lower()
    if name in NOT_YET:
        raise fault(call, f"The function {name} is not available yet")
    if name not in FUNCTIONS:
        alike = sorted(other for other in FUNCTIONS if other.startswith(name[:3]))
        raise fault(call, f"The function {name} does not exist", alike)
    function = FUNCTIONS[name]
    if not function.fewest <= len(call.expressions) <= function.most:
        raise fault(call, f"{name} takes {_span(function.fewest, function.most)}")


def _span(fewest: int, most: int) -> str:
    if most == MANY:
        return f"{fewest} or more arguments"
    if fewest == most:
        return f"{fewest} argument{'' if fewest == 1 else 's'}"
    return f"{fewest} to {most} arguments"


def _check_parts(node: exp.Expr, allowed: frozenset[str]) -> None:
    for name, value in node.args.items():
        if value and name not in allowed:
            raise fault(node, f"{name.strip('_').upper()} is not available in a query")


def _check_tables(query: exp.Query) -> None:
    """Allow only ``log`` and, by scope, the names that a WITH gives."""
    names = {cte.alias for cte in query.find_all(exp.CTE)}
    named_by_with = {
        id(table)
        for scope in traverse_scope(query)
        for alias, table in scope.references
        if isinstance(scope.sources.get(alias), Scope)
    }
    for table in query.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise fault(table, "A function is not a table")
        if table.name != TABLE and not (table.name in names and id(table) in named_by_with):
            raise fault(table, f"Table {table.name!r} does not exist", [TABLE])


def _readable(node: exp.Expr) -> str:
    return "".join(f" {letter}" if letter.isupper() else letter for letter in type(node).__name__).strip()
