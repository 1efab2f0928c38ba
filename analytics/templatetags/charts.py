"""Template tags of pages with charts."""

from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import dates
from django.utils.html import format_html, format_html_join, json_script
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from analytics.assets import PREFIX, SCRIPT, STYLES, style_marks
from console.foreign_words import PLOTLY

register = template.Library()


@register.simple_tag
def plotly(*, on_demand: bool = False) -> SafeString:
    """Return what a page of charts needs in its head; some of it stops Plotly from adding styles of its own.

    With ``on_demand`` the script itself is only fetched for the first chart.
    """
    marks = format_html_join("", '<template id="{}"></template>', ((mark,) for mark in style_marks()))
    script = (
        '<template data-plotly-src="{}"></template>'
        if on_demand
        else '<script src="{}" defer data-plotly></script>'
    )
    return format_html(
        '<link rel="stylesheet" id="plotly.js-style-global" class="no-inline-styles" href="{}">{}{}' + script,
        static(f"{PREFIX}/{STYLES}"),
        marks,
        json_script(words(), "chart-words"),
        static(f"{PREFIX}/{SCRIPT}"),
    )


def words() -> dict[str, Any]:
    """Return what charts say, and names of days and months, in the language of the page; dates are ISO in all.

    In the shape of a locale of Plotly, without its name.
    """
    weeks = (dates.WEEKDAYS, dates.WEEKDAYS_ABBR)
    days, short_days = ([str(names[day]) for day in (6, 0, 1, 2, 3, 4, 5)] for names in weeks)
    months, short_months = (
        [str(name).capitalize() for name in names.values()] for names in (dates.MONTHS, dates.MONTHS_3)
    )
    return {
        "dictionary": {text: gettext(text) for text in PLOTLY},
        "format": {
            "days": days,
            "shortDays": short_days,
            "months": months,
            "shortMonths": short_months,
            "date": "%Y-%m-%d",
            "month": "%Y-%m",
            "dayMonth": "%m-%d",
            "dayMonthYear": "%Y-%m-%d",
        },
    }


@register.simple_tag
def log_value(cell: dict[str, Any], as_button: bool) -> SafeString | str:
    """Return a value of a log: its text, or, without scripts on demand, a button that adds it to the query.

    A page has hundreds of them, for which a template would take ten times as long.
    """
    if not cell["term"]:
        return mark_safe('<span class="muted">-</span>')
    look = f"status status-{cell['mark']}" if cell["mark"] else ""
    if not as_button and not look and not cell["hint"]:
        return str(cell["text"])
    title = format_html(' title="{}"', cell["hint"]) if cell["hint"] else ""
    if as_button:
        button = '<button class="{}" data-value name="add" value="{}"{}>{}</button>'
        return format_html(button, f"value {look}".strip(), cell["term"], title, cell["text"])
    return format_html(
        "<span{}{}>{}</span>", format_html(' class="{}"', look) if look else "", title, cell["text"]
    )
