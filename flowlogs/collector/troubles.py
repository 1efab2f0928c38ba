"""What is wrong at the moment, said on stderr once and not for every datagram."""

from __future__ import annotations

import sys
import time
from typing import Final

QUIET: Final = 60.0
"""Seconds before the same kind of trouble is said again."""


class Troubles:
    """The current troubles by kind, such as ``limit`` or ``write``."""

    def __init__(self) -> None:
        self._current: dict[str, str] = {}
        self._said: dict[str, float] = {}

    def say(self, kind: str, text: str) -> None:
        """Note a trouble, and print it when this kind was quiet for a while."""
        now = time.monotonic()
        if kind not in self._current and now - self._said.get(kind, -QUIET) >= QUIET:
            print(f"collector: {text}", file=sys.stderr, flush=True)
            self._said[kind] = now
        self._current[kind] = text

    def over(self, kind: str) -> None:
        """Note that a kind of trouble has ended, if there was one."""
        self._current.pop(kind, None)

    def __str__(self) -> str:
        return "; ".join(list(self._current.values()))
