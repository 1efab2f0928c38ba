"""Durable files: temp, fsync, rename, fsync folder; nobody ever sees half a file under its final name.

No Django: engine workers use it too.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp"
FEW = 8
"""So many files are synchronised one by one."""


def durable_name(prefix: str, suffix: str = ".parquet") -> str:
    """Return a file name that no other attempt can choose, so that a stale worker replaces nothing."""
    return f"{prefix}-{secrets.token_hex(6)}{suffix}"


@contextmanager
def durable(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on leaving, make it the file ``path``, surviving power loss.

    On an error the temporary file goes, and whatever has the name ``path`` is whole. Raises ``OSError`` as the
    system gives it.
    """
    make_folder(path.parent)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        yield temporary
        synchronise(temporary)
        temporary.replace(path)
        synchronise(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Make files of one folder, each whole under its name or not there; all of them survive power loss."""
    folders = {path.parent for path in contents}
    for folder in folders:
        make_folder(folder)
    temporary = {path: path.with_name(f"{path.name}.{secrets.token_hex(4)}{TEMPORARY}") for path in contents}
    try:
        for path, content in contents.items():
            temporary[path].write_bytes(content)
        if len(contents) > FEW:
            # one wait for the disk instead of one for each file
            os.sync()
        else:
            for path in temporary.values():
                synchronise(path)
        for path in contents:
            temporary[path].replace(path)
        for folder in folders:
            synchronise(folder)
    except BaseException:
        for path in temporary.values():
            path.unlink(missing_ok=True)
        raise


def make_folder(folder: Path) -> None:
    """Create a folder and those above it, each surviving power loss; one that is there is fine."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    synchronise(folder.parent)


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
