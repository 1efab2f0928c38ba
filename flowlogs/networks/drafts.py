"""Uploaded files that wait for someone to confirm them, in a folder that all hosts share."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path

from django.conf import settings

from console.models import Account

from .kind import Kind

AGE = 24 * 3600
_TOKEN = re.compile(r"[0-9a-f]{32}")


def keep(account: Account, kind: Kind, text: str) -> str:
    """Keep a text for a day and return the token that ``load`` knows it by."""
    folder = settings.FLOWLOG_STORE / "imports"
    _forget_old(folder)
    token = secrets.token_hex(16)
    path = _path(account, kind, token)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return token


def load(account: Account, kind: Kind, token: str) -> str | None:
    """Return a text that the account kept for this kind, if it is still there."""
    if not _TOKEN.fullmatch(token):
        return None
    try:
        with _path(account, kind, token).open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


def forget(account: Account, kind: Kind, token: str) -> None:
    """Delete a text that was kept."""
    if _TOKEN.fullmatch(token):
        _path(account, kind, token).unlink(missing_ok=True)


def _path(account: Account, kind: Kind, token: str) -> Path:
    return settings.FLOWLOG_STORE / "imports" / account.pk / f"{kind.slug}-{token}"


def _forget_old(folder: Path) -> None:
    limit = time.time() - AGE
    for path in folder.glob("*/*"):
        if path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
