"""Texts of modules that know no language: found where they are written, put into a language where they are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Say = Callable[[str], str]
"""What returns a text in some language, such as Django's gettext."""


def noop(text: str) -> str:
    """Mark a text for translation, which is up to whoever shows it."""
    return text


class Text:
    """A text of ours with the values of its placeholders, ``%(name)s``; as a string it is English.

    A value may be a text again. What is a plain string beside it is data and stays as it is.
    """

    __slots__ = ("params", "template")

    def __init__(self, template: str, **params: Any) -> None:
        self.template = template
        self.params = params

    def __str__(self) -> str:
        return self.said(str)

    def __repr__(self) -> str:
        return f"Text({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def said(self, say: Say) -> str:
        """Return the text in the language of ``say``."""
        params = {name: said(value, say) for name, value in self.params.items()}
        return say(self.template) % params if params else say(self.template)


def said(value: Any, say: Say) -> Any:
    """Return a text in the language of ``say``, anything else as it is."""
    return value.said(say) if isinstance(value, Text) else value
