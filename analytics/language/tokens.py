"""The words and signs of the search part of a query."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from console.texts import Text as _

from .errors import error_at

Kind = Literal["word", "quoted", "sign", "end"]
LONGEST_VALUE = 4096

_SPACE = re.compile(r"\s+")
_SIGN = re.compile(r">=|<=|[:()\[\]<>=,]")
# An IPv6 address, whole, short or with wildcards, is one word although ":" is a sign.
_IPV6 = re.compile(r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.*?/]*(?![^\s()|,])")
_WORD = re.compile(r"[^\s\"'()\[\]:<>=|,;!#\\]+")
_ESCAPED = re.compile(r"\\([\"'\\])")
_HINTS = {
    "!": _("Write not key:value to exclude a value"),
    "#": _('Phrase search is not available; write key:"value"'),
    ";": _("A query has no semicolon"),
    "\\": _("A backslash must stand in quotation marks"),
}


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a quoted text without its marks, a sign, or the end; with its place in the query."""

    kind: Kind
    text: str
    start: int
    end: int


def tokenize(text: str) -> tuple[list[Token], int | None]:
    """Return the tokens before the first ``|``, the end token last, and the offset of that ``|`` if any."""
    tokens: list[Token] = []
    place = 0
    while place < len(text):
        if space := _SPACE.match(text, place):
            place = space.end()
            continue
        if text[place] == "|":
            return [*tokens, Token("end", "|", place, place)], place
        token = _next(text, place, tokens[-1] if tokens else None)
        if token.end - token.start > LONGEST_VALUE:
            raise error_at(text, place, _("A value has at most %(most)s characters", most=LONGEST_VALUE))
        tokens.append(token)
        place = token.end
    return [*tokens, Token("end", "", len(text), len(text))], None


def _next(text: str, place: int, before: Token | None) -> Token:
    if text[place] in "\"'":
        return _quoted(text, place)
    after_key = before is not None and before.kind in ("word", "quoted") and before.end == place
    if not after_key and (address := _IPV6.match(text, place)):
        return Token("word", address[0], place, address.end())
    if sign := _SIGN.match(text, place):
        return Token("sign", sign[0], place, sign.end())
    if word := _WORD.match(text, place):
        return Token("word", word[0], place, word.end())
    hint = _HINTS.get(text[place]) or _("Unexpected %(text)s", text=repr(text[place]))
    raise error_at(text, place, hint)


def _quoted(text: str, start: int) -> Token:
    mark = text[start]
    place = start + 1
    while place < len(text) and text[place] != mark:
        place += 2 if text[place] == "\\" else 1
    if place >= len(text):
        raise error_at(text, start, _("The quotation is not closed"), [mark])
    return Token("quoted", _ESCAPED.sub(r"\1", text[start + 1 : place]), start, place + 1)
