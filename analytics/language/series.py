"""``time_series``: a group per period of time, with the periods that have no log filled in.

The query without it becomes the rows of the periods that have logs; around it goes a query that counts all
periods of the time range, joins the rows and fills the gaps.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from console.texts import Text as _
from flowlogs.record import quote

from .functions import FUNCTIONS
from .kinds import kind_of
from .places import fault
from .times import period, time_format

NAME = "time_series"
MOST_PERIODS = 100_000
FILLED_BY_ROWS = ("last", "next", "avg")
PADS = ("0", "null", *FILLED_BY_ROWS)


@dataclass(frozen=True, slots=True)
class Series:
    """How the result of a query with time_series is filled: names of its columns, period, format, pad."""

    time: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    order: tuple[str, ...]
    seconds: int
    format: str
    pad: str

    def wrap(self, rows: str, limit: str) -> str:
        """Return the query that fills the gaps of another, printed, one."""
        time = quote(self.time)
        keys = ", ".join(quote(key) for key in self.keys)
        groups = f"(SELECT DISTINCT {keys} FROM flc_rows)" if keys else "(SELECT 1)"
        same = "".join(f" AND r.{quote(key)} IS NOT DISTINCT FROM k.{quote(key)}" for key in self.keys)
        return (
            f"WITH flc_rows AS ({rows}), flc_slots AS (SELECT range AS flc_slot FROM "
            f"range(flc_from() - flc_from() % {self.seconds}, flc_to(), {self.seconds}) LIMIT {MOST_PERIODS}) "
            f"SELECT {', '.join(map(self._column, self.columns))} "
            f"FROM flc_slots AS s CROSS JOIN {groups} AS k "
            f"LEFT JOIN flc_rows AS r ON r.{time} = s.flc_slot{same}{self._windows()} "
            f"ORDER BY {', '.join(self.order)}{limit}"
        )

    def _column(self, name: str) -> str:
        column = quote(name)
        if name == self.time:
            shown = self.format.replace("'", "''")
            return f"strftime(make_timestamp(s.flc_slot * 1000000), '{shown}') AS {column}"
        if name in self.keys:
            return f"k.{column} AS {column}"
        value = f"r.{column}"
        if self.pad != "null":
            value = f"CASE WHEN r.{quote(self.time)} IS NULL THEN {self._fill(value)} ELSE {value} END"
        return f"{value} AS {column}"

    def _fill(self, value: str) -> str:
        before = f"last_value({value} IGNORE NULLS) OVER flc_before"
        after = f"first_value({value} IGNORE NULLS) OVER flc_after"
        return {"0": "0", "last": before, "next": after, "avg": f"({before} + {after}) / 2"}[self.pad]

    def _windows(self) -> str:
        if self.pad not in FILLED_BY_ROWS:
            return ""
        groups = ", ".join(f"k.{quote(key)}" for key in self.keys)
        frame = f"{f'PARTITION BY {groups} ' if groups else ''}ORDER BY s.flc_slot ROWS BETWEEN"
        return (
            f" WINDOW flc_before AS ({frame} UNBOUNDED PRECEDING AND CURRENT ROW), "
            f"flc_after AS ({frame} CURRENT ROW AND UNBOUNDED FOLLOWING)"
        )


def take_series(query: exp.Query) -> Series | None:
    """Take time_series out of a resolved query and leave the number of the period in its place.

    Returns None when the query has none; raises Fault when it stands where it cannot.
    """
    calls = [call for call in query.find_all(exp.Anonymous) if call.name.lower() == NAME]
    if not calls:
        return None
    columns = [item for item in query.selects if item.this in calls] if isinstance(query, exp.Select) else []
    if len(columns) != 1 or not query.args.get("group") or any(call != columns[0].this for call in calls):
        message = _(
            "%(function)s needs one column of the outer SELECT, a GROUP BY and an ORDER BY of it",
            function=NAME,
        )
        raise fault(calls[0], message)
    series = _series(query, columns[0])
    for call in calls:
        call.replace(_slot(call, series.seconds))
    query.set("order", None)
    return series


def _series(query: exp.Query, column: exp.Expr) -> Series:
    interval, pattern, pad = column.this.expressions[1:]
    if pad.name.lower() not in PADS:
        raise fault(
            column, _("%(function)s cannot fill with %(text)s", function=NAME, text=repr(pad.name)), PADS
        )
    others = [item for item in query.selects if item is not column]
    return Series(
        time=column.alias_or_name,
        keys=tuple(item.alias_or_name for item in others if not _aggregates(item)),
        columns=tuple(item.alias_or_name for item in query.selects),
        order=_order(query, column),
        seconds=period(interval),
        format=time_format(pattern),
        pad=pad.name.lower(),
    )


def _aggregates(item: exp.Expr) -> bool:
    return any(
        function.aggregates
        for call in item.find_all(exp.Anonymous)
        if (function := FUNCTIONS.get(call.name.lower()))
    )


def _order(query: exp.Query, column: exp.Expr) -> tuple[str, ...]:
    """Return the terms of ORDER BY over the filled result; by time where the query has none."""
    order = query.args.get("order")
    terms = [_term(query, column, ordered) for ordered in (order.expressions if order else [])]
    return tuple(terms) or ("s.flc_slot",)


def _term(query: exp.Query, column: exp.Expr, ordered: exp.Ordered) -> str:
    direction = " DESC" if ordered.args.get("desc") else ""
    if ordered.this in (column.this, exp.column(column.alias_or_name, quoted=True)):
        return f"s.flc_slot{direction}"
    if isinstance(ordered.this, exp.Column) and ordered.this.name in query.named_selects:
        return f"{quote(ordered.this.name)}{direction}"
    message = _("With %(function)s, ORDER BY takes names of the result's columns", function=NAME)
    raise fault(ordered, message, query.named_selects)


def _slot(call: exp.Anonymous, seconds: int) -> exp.Expr:
    value = call.expressions[0]
    if kind_of(value) != "long":
        raise fault(call, _("%(function)s needs Unix seconds", function=NAME), ["__time__"])
    remainder = exp.Mod(this=exp.Paren(this=value.copy()), expression=exp.Literal.number(seconds))
    slot = exp.Paren(this=exp.Sub(this=exp.Paren(this=value.copy()), expression=remainder))
    slot.type = call.type
    return slot
