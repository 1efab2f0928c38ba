"""What SQL may be: one query over the table ``log``, made of known parts and allowed functions.

The guard reads the tree, never the text, and lists what may be there: what a later version of the parser
or the engine adds is refused until somebody adds it here.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope, traverse_scope

from console.texts import Text

from .dialect import LogService
from .functions import FUNCTIONS, MANY, NOT_YET
from .places import fault
from .tokens import LONGEST_VALUE

_ = Text
TABLE = "log"
OWN_PREFIX = "flc_"
MOST_NODES = 2000

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
        raise fault(begin, _("Only one query is allowed"), ["select", "with"])
    for count, node in enumerate(query.walk()):
        if count > MOST_NODES:
            raise fault(begin, _("A query has at most %(most)s parts", most=MOST_NODES))
        _check_node(node)
    normalize_identifiers(query, dialect=LogService)
    _check_tables(query)
    return query


def _check_node(node: exp.Expr) -> None:
    if type(node) not in _NODES:
        raise fault(node, _("%(part)s is not available in a query", part=_readable(node)))
    if isinstance(node, exp.Anonymous):
        _check_function(node)
    elif isinstance(node, exp.Select):
        _check_parts(node, _SELECT_PARTS)
        if not node.expressions:
            raise fault(node, _("SELECT needs columns"), ["*", _("a column")])
    elif isinstance(node, exp.Table):
        _check_parts(node, _TABLE_PARTS)
    elif isinstance(node, exp.With) and node.recursive:
        raise fault(node, _("WITH RECURSIVE is not available"))
    elif isinstance(node, exp.DataType) and node.this not in _CAST_TYPES:
        raise fault(
            node,
            _("The type %(type)s is not available", type=node.sql()),
            sorted(kind.name for kind in _CAST_TYPES),
        )
    elif isinstance(node, exp.Literal) and len(node.name) > LONGEST_VALUE:
        raise fault(node, _("A value has at most %(most)s characters", most=LONGEST_VALUE))
    elif isinstance(node, exp.Identifier) and node.name.lower().startswith(OWN_PREFIX):
        raise fault(node, _("Names cannot begin with %(prefix)s", prefix=OWN_PREFIX))
    elif isinstance(node, exp.CTE) and node.alias.lower() == TABLE:
        raise fault(node, _("%(table)s is the Logstore itself; choose another name", table=TABLE))


def _check_function(call: exp.Anonymous) -> None:
    name = call.name.lower()
    if name in NOT_YET:
        raise fault(call, _("The function %(function)s is not available yet", function=name))
    if name not in FUNCTIONS:
        alike = sorted(other for other in FUNCTIONS if other.startswith(name[:3]))
        raise fault(call, _("The function %(function)s does not exist", function=name), alike)
    function = FUNCTIONS[name]
    if not function.fewest <= len(call.expressions) <= function.most:
        raise fault(call, _takes(name, function.fewest, function.most))


def _takes(function: str, fewest: int, most: int) -> Text:
    if most == MANY:
        return _("%(function)s takes %(count)s or more arguments", function=function, count=fewest)
    if fewest != most:
        return _(
            "%(function)s takes %(fewest)s to %(most)s arguments", function=function, fewest=fewest, most=most
        )
    if fewest == 1:
        return _("%(function)s takes 1 argument", function=function)
    return _("%(function)s takes %(count)s arguments", function=function, count=fewest)


def _check_parts(node: exp.Expr, allowed: frozenset[str]) -> None:
    for name, value in node.args.items():
        if value and name not in allowed:
            raise fault(node, _("%(part)s is not available in a query", part=name.strip("_").upper()))


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
            raise fault(table, _("A function is not a table"))
        if table.name != TABLE and not (table.name in names and id(table) in named_by_with):
            raise fault(table, _("Table %(table)s does not exist", table=repr(table.name)), [TABLE])


def _readable(node: exp.Expr) -> str:
    return "".join(f" {letter}" if letter.isupper() else letter for letter in type(node).__name__).strip()
