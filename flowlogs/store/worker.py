"""The inside of an engine worker: receive a function's name and arguments, run it, send the answer.

Started by :mod:`flowlogs.store.workers` as ``python -m flowlogs.store.worker FD``. It never imports Django.
"""

from __future__ import annotations

import importlib
import os
import pickle
import resource
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any


def main(descriptor: int) -> None:
    """Answer requests on a socket until the other side closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_die_with_parent, daemon=True).start()
    connection: Connection[Any, Any] = Connection(descriptor)
    while True:
        try:
            request = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(answer(request))


def answer(request: bytes) -> bytes:
    """Run one pickled request and return ``(True, value)`` or ``(False, error parts)``, pickled."""
    try:
        target, kwargs, memory_limit = pickle.loads(request)  # noqa: S301 - from our own parent process
        _limit_memory(memory_limit)
        try:
            return pickle.dumps((True, _resolve(target)(**kwargs)), pickle.HIGHEST_PROTOCOL)
        finally:
            _limit_memory(None)
    except Exception as error:  # everything the function raises belongs to the caller
        return pickle.dumps((False, _describe(error)), pickle.HIGHEST_PROTOCOL)


def _resolve(target: str) -> Any:
    module, _, function = target.partition(":")
    return getattr(importlib.import_module(module), function)


def _limit_memory(limit: int | None) -> None:
    """Set the soft limit of the address space in bytes; None lifts it to the hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = hard if limit is None else limit
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _describe(error: Exception) -> tuple[str, str, bytes | None]:
    error.add_note("In an engine worker:\n" + "".join(traceback.format_exception(error)))
    return type(error).__qualname__, str(error), _pickled(error)


def _pickled(error: Exception) -> bytes | None:
    """Pickle an exception, or return None when it would not survive the journey."""
    try:
        content = pickle.dumps(error, pickle.HIGHEST_PROTOCOL)
        survives = type(pickle.loads(content)) is type(error)  # noqa: S301 - just pickled here
    except Exception:  # an exception class may refuse in any way; its name and text go instead
        return None
    return content if survives else None


def _die_with_parent() -> None:
    """End this process when the parent is gone, even while a function runs."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
