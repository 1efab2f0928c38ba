"""Texts of pure modules in the language of the page."""

from typing import Any

from django.utils.translation import gettext

from console.texts import said


def in_words(value: Any) -> str:
    """Return a text, or what an error says, in the language of the page; what is no text of ours stays as it is."""
    if isinstance(value, BaseException):
        value = value.args[0] if value.args else ""
    return str(said(value, gettext))
