"""A disk without space, told in one line and to the user in words; and a database that others hold for too long."""

import errno

FULL_DISK, BUSY = "full disk", "busy"
SIGNS = ("database or disk is full", "no space left on device")


def passing(error: BaseException) -> str | None:
    """Return what is wrong where that passes: FULL_DISK, BUSY (somebody else writes for too long), or nothing."""
    if is_full_disk(error):
        return FULL_DISK
    return BUSY if "database is locked" in str(error) else None


def is_full_disk(error: BaseException | None) -> bool:
    """Tell whether an error, or what caused it, is a disk without space, whoever noticed it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(sign in str(error).lower() for sign in SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False
