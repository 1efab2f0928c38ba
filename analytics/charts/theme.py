"""Two themes for every figure: the palette of the console, and colours by meaning where a series has one.

Every palette colour keeps a contrast of at least 3 : 1 on its card. A colour is never all that tells
ACCEPT from REJECT: the figures give rejected series a pattern or a dash as well.
"""

from __future__ import annotations

import copy
from typing import Any, Literal

from .spec import Figure

ThemeName = Literal["light", "dark"]
FONT = '-apple-system,BlinkMacSystemFont,"Segoe UI","PingFang SC","Microsoft YaHei",Roboto,sans-serif'

PALETTES: dict[ThemeName, tuple[str, ...]] = {
    "light": ("#0064c8", "#14907e", "#b7791f", "#7a5af0", "#c2417f", "#4b7f1f", "#d9480f", "#5b6472"),
    "dark": ("#5cadff", "#00dccd", "#ffd74d", "#ae66fc", "#ff445f", "#4dde6d", "#ff934d", "#9aa4b2"),
}
# Where a series has a meaning, its place in the palette.
ROLES: dict[str, int] = {"ACCEPT": 0, "REJECT": 6, "in": 1, "out": 3}

_INK: dict[ThemeName, dict[str, str]] = {
    "light": {
        "text": "#555555",
        "line": "#e5e5e5",
        "axis": "#8a8f99",
        "card": "#ffffff",
        "strong": "#333333",
    },
    "dark": {"text": "#d9d9d9", "line": "#343434", "axis": "#969696", "card": "#343434", "strong": "#eeeeee"},
}
_FILL_OPACITY = "33"


def styles(figure: Figure) -> dict[ThemeName, dict[str, Any]]:
    """Return for each theme what to merge into the figure: one patch a trace, and the layout's template."""
    return {theme: _style(figure, theme) for theme in PALETTES}


def paint(figure: Figure, theme: ThemeName) -> Figure:
    """Return the figure in a theme, ready for Plotly."""
    style = _style(figure, theme)
    traces = [_merged(trace, patch) for trace, patch in zip(figure["data"], style["traces"], strict=True)]
    return {"data": traces, "layout": {**copy.deepcopy(figure["layout"]), **style["layout"]}}


def template(theme: ThemeName) -> dict[str, Any]:
    """Return the layout template of a theme: transparent, grid, axes and text in the console's tokens."""
    ink = _INK[theme]
    axis = {
        "gridcolor": ink["line"],
        "linecolor": ink["axis"],
        "tickcolor": ink["axis"],
        "zerolinecolor": ink["line"],
        "tickfont": {"color": ink["text"], "size": 12},
        "title": {"font": {"color": ink["text"], "size": 12}},
    }
    return {
        "layout": {
            "font": {"family": FONT, "size": 12, "color": ink["text"]},
            "colorway": list(PALETTES[theme]),
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "hoverlabel": {
                "bgcolor": ink["card"],
                "bordercolor": ink["axis"],
                "font": {"family": FONT, "size": 12, "color": ink["strong"]},
            },
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": ink["axis"], "activecolor": ink["strong"]},
            "xaxis": axis,
            "yaxis": axis,
        }
    }


def _style(figure: Figure, theme: ThemeName) -> dict[str, Any]:
    palette = PALETTES[theme]
    traces = []
    for place, trace in enumerate(figure["data"]):
        role = trace.get("meta", {}).get("role", "")
        traces.append(_colours(trace, palette[ROLES.get(role, place) % len(palette)]))
    return {"traces": traces, "layout": {"template": template(theme)}}


def _colours(trace: dict[str, Any], colour: str) -> dict[str, Any]:
    if trace["type"] == "bar":
        marker: dict[str, Any] = {"color": colour}
        if trace.get("marker", {}).get("pattern", {}).get("shape"):
            # The stripes are the colour itself on a lighter ground, so that both keep their contrast.
            marker = {"color": colour, "pattern": {"fgcolor": colour, "bgcolor": colour + _FILL_OPACITY}}
            marker["line"] = {"color": colour, "width": 1}
        return {"marker": marker}
    patch: dict[str, Any] = {"line": {"color": colour}, "marker": {"color": colour}}
    if trace.get("fill"):
        patch["fillcolor"] = colour + _FILL_OPACITY
    if trace.get("fillpattern"):
        patch["fillpattern"] = {"fgcolor": colour, "bgcolor": colour + _FILL_OPACITY}
    return patch


def _merged(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(base)
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged
