"""CSV cells that a spreadsheet takes as text, never as a formula."""

from __future__ import annotations

import re

# Also after what some spreadsheet takes for a separator: it may cut the cell there. Quotes that stand there
# already get one more, so that taking one away gives the text back.
_BEGINNING = re.compile(r"(^|[,;|\t\r\n])(?='*[=+\-@\t\r\x00])")
_QUOTED = re.compile(r"(^|[,;|\t\r\n])'(?='*[=+\-@\t\r\x00])")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DASH = "-"


def csv_cell(text: str) -> str:
    """Return text for a CSV cell: a single quote goes before ``= + - @``, tab, CR and NUL at its beginning.

    Numbers stay numbers, and a lone ``-``, which means that a field does not apply, stays as it is.
    Quoting is left to the CSV writer. (OWASP ASVS 5.0, 1.2.10)
    """
    if text == _DASH or _NUMBER.fullmatch(text):
        return text
    return _BEGINNING.sub(r"\1'", text)


def csv_text(cell: str) -> str:
    """Return the text that ``csv_cell`` made a cell of."""
    return _QUOTED.sub(r"\1", cell)
