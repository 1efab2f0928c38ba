"""What every template of the console writes the same way: bytes, counts, times, states, identifiers, icons."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zlib import crc32

from django import template
from django.core.paginator import Page
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext

from console import wording
from console.htmx import is_fragment

register = template.Library()

UNITS = ("B", "KB", "MB", "GB", "TB", "PB", "EB")
DOTS = {"success", "error", "warning", "info", "pending", "off"}
NOTHING = "-"
NO_BREAK = "\N{NO-BREAK SPACE}"


@register.filter
def bytesize(value: float | None) -> str:
    """Return a number of bytes as people read it: 1536 is 1.5 KB. Number and unit stay on one line.

    The one way to write bytes on all pages, in charts and in bills alike: each unit is 1024 of the one before, so a
    GB is 2**30 bytes, as the cloud bills it (10 TB are 10 240 GB). Rates alone, such as bps, are decimal.
    """
    if value is None:
        return NOTHING
    size = float(value)
    for unit in UNITS[:-1]:
        if abs(size) < 1024:
            return f"{size:,.0f}{NO_BREAK}{unit}" if unit == "B" else f"{size:,.1f}{NO_BREAK}{unit}"
        size /= 1024
    return f"{size:,.1f}{NO_BREAK}{UNITS[-1]}"


@register.filter
def count(value: float | None) -> str:
    """Return a number with its thousands apart."""
    return NOTHING if value is None else f"{int(value):,}"


@register.simple_tag
def when(moment: datetime | float | None) -> SafeString | str:
    """Return a time as how long ago it was, with the exact UTC time as its title. Numbers are Unix seconds."""
    if moment is None:
        return NOTHING
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    exact = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        exact.strftime("%Y-%m-%dT%H:%M:%SZ"),
        exact.strftime("%Y-%m-%d %H:%M:%S"),
        _relative(exact),
    )


@register.simple_tag
def status_dot(kind: str, label: object) -> SafeString:
    """Return a state as a dot and its name; kinds are success, error, warning, info, pending and off."""
    return format_html('<span class="status status-{}">{}</span>', kind if kind in DOTS else "off", label)


@register.simple_tag
def sentences(*parts: object) -> str:
    """Return sentences beside each other, apart as the language has it."""
    return wording.sentences(*parts)


@register.simple_tag
def refused(label: object, reason: object, style: str = "button", icon_name: str = "") -> SafeString:
    """Return a button that cannot be pressed now and says why, also to a keyboard, a finger and a screen reader.

    The same reason of the same label is there once in a page.
    """
    key = f"why-{crc32(f'{label}|{style}|{reason}'.encode()):x}"
    return refusal(key, label, reason, style, icon_name)


def refusal(key: str, label: object, reason: object, style: str, icon_name: str = "") -> SafeString:
    """Return the same with an ID of its own, where there are several alike."""
    return format_html(
        '<span class="refused"><button type="button" class="{}" aria-disabled="true" aria-describedby="{}">{}{}'
        '</button><span class="tooltip" role="tooltip" id="{}">{}</span></span>',
        style,
        key,
        icon(icon_name) if icon_name else "",
        label,
        key,
        reason,
    )


@register.simple_tag
def refused_act(act: Any, label: object, style: str = "button", icon_name: str = "") -> SafeString:
    """Return something to do that is refused: its address tells it from others alike."""
    key = f"why-{crc32(f'{label}|{act.url}'.encode()):x}"
    return refusal(key, label, act.refusal, style, icon_name)


@register.simple_tag
def gap() -> str:
    """Return what stands between two sentences that are written apart in a template."""
    return wording.gap()


@register.filter
def copyable(value: object) -> SafeString:
    """Return an identifier with a button that copies it."""
    return format_html(
        '<span class="copyable"><span class="identifier">{0}</span>'
        '<button type="button" class="copy" data-copy="{0}" aria-label="{2}">{1}</button></span>',
        value,
        icon("copy"),
        gettext("Copy %(value)s") % {"value": value},
    )


@register.filter
def strip(runs: Iterable[tuple[str, int]]) -> SafeString:
    """Return the parts of a strip of time: runs of one kind (class of the strip), and how long each is."""
    return format_html_join("", '<i class="{}" style="flex-grow:{}"></i>', runs)


@register.filter
def panel_base(request: Any) -> str:
    """Return the template that a panel extends: a dialog when htmx fetches it, a page of its own otherwise."""
    return "console/panel_dialog.html" if is_fragment(request) else "console/panel_page.html"


@register.filter
def page_numbers(page: Page[Any]) -> Iterator[int | str]:
    """Return the page numbers to offer, with an ellipsis where some are left out."""
    return page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)


@register.filter
def split_words(value: str) -> list[str]:
    """Return the members of a comma-separated list."""
    return [word.strip() for word in value.split(",")]


@register.filter
def get_item(mapping: Mapping[Any, Any] | None, key: object) -> Any:
    """Return a member of a mapping, or nothing."""
    return mapping.get(key) if mapping else None


@register.filter
def attribute(value: object, name: str) -> Any:
    """Return an attribute whose name the page chooses."""
    return getattr(value, name)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return one of the icons of static/console/icons.svg; what it stands for is said in words beside it."""
    return _icon(static("console/icons.svg"), name)


@cache
def _icon(file: str, name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', file, name)


def _relative(moment: datetime) -> str:
    now = timezone.now()
    seconds = (now - moment).total_seconds()
    if abs(seconds) < 60:
        return gettext("just now") if seconds >= 0 else gettext("in less than a minute")
    if seconds > 0:
        return gettext("%(time)s ago") % {"time": timesince(moment, now, depth=1)}
    return gettext("in %(time)s") % {"time": timeuntil(moment, now, depth=1)}
