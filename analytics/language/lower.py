"""From a checked query to the engine's SQL: every name resolved, every type known, every function translated."""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.annotate_types import TypeAnnotator, annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from console.texts import Text as _
from flowlogs.record import FIELD_BY_NAME, NOT_APPLICABLE

from .columns import COLUMNS, SQL_TYPES, closest
from .dialect import LogService
from .functions import FUNCTIONS
from .guard import TABLE
from .kinds import kind_of, type_of
from .places import fault
from .times import call, timestamp

_SCHEMA = MappingSchema(
    {TABLE: {name: SQL_TYPES[kind] for name, kind in COLUMNS.items()}}, dialect=LogService
)
_MILLISECONDS = "%Y-%m-%d %H:%M:%S.%g"


def resolve(query: exp.Query) -> exp.Query:
    """Give every column its table and every expression its type; raises Fault for what cannot be resolved."""
    for select in list(query.find_all(exp.Select)):
        _complete(select)
    try:
        resolved = qualify(query, schema=_SCHEMA, dialect=LogService, validate_qualify_columns=False)
    except OptimizeError as error:
        raise fault(query, str(error).split("\n", 1)[0]) from error
    _check_columns(resolved)
    return annotate_types(resolved, schema=_SCHEMA, expression_metadata=_METADATA, dialect=LogService)


def _complete(select: exp.Select) -> None:
    """Add what may be left out: the table, which is ``log``, and Presto's names for columns without one."""
    if not select.args.get("from_"):
        select.set("from_", exp.From(this=exp.to_table(TABLE)))
    for place, item in enumerate(select.expressions):
        if not isinstance(item, exp.Alias | exp.Column | exp.Star):
            item.replace(exp.alias_(item.copy(), f"_col{place}"))


def translate(query: exp.Expr) -> exp.Expr:
    """Rewrite a resolved tree for the engine, innermost expressions first."""
    root = exp.Paren(this=query)
    for node in reversed(list(root.walk())):
        replacement = _translated(node)
        if replacement is not node:
            replacement.type = node.type
            replacement.meta.update(node.meta)
            node.replace(replacement)
    return root.this


def _translated(node: exp.Expr) -> exp.Expr:
    match node:
        case exp.Anonymous() if node.name.lower() in FUNCTIONS:
            return FUNCTIONS[node.name.lower()].build(*node.expressions)
        case exp.Div():
            return _divided(node)
        case exp.EQ() | exp.NEQ():
            return _compared(node)
        case exp.Cast():
            return _cast(node)
        case exp.CurrentTimestamp():
            return call("flc_now")
        case exp.CurrentDate():
            return exp.cast(call("flc_now"), exp.DType.DATE)
        case exp.Extract():
            node.set("expression", timestamp(node.expression))
    return node


def _divided(node: exp.Div) -> exp.Expr:
    """Divide whole numbers to a whole number, exactly, as Presto does; the engine's ``/`` gives a fraction."""
    kinds = {kind_of(node.this), kind_of(node.expression)}
    if "other" in kinds:
        raise fault(
            node,
            _("Cannot tell whether this division is of whole numbers"),
            ["CAST(… AS BIGINT)", "CAST(… AS DOUBLE)"],
        )
    left, right = exp.Paren(this=node.this), exp.Paren(this=node.expression)
    if kinds == {"long"}:
        return exp.Paren(this=exp.IntDiv(this=left, expression=right))
    return exp.Paren(this=exp.Div(this=left, expression=right, typed=False, safe=True))


def _compared(node: exp.EQ | exp.NEQ) -> exp.Expr:
    """Find what does not apply, which is NULL in storage, where a query compares a field with ``-``."""
    for value, literal in ((node.this, node.expression), (node.expression, node.this)):
        if literal.is_string and literal.name == NOT_APPLICABLE and isinstance(value, exp.Column):
            missing = exp.Is(this=value, expression=exp.Null())
            return exp.Paren(this=missing if isinstance(node, exp.EQ) else exp.Not(this=missing))
    return node


def _cast(node: exp.Cast) -> exp.Expr:
    """Round halves away from zero and write times with milliseconds, as Presto does."""
    kind = kind_of(node.this)
    if kind == "double" and node.to.is_type(*exp.DataType.INTEGER_TYPES):
        node.set("this", call("round", node.this))
    if kind == "timestamp" and node.to.is_type(*exp.DataType.TEXT_TYPES):
        return call("strftime", node.this, exp.Literal.string(_MILLISECONDS))
    if kind in ("long", "double") and node.to.is_type(exp.DType.TIMESTAMP):
        return timestamp(node.this)
    return node


def _annotate_call(annotator: TypeAnnotator, node: Any) -> Any:
    function = FUNCTIONS.get(node.name.lower())
    kind = function.kind(node.expressions) if function else "other"
    return annotator._set_type(node, type_of(kind))


_METADATA = {**LogService.EXPRESSION_METADATA, exp.Anonymous: {"annotator": _annotate_call}}


def _check_columns(query: exp.Query) -> None:
    for scope in traverse_scope(query):
        if not isinstance(scope.expression, exp.Select):
            continue
        unresolved = list(scope.unqualified_columns)
        if not scope.is_correlated_subquery:
            unresolved += scope.external_columns
        for column in unresolved:
            raise _unresolved(column, len(scope.selected_sources))


def _unresolved(column: exp.Column, sources: int) -> Exception:
    name = f"{column.table}.{column.name}" if column.table else column.name
    if sources > 1 and not column.table and column.name in COLUMNS:
        return fault(column, _("Column '%(column)s' is ambiguous; name the table that it is of", column=name))
    parent = column.parent
    if isinstance(parent, exp.Sub) and isinstance(parent.expression, exp.Column):
        hyphenated = f"{parent.this.name}-{parent.expression.name}"
        if hyphenated in FIELD_BY_NAME:
            return fault(
                column,
                _("Column '%(column)s' cannot be resolved;a name with a hyphen is quoted", column=name),
                [f'"{hyphenated}"'],
            )
    message = _(
        "Column '%(column)s' cannot be resolved;please add the column in the index attribute", column=name
    )
    return fault(column, message, closest(column.name))
