"""What only the user of an installation may read: its folder, its database, its secret key."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make_private(path: Path) -> None:
    """Make an empty file that only this user may read, where there is none; SQLite takes it for a new database.

    SQLite itself would let everybody read it, and gives its other files the mode of this one. Where nothing can be
    written, nothing is made: whoever opens the file says why.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))


def load_or_create(path: Path) -> str:
    """Return the key in `path`; make one, and its folder, for this user only, where there is none.

    Raises OSError where the folder cannot be written. Two first starts at once agree on one key.
    """
    if not path.exists():
        path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "w") as file:
            file.write(secrets.token_urlsafe(50))
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link, unlike a rename, never replaces the key that another process made first.
            path.hardlink_to(draft)
        except FileExistsError:
            return path.read_text().strip()
        finally:
            draft.unlink()
    return path.read_text().strip()
