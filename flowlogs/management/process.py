"""Roles that do without Django: a command reads the settings and becomes them."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from django.conf import settings


def become(module: str, *arguments: str) -> NoReturn:
    """Replace this process by ``python -m module arguments``: it carries neither Django's memory nor its threads."""
    sys.stdout.flush()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(settings.ROOT), os.environ.get("PYTHONPATH")])
    )
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606
