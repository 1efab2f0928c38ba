"""Template tags of pages with charts."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from analytics.assets import PREFIX, SCRIPT, STYLES, style_marks

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
        '<link rel="stylesheet" id="plotly.js-style-global" class="no-inline-styles" href="{}">{}' + script,
        static(f"{PREFIX}/{STYLES}"),
        marks,
        static(f"{PREFIX}/{SCRIPT}"),
    )
