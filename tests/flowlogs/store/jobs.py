"""Functions that tests run in engine workers."""

import os
import signal
import sys
from pathlib import Path
from typing import Any


class Odd(Exception):
    """An exception that cannot be pickled back: its constructor wants more than it keeps."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def process_id() -> int:
    return os.getpid()


def echo(value: Any) -> Any:
    return value


def modules() -> list[str]:
    return sorted(sys.modules)


def environment() -> list[str]:
    return sorted(os.environ)


def wait_for(pipe: str) -> str:
    """Return what somebody writes into a named pipe."""
    return Path(pipe).read_text()


def spin(started: str = "") -> None:
    """Tell our process id through a named pipe, then never return."""
    if started:
        Path(started).write_text(str(os.getpid()))
    while True:
        signal.pause()


def end(status: int) -> None:
    os._exit(status)


def fail() -> None:
    raise LookupError("no such thing", 42)


def fail_oddly() -> None:
    raise Odd("no", "way")


def unpicklable() -> Any:
    return lambda: None


def allocate(size: int) -> int:
    return len(bytearray(size))
