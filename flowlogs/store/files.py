"""Durable files: temp, fsync, rename, fsync folder; nobody ever sees half a file under its final name.

No Django: engine workers use it too.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp"


def durable_name(prefix: str, suffix: str = ".parquet") -> str:
    """Return a file name that no other attempt can choose, so that a stale worker replaces nothing."""
    return f"{prefix}-{secrets.token_hex(6)}{suffix}"


@contextmanager
def durable(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on leaving, make it the file ``path``, surviving power loss.

    On an error the temporary file goes and ``path`` is untouched. Raises ``OSError`` as the system gives it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        yield temporary
        synchronise(temporary)
        temporary.replace(path)
        synchronise(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def synchronise(path: Path) -> None:
    """Force a file or folder to stable storage."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(path: Path) -> None:
    """Remove a file; one that is gone already is fine, since removal is always the last step."""
    path.unlink(missing_ok=True)
