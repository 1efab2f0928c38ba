"""Plotly's script and style sheet, served out of the installed package.

The package holds one script of 5 MB and no style sheet: the script writes its styles itself, which the
content security policy forbids. So the style sheet is read out of the script, and beside the script lies
a compressed copy for clients that take it. Both are derived under FLOWLOG_HOME once per version.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.utils import matches_patterns
from django.core.files.storage import FileSystemStorage, Storage

from flowlogs.store.files import durable, durable_name

SCRIPT = "plotly.min.js"
STYLES = "plotly.css"
PREFIX = "plotly"

_RULES_START = '={"X,X div":'
_TEXT = r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_RULE = re.compile(rf"(?:{_TEXT}|([A-Z]\w*)):{_TEXT},?")
_RULES_END = "}"
_STYLE_ONCE = re.compile(
    r'document\.getElementById\("([0-9a-f]{64})"\)\)\{var \w+=document\.createElement\("style"\)'
)


class PlotlyFinder(BaseFinder):
    """Finds ``plotly/plotly.min.js`` and ``plotly/plotly.css``, each with its compressed copy."""

    def check(self, **_options: Any) -> list[Any]:
        """Nothing can be configured, so nothing can be wrong."""
        return []

    def find(self, path: str, find_all: bool = False, **_options: Any) -> Any:
        """Return the file behind an address below the static root, or an empty list."""
        names = {f"{PREFIX}/{name}": name for name in (SCRIPT, STYLES)}
        if path not in names:
            return []
        found = str(folder() / names[path])
        return [found] if find_all else found

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, Storage]]:
        """Yield every file with the storage that holds it."""
        storage = FileSystemStorage(location=folder())
        storage.prefix = PREFIX  # type: ignore[attr-defined]
        for path in sorted(folder().iterdir()):
            if not matches_patterns(path.name, ignore_patterns or []):
                yield path.name, storage


@cache
def folder() -> Path:
    """Return the folder of the derived files, made at the first use of a version of Plotly."""
    place = Path(settings.FLOWLOG_HOME) / "derived" / f"plotly-{version('plotly')}"
    if place.exists():
        return place
    draft = place.with_name(durable_name(place.name, ""))
    source = _installed_script()
    _write(draft / SCRIPT, source.read_bytes())
    _write(draft / STYLES, style_sheet(source.read_text()).encode())
    try:
        draft.rename(place)
    except OSError:
        # Another process was first; its files are the same.
        shutil.rmtree(draft)
    return place


@cache
def style_marks() -> tuple[str, ...]:
    """Return the ids of elements whose presence stops the script from adding style elements of its own."""
    return tuple(sorted(set(_STYLE_ONCE.findall(_installed_script().read_text()))))


def style_sheet(script: str) -> str:
    """Return the style sheet that the script would write rule by rule.

    Raises ValueError where the script has no such rules, as after an upgrade that does it otherwise.
    """
    start = script.index(_RULES_START) + len("={")
    rules = []
    while match := _RULE.match(script, start):
        quoted, bare, declarations = match.groups()
        selector = bare or _unquoted(quoted)
        selector = selector.replace("X", ".js-plotly-plot .plotly").replace("Y", ".plotly-notifier")
        rules.append(f"{selector} {{ {_unquoted(declarations)} }}\n")
        start = match.end()
    if not script.startswith(_RULES_END, start):
        raise ValueError("Plotly writes its styles in another way: " + script[start : start + 40])
    return "".join(rules)


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        return str(json.loads(text))
    return text[1:-1].replace("\\'", "'")


def _installed_script() -> Path:
    package = find_spec("plotly")
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "package_data" / SCRIPT


def _write(path: Path, content: bytes) -> None:
    compressed = path.with_name(f"{path.name}.gz")
    for target, data in ((path, content), (compressed, gzip.compress(content, 9, mtime=0))):
        with durable(target) as temporary:
            temporary.write_bytes(data)
