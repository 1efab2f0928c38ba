"""Commands whose output goes into a pipe that its reader may close: ``manage.py query … | head``."""

import os
import select
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
            unread = [_silence_if_unread(stream) for stream in (command.stdout, command.stderr)]
            if not any(unread):
                raise

    return handle_until_then


def _silence_if_unread(stream: Any) -> bool:
    """Tell whether nobody reads a stream; the interpreter, which flushes it at its end, then meets no closed pipe."""
    try:
        descriptor = stream.fileno()
    except OSError:  # a file in memory, which has no reader
        return False
    poll = select.poll()
    poll.register(descriptor, 0)  # no event is asked for: an error is told all the same
    if not poll.poll(0):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    return True
