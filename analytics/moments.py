"""Instants as people type them: Unix seconds, ISO 8601, or relative to now."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from django.utils.translation import gettext

_RELATIVE = re.compile(r"now(?:-(\d{1,9})([smhdw]))?")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_moment(text: str, now: int) -> int:
    """Return Unix seconds for ``1720775420``, ``2024-07-12T09:10:20Z`` or ``now-1h``; no zone means UTC.

    Raises ValueError with a message that is safe to show.
    """
    if text.isascii() and text.isdigit():
        return int(text)
    if match := _RELATIVE.fullmatch(text):
        return now - int(match[1] or 0) * _UNITS[match[2] or "s"]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = gettext(
            "%(text)s is not a time: give Unix seconds, ISO 8601 (2024-07-12T09:10:20Z) or now-1h"
        )
        raise ValueError(message % {"text": repr(text)}) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
