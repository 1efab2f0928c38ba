"""Filters and the formatter of the log."""

import logging
import time

from console.full_disk import is_full_disk

PAUSE = 60.0  # seconds
_CONTROL = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        0x2028,
        0x2029,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
    if code not in (0x09, 0x0A)
}
"""Characters that could rewrite what a terminal shows, or break what reads the log line by line."""


class Escaped(logging.Formatter):
    """Writes control characters as escapes: what a visitor sent may neither colour nor forge the log.

    Line breaks stay, with the lines after the first indented: only a line of ours begins with a time.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        first, *more = super().format(record).translate(_CONTROL).split("\n")
        return "\n".join([first, *(line if line[:1] in (" ", "") else f"  {line}" for line in more)])


class WithoutReadiness(logging.Filter):
    """Drops Django's error line for a readiness answer of "not yet": probes ask every few seconds."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record stays."""
        return getattr(record, "status_code", None) != 503


class OneLineRefusals(logging.Filter):
    """Leaves the traceback out where the request was at fault (4xx): it would tell nothing about the program."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the record; it always stays."""
        if 400 <= getattr(record, "status_code", 0) < 500:
            record.exc_info = record.exc_text = None
        return True


class OneLineFullDisk(logging.Filter):
    """Says once a minute and logger that the disk is full, in one line: the log may be on that disk too."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the record, or drop it where the same was said a moment ago."""
        if not self._shortened(record):
            return True
        now = time.monotonic()
        if now - self._said.get(record.name, -PAUSE) < PAUSE:
            return False
        self._said[record.name] = now
        return True

    @staticmethod
    def _shortened(record: logging.LogRecord) -> bool:
        """Make one line of a record about a full disk; several handlers may see the same record."""
        full: bool | None = record.__dict__.get("full_disk")
        if full is None:
            full = bool(record.exc_info) and is_full_disk(record.exc_info[1] if record.exc_info else None)
            record.__dict__["full_disk"] = full
            if full:
                record.msg, record.args = f"the disk is full: {record.getMessage()}", ()
                record.exc_info = record.exc_text = None
        return full
