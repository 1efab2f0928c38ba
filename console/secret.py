"""The secret key of an installation: made at the first start, never a default."""

import os
import secrets
from pathlib import Path


def load_or_create(path: Path) -> str:
    """Return the key in `path`; make one, readable by this user only, where there is none.

    Raises OSError where the folder cannot be written. Two first starts at once agree on one key.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
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
