"""Figures without colours: series over time, columns and ranked bars.

Text of records is data, never markup: Plotly reads a little HTML in names and labels, so it is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from console.texts import Say
from console.texts import noop as _

from .instants import seconds, stamp
from .spec import Columns, Figure, Rows, Span, Spec
from .units import AXIS_TITLES, axis, human, is_number

MOST_SERIES = 20
_LABEL_LENGTH = 44
_ROLES = {"ACCEPT": "ACCEPT", "REJECT": "REJECT", "IN": "in", "OUT": "out"}
_ROOM_FOR_TEXT = 64
_ROOM_FOR_MODEBAR = 28
_MARGIN = {"l": 8, "r": 16, "t": 8, "b": 8, "pad": 4}


@dataclass(frozen=True, slots=True)
class _Series:
    """One line of a chart: its values by place on the x axis."""

    name: str
    points: dict[Any, Any]
    role: str


def draw(
    spec: Spec,
    columns: Columns,
    rows: Rows,
    span: Span | None = None,
    until: int | None = None,
    say: Say = str,
) -> Figure | None:
    """Return the figure of a result, or None where there is nothing to draw.

    Over time, ``span`` sets the axis, and a bucket without a row is drawn as 0: no record means no
    traffic, not a straight line between its neighbours. ``until`` (Unix s) leaves out later buckets, which
    are not complete yet. ``say`` puts the titles of axes into a language.
    """
    if not rows or spec.kind in ("table", "tiles"):
        return None
    places, series = _collect(spec, columns, rows)
    if spec.kind == "ranking":
        return _ranking(spec, places, series, say)
    moments = [seconds(place) for place in places]
    if all(moment is not None for moment in moments):
        return _over_time(spec, places, series, span, until, say)
    return _by_category(spec, places, series, say)


def _collect(spec: Spec, columns: Columns, rows: Rows) -> tuple[list[Any], list[_Series]]:
    """Return the places on the x axis in their order, and the series by name in theirs."""
    at = {name: place for place, name in enumerate(columns)}
    x = at[spec.x]
    places = list(dict.fromkeys(row[x] for row in rows))
    by_name: dict[str, dict[Any, Any]] = {} if spec.series else {name: {} for name in spec.y}
    for row in rows:
        if spec.series:
            name = "-" if row[at[spec.series]] is None else str(row[at[spec.series]])
            by_name.setdefault(name, {})[row[x]] = _value(row[at[spec.y[0]]])
            continue
        for name in spec.y:
            by_name[name][row[x]] = _value(row[at[name]])
    series = [_Series(spec.label(name), points, _role(spec, name)) for name, points in by_name.items()]
    return places, series[:MOST_SERIES]


def _role(spec: Spec, name: str) -> str:
    return spec.roles.get(name) or _ROLES.get(spec.label(name).upper(), "")


def _over_time(
    spec: Spec,
    places: list[Any],
    series: Sequence[_Series],
    span: Span | None,
    until: int | None,
    say: Say,
) -> Figure | None:
    by_second = {seconds(place): place for place in places}
    moments = sorted(moment for moment in by_second if moment is not None)
    if span and all(moment % span.step == 0 for moment in moments):
        moments = sorted(set(moments) | set(span.buckets()))
        missing: Any = 0
    else:
        missing = None
    if until is not None:
        moments = [moment for moment in moments if moment < until]
    if not moments:
        return None
    x = [stamp(moment) for moment in moments]
    traces = []
    for place, each in enumerate(series):
        values = [each.points.get(by_second.get(moment), missing) for moment in moments]
        traces.append(_trace(spec, each, place, x, values))
    layout = _layout(spec, len(series), say)
    layout["xaxis"] |= {
        "type": "date",
        "hoverformat": "%Y-%m-%d %H:%M:%S UTC",
        "title": {"text": say(_("Time (UTC)"))},
    }
    if span:
        layout["xaxis"]["range"] = [stamp(span.start), stamp(span.end)]
    layout["hovermode"] = "x unified"
    return {"data": traces, "layout": layout}


def _by_category(spec: Spec, places: list[Any], series: Sequence[_Series], say: Say) -> Figure:
    labels = [_label(place) for place in places]
    traces = [
        _trace(spec, each, place, labels, [each.points.get(at) for at in places])
        for place, each in enumerate(series)
    ]
    layout = _layout(spec, len(series), say)
    layout["xaxis"] |= {"type": "category", "title": {"text": plain(spec.label(spec.x))}, **_ticks(labels)}
    layout["hovermode"] = "x unified"
    return {"data": traces, "layout": layout}


def _ranking(spec: Spec, places: list[Any], series: Sequence[_Series], say: Say) -> Figure:
    labels = [_label(place) for place in places]
    traces = []
    for each in series:
        values = [each.points.get(at) for at in places]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": plain(each.name),
                "x": values,
                "y": labels,
                "customdata": [human(value, spec.unit) for value in values],
                "hovertemplate": "%{y}: %{customdata}",
                **_meaning(each, "bar"),
            }
        )
    layout = _layout(spec, len(series), say)
    layout["xaxis"] |= {**axis(spec.unit), "rangemode": "tozero", "nticks": 5, "tickangle": 0}
    layout["yaxis"] = {"type": "category", "autorange": "reversed", "automargin": True, "showgrid": False}
    layout["yaxis"] |= _ticks(labels)
    layout["barmode"] = "stack" if spec.stacked else "group"
    layout["hovermode"] = "closest"
    layout["margin"]["t"] = _ROOM_FOR_MODEBAR
    if len(series) == 1:
        traces[0]["hoverlabel"] = {"namelength": 0}
        layout["margin"]["r"] = _ROOM_FOR_TEXT
        layout["annotations"] = _values_beside(traces[0]["customdata"])
    return {"data": traces, "layout": layout}


def _values_beside(values: list[str]) -> list[dict[str, Any]]:
    """Return the values in words in a column right of the bars, where any text has its contrast."""
    return [
        {
            "text": text,
            "x": 1,
            "xref": "paper",
            "xanchor": "left",
            "xshift": 4,
            "y": place,
            "showarrow": False,
        }
        for place, text in enumerate(values)
    ]


def _trace(spec: Spec, series: _Series, place: int, x: list[str], y: list[Any]) -> dict[str, Any]:
    trace: dict[str, Any] = {"name": plain(series.name), "x": x, "y": y}
    if spec.unit == "bytes":
        trace |= {"customdata": [human(value, spec.unit) for value in y], "hovertemplate": "%{customdata}"}
    if spec.kind == "bar":
        return trace | {"type": "bar"} | _meaning(series, "bar")
    trace |= {"type": "scatter", "mode": "lines" if len(x) > 1 else "markers", "line": {"width": 1.5}}
    if spec.kind == "area":
        trace["fill"] = "tozeroy"
        if spec.stacked:
            trace |= {"stackgroup": "all", "fill": "tonexty" if place else "tozeroy"}
    return trace | _meaning(series, spec.kind)


def _meaning(series: _Series, kind: str) -> dict[str, Any]:
    """Return what marks a series with a meaning: its role for the colour, and a pattern for REJECT."""
    if not series.role:
        return {}
    marks: dict[str, Any] = {"meta": {"role": series.role}}
    if series.role in ("REJECT", "out"):
        if kind == "bar":
            marks["marker"] = {"pattern": {"shape": "/", "solidity": 0.4, "size": 6}}
        else:
            marks["line"] = {"width": 2, "dash": "dot" if series.role == "REJECT" else "dash"}
        if kind == "area" and series.role == "REJECT":
            marks["fillpattern"] = {"shape": "/", "solidity": 0.2, "size": 6}
    return marks


def _layout(spec: Spec, series: int, say: Say) -> dict[str, Any]:
    value_axis = {"rangemode": "tozero", "automargin": True, "nticks": 6, **axis(spec.unit)}
    if spec.unit in AXIS_TITLES:
        value_axis["title"] = {"text": say(AXIS_TITLES[spec.unit])}
    return {
        "margin": {**_MARGIN},
        "autosize": True,
        "showlegend": series > 1,
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "xanchor": "left",
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "xaxis": {
            "automargin": True,
            "showgrid": spec.kind == "ranking",
            "fixedrange": spec.kind == "ranking",
        },
        "yaxis": value_axis,
        "barmode": "stack" if spec.stacked else "group",
        "bargap": 0.2,
        "meta": {"bytes": ("x" if spec.kind == "ranking" else "y") if spec.unit == "bytes" else ""},
    }


def _value(value: Any) -> Any:
    return value if is_number(value) else None


def _label(value: Any) -> str:
    return plain("-" if value is None else str(value))


def _ticks(labels: list[str]) -> dict[str, Any]:
    """Return shortened tick labels where one is too long; the whole label still tells the bars apart."""
    if all(len(label) <= _LABEL_LENGTH for label in labels):
        return {}
    short = [label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 1] + "…" for label in labels]
    return {"tickmode": "array", "tickvals": labels, "ticktext": short}


def plain(text: str) -> str:
    """Return a text in which Plotly finds no markup, and no placeholder of a hover template."""
    return escape(text, quote=False).replace("%{", "%\u200b{")
