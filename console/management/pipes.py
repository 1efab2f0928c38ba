"""Commands whose output goes into a pipe that its reader may close: ``manage.py query … | head``."""

import os
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.management.base import BaseCommand


def ends_with_reader(handle: Callable[..., None]) -> Callable[..., None]:
    """Let a command end quietly, with exit code 0, once nobody reads its output any more.

    Wraps ``handle``. Its reader has seen enough, as `head` has: nothing failed, whatever was not printed.
    Raises BrokenPipeError where it is neither standard output nor standard error that broke.
    """

    @wraps(handle)
    def handle_until_then(command: BaseCommand, *args: Any, **options: Any) -> None:
        try:
            handle(command, *args, **options)
            # a short output breaks only here
            command.stdout.flush()
        except BrokenPipeError:
            # a list: both may be the same pipe, and both must be silenced
            if not any([_silence_if_unread(stream) for stream in (command.stdout, command.stderr)]):
                raise

    return handle_until_then


def _silence_if_unread(stream: Any) -> bool:
    """Tell whether a stream is broken; the interpreter, which flushes it at its end, then meets no closed pipe."""
    try:
        stream.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return True
    return False
