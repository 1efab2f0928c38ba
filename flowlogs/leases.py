"""Leases that are short, so that a dead worker is soon replaced, and renewed, so that a slow one is not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, connection

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
RENEWED_EVERY = 10.0


@contextmanager
def renewed(renew: Callable[[], object]) -> Iterator[None]:
    """Call ``renew`` every few seconds, in a thread of its own, while the body runs.

    It need not succeed: whoever commits asks whether the lease is still theirs.
    """
    done = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(done, renew), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _renew_until(done: threading.Event, renew: Callable[[], object]) -> None:
    try:
        while not done.wait(RENEWED_EVERY):
            try:
                renew()
            except DatabaseError as error:
                logger.warning("a lease could not be renewed: %s", error)
    finally:
        connection.close()
