"""Time ranges of pages: relative or from-to, in the address, half-open, UTC, in whole Unix seconds.

A relative range ends at an instant that pages pin in their links (``at``), so that the second page, a
chart and its table all speak of the same records. Labels are in the language of the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext, ngettext

from analytics.moments import parse_moment

MINUTE, HOUR, DAY = 60, 3600, 86400
RELATIVE = ("15m", "1h", "4h", "24h", "7d", "30d")
LONGEST = 3650 * DAY
_END_OF_TIME = 32_503_680_000  # the year 3000
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}
_STEPS = (
    MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
    HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY, 28 * DAY,
)  # fmt: skip


class RangeError(ValueError):
    """A time range that cannot be read. The message is safe to show."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The half-open time ``[start, end)`` in Unix seconds; ``relative`` is how it was asked: ``15m``."""

    start: int
    end: int
    relative: str = ""

    @property
    def seconds(self) -> int:
        """The length in seconds."""
        return self.end - self.start

    @property
    def label(self) -> str:
        """What the time picker shows, in the product's words."""
        if self.relative:
            return gettext("%(duration)s (Relative)") % {"duration": duration_label(self.relative)}
        return gettext("%(start)s to %(end)s UTC") % {
            "start": written(self.start),
            "end": written(self.end),
        }

    def step(self, most: int) -> int:
        """Return the shortest bucket in seconds that cuts the range into at most so many.

        Never below a minute: that is the shortest capture window, and a record stands at its start.
        """
        return next((step for step in _STEPS if self.seconds <= step * most), _STEPS[-1])

    def parameters(self) -> dict[str, str]:
        """Return the range as parameters of an address that always means this very range."""
        if self.relative:
            return {"range": self.relative, "at": str(self.end)}
        return {"from": str(self.start), "to": str(self.end)}


def relative(text: str, at: int) -> TimeRange:
    """Return the range of a length such as ``15m``, ``4h`` or ``7d`` that ends before ``at``."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", text)
    if not match:
        message = gettext("“%(text)s” is not a time range such as 15m, 4h or 7d.")
        raise RangeError(message % {"text": text})
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST:
        raise RangeError(gettext("A time range is at most 3650 days long."))
    return TimeRange(at - seconds, at, text)


def between(start: str, end: str, now: int) -> TimeRange:
    """Return the range from ``start`` up to ``end``, each as ``analytics.moments`` reads it."""
    first, last = instant(start, now), instant(end, now)
    if first >= last:
        message = gettext("The time range ends before it starts: “From” must be earlier than “To”.")
        raise RangeError(message)
    if last - first > LONGEST:
        raise RangeError(gettext("A time range is at most 3650 days long."))
    return TimeRange(first, last)


def instant(text: str, now: int) -> int:
    """Return a point in time as whole Unix seconds."""
    try:
        at = parse_moment(text.strip(), now)
    except (ValueError, OverflowError) as error:
        raise RangeError(str(error)) from None
    if not 0 <= at < _END_OF_TIME:
        message = gettext("%(text)s is no time that records can have.")
        raise RangeError(message % {"text": repr(text)})
    return at


def written(at: int) -> str:
    """Return an instant as people read it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration_label(text: str) -> str:
    """Return a length such as ``15m`` in words: ``15 Minutes``."""
    count = int(text[:-1])
    if text[-1] == "m":
        return ngettext("%(count)s Minute", "%(count)s Minutes", count) % {"count": count}
    if text[-1] == "h":
        return ngettext("%(count)s Hour", "%(count)s Hours", count) % {"count": count}
    return ngettext("%(count)s Day", "%(count)s Days", count) % {"count": count}


def step_label(seconds: int) -> str:
    """Return a bucket in words: ``minute``, ``5 minutes``, ``hour``."""
    alone = {DAY: gettext("day"), HOUR: gettext("hour"), MINUTE: gettext("minute")}
    if seconds in alone:
        return alone[seconds]
    if seconds % DAY == 0:
        return gettext("%(count)s days") % {"count": seconds // DAY}
    if seconds % HOUR == 0:
        return gettext("%(count)s hours") % {"count": seconds // HOUR}
    if seconds % MINUTE == 0:
        return gettext("%(count)s minutes") % {"count": seconds // MINUTE}
    return gettext("%(count)s seconds") % {"count": seconds}
