"""Texts of pure modules in the language of the page."""

from typing import Any

from django.utils.translation import get_language, gettext, pgettext_lazy

from console.texts import said

CREATED = pgettext_lazy("change", "Created")
"""What happened to a thing, in histories; the heading "Created" stands above a time, which Chinese says otherwise."""


def sentences(*parts: object) -> str:
    """Join sentences as the language of the page does: Chinese writes no space between them. Empty ones go."""
    return gap().join(text for text in map(str, parts) if text)


def gap() -> str:
    """Return what stands between two sentences in the language of the page."""
    return "" if (get_language() or "").startswith("zh") else " "


def in_words(value: Any) -> str:
    """Return a text, or what an error says, in the language of the page; what is no text of ours stays as it is."""
    if isinstance(value, BaseException):
        value = value.args[0] if value.args else ""
    return str(said(value, gettext))
