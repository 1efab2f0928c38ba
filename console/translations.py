"""The languages of the console: catalogues are kept as text and compiled when the console starts."""

import os
import tempfile
from pathlib import Path

import polib

DOMAIN = "django"


def compile_catalogues(sources: Path, target: Path) -> list[Path]:
    """Compile each ``<language>/LC_MESSAGES/django.po`` below ``sources`` that is newer than what ``target`` has.

    Return what was written. Safe while other processes do the same: a catalogue appears whole or not at all.
    """
    written = []
    for source in sorted(sources.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        compiled = target / source.relative_to(sources).with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime_ns < source.stat().st_mtime_ns:
            _compile(source, compiled)
            written.append(compiled)
    return written


def _compile(source: Path, compiled: Path) -> None:
    compiled.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=compiled.parent)
    os.close(handle)
    Path(name).write_bytes(polib.pofile(str(source)).to_binary())
    Path(name).replace(compiled)
