"""What is wrong with a text that is no JSON: Python says it in English only, here it is ours to translate."""

from __future__ import annotations

import json

from console.texts import Text, noop

_ = noop
TOO_DEEP = Text(_("it is nested too deeply, or a number in it is too long"))
LONE_SURROGATE = Text(_("it holds half of a character (a lone surrogate)"))
UNCLOSED = Text(_("the list does not end"))
EXTRA = Text(_("something stands here after the end"))
_UNKNOWN = Text(_("it cannot be read from here"))
_REASONS = {
    "Expecting value": Text(_("a value is missing here")),
    "Expecting property name": Text(_("a name in double quotes is missing here")),
    "Expecting ':'": Text(_("a colon is missing here")),
    "Expecting ','": Text(_("a comma is missing here")),
    "Illegal trailing comma": Text(_("nothing follows the comma here")),
    "Unterminated string": Text(_("the text that begins here does not end")),
    "Invalid control character": Text(
        _("a text holds a line break, tab or the like here, which is written with \\")
    ),
    "Invalid \\": Text(_("this \\ begins nothing that JSON knows")),
    "Extra data": EXTRA,
    "Unexpected UTF-8 BOM": Text(_("a byte order mark stands before it")),
}
"""By how the messages of Python's decoder begin; some go on with what was found."""


def reason(error: json.JSONDecodeError) -> Text:
    """Return why a text is no JSON, to stand after a colon; where is in ``lineno`` and ``colno`` of the error."""
    return next((text for begins, text in _REASONS.items() if error.msg.startswith(begins)), _UNKNOWN)
