"""What the tables of network resources are made of, by the hundred a page: cells and what can be done to a row."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from console.templatetags.console import NOTHING, icon, refused_act, when

register = template.Library()
EMPTY = SafeString("")
COPIED = '<br><span class="copyable"><span class="identifier">{}</span></span>'


@register.simple_tag
def network_cell(shown: Any) -> SafeString:
    """Return a cell of ``flowlogs.views.network_shown``: its text or link, tag, ID and quiet line."""
    cell = shown.cell
    if cell.at is not None:
        text: Any = when(cell.at)
    elif shown.url:
        text = format_html('<a href="{}">{}</a>', shown.url, cell.text)
    else:
        text = cell.text if cell.text or cell.text == 0 else "" if cell.tag else NOTHING
    tag = format_html(' <span class="tag tag-{}">{}</span>', cell.tag_kind, cell.tag) if cell.tag else EMPTY
    copied = cell.copied if cell.copied != cell.text else ""
    # its button would be a fifth of a table, and is of no use without scripts: copy.js adds it
    copy = format_html(COPIED, copied) if copied else EMPTY
    sub = format_html('<span class="sub">{}</span>', cell.sub) if cell.sub else EMPTY
    own = format_html('<span class="sub sub-id">{}</span>', cell.sub_id) if cell.sub_id else EMPTY
    return format_html("{}{}{}{}{}", text, tag, copy, sub, own)


@register.simple_tag
def network_act(
    act: Any,
    label: Any,
    style: str,
    icon_name: str = "",
    query: Iterable[tuple[str, str]] = (),
    is_panel: bool = True,
) -> SafeString:
    """Return what can be done as a link, which opens a panel, or as a button that says why it cannot be."""
    picture = icon(icon_name) if icon_name else EMPTY
    if act.refusal:
        return refused_act(act, label, style, icon_name)
    url = f"{act.url}?{urlencode(list(query))}" if query else act.url
    panel = SafeString(" data-panel") if is_panel else EMPTY
    return format_html('<a class="{}" href="{}"{}>{}{}</a>', style, url, panel, picture, label)
