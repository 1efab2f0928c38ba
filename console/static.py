"""Static files whose addresses carry a version, so that browsers keep them for good and still see a change."""

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage


class VersionedStaticFiles(StaticFilesStorage):
    """Adds `?v=` and a checksum to the address of each file that the finders know."""

    def url(self, name: str | None) -> str:
        """Return the address of a file, with its version."""
        address = super().url(name)
        version = _version(name) if name and not settings.DEBUG else ""
        return f"{address}?v={version}" if version else address


@cache
def _version(name: str) -> str:
    found = finders.find(name)
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:12] if isinstance(found, str) else ""
