"""Files of network resources: CSV with a heading line, or JSON, a list of objects or one object a line.

The columns are the names of the kind's fields. In CSV the members of a list stand with semicolons between them,
and cells that a spreadsheet would take for a formula have a single quote before them.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from console import jsontexts
from console.csvsafe import csv_cell, csv_text
from console.texts import Text
from flowlogs.rules import Violation

from .batch import Entry
from .kind import Kind, Values

CSV, JSON = "csv", "json"
FORMATS = (CSV, JSON)
_SPACE = " \t\r\n,"
_TOKEN = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*")(?P<colon>\s*:)?|[][{}]')
_LONE = re.compile("[\ud800-\udfff]")


def read(kind: Kind, text: str) -> list[Entry]:
    """Return what a file says, each entry with the line it begins at; what cannot be read is in its ``found``."""
    text = text.removeprefix("\ufeff")
    return _read_json(kind, text) if text.lstrip()[:1] in ("[", "{") else _read_csv(kind, text)


def write(kind: Kind, format: str, parts: Iterable[Sequence[Values]]) -> Iterator[str]:
    """Yield the text of a file of values that come in parts."""
    return _write_json(kind, parts) if format == JSON else _write_csv(kind, parts)


def _read_csv(kind: Kind, text: str) -> list[Entry]:
    heading, _newline, _rest = text.lstrip("\r\n").partition("\n")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(heading))
    entries: list[Entry] = []
    names: list[str] | None = None
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not any(cells):
                continue
            if names is None:
                names = [cell.strip().lower() for cell in cells]
                broken = [*_unknown(kind, names), *_twice(names)]
                if broken:
                    return [Entry(line, {}, tuple(broken))]
                continue
            entries.append(_csv_entry(line, names, cells))
    except csv.Error:
        return [Entry(reader.line_num, {}, (Violation("FileShape"),))]
    return entries


def _csv_entry(line: int, names: list[str], cells: list[str]) -> Entry:
    if len(cells) != len(names):
        broken = Violation("FileCells", "", {"found": len(cells), "wanted": len(names)})
        return Entry(line, {}, (broken,))
    return Entry(line, {name: csv_text(cell) for name, cell in zip(names, cells, strict=True)})


def _delimiter(heading: str) -> str:
    if "\t" in heading:
        return "\t"
    return ";" if ";" in heading and "," not in heading else ","


def _unknown(kind: Kind, names: Iterable[str]) -> list[Violation]:
    known = [each.name for each in kind.fields]
    columns = ", ".join(known)
    return [
        Violation("FileColumn", name[:64], {"name": name[:64], "columns": columns})
        for name in names
        if name not in known
    ]


def _twice(names: Sequence[str]) -> list[Violation]:
    """Name the columns that stand twice: of two cells only one would be taken."""
    repeated = dict.fromkeys(name[:64] for name, times in Counter(names).items() if times > 1)
    return [Violation("FileColumnTwice", name, {"name": name}) for name in repeated]


class _KeyTwiceError(ValueError):
    """An object names a key twice: of two values only one would be taken."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _KeyTwiceError
    return found


def _read_json(kind: Kind, text: str) -> list[Entry]:
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    entries: list[Entry] = []
    at, line, counted, line_begins = text.index("[") + 1 if text.lstrip()[0] == "[" else 0, 1, 0, 0
    is_list = at > 0
    while True:
        while at < len(text) and text[at] in _SPACE:
            at += 1
        line_begins = max(line_begins, text.rfind("\n", counted, at) + 1)
        line, counted = line + text.count("\n", counted, at), at
        if at >= len(text) or (is_list and text[at] == "]"):
            return entries
        begins = at
        place = {"number": len(entries) + 1, "column": begins - line_begins + 1}
        try:
            item, at = decoder.raw_decode(text, at)
        except _KeyTwiceError:
            return [*entries, dataclasses.replace(_key_twice(text, begins), number=place["number"])]
        except json.JSONDecodeError as error:
            found = _no_json(jsontexts.reason(error))
            return [*entries, Entry(error.lineno, {}, found, place["number"], error.colno)]
        except (ValueError, RecursionError):
            return [*entries, Entry(line, {}, _no_json(jsontexts.TOO_DEEP), **place)]
        if "\\u" in text[begins:at] and _LONE.search(json.dumps(item, ensure_ascii=False)):
            # what stores and shows texts cannot hold them
            return [*entries, Entry(line, {}, _no_json(jsontexts.LONE_SURROGATE), **place)]
        given = item if isinstance(item, dict) else {}
        found = tuple(_unknown(kind, item)) if isinstance(item, dict) else (Violation("FileShape"),)
        entries.append(Entry(line, given, found, **place))


def _no_json(reason: Text) -> tuple[Violation, ...]:
    return (Violation("FileJson", "", {"reason": reason}),)


def _key_twice(text: str, begins: int) -> Entry:
    """Return the first key that stands twice in an object of the item that begins there, with its line and column."""
    above: list[set[str] | None] = []
    for token in _TOKEN.finditer(text, begins):
        mark = token[0]
        if mark in "{[":
            above.append(set() if mark == "{" else None)
        elif mark in "}]":
            above.pop()
        elif token["colon"] and (keys := above[-1]) is not None:
            key = json.loads(token["string"])
            if key in keys:
                at = token.start()
                name = _LONE.sub("\N{REPLACEMENT CHARACTER}", key[:64])
                column = at - text.rfind("\n", 0, at)
                found = Violation("FileKeyTwice", name, {"name": name, "column": column})
                return Entry(text.count("\n", 0, at) + 1, {}, (found,), column=column)
            keys.add(key)
    raise AssertionError("the decoder found a key twice")


def _write_csv(kind: Kind, parts: Iterable[Sequence[Values]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([each.name for each in kind.fields])
    for part in parts:
        writer.writerows([csv_cell(each.text(values[each.name])) for each in kind.fields] for values in part)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _write_json(kind: Kind, parts: Iterable[Sequence[Values]]) -> Iterator[str]:
    before = "[\n"
    for part in parts:
        lines = [
            json.dumps({each.name: each.json(values[each.name]) for each in kind.fields}, ensure_ascii=False)
            for values in part
        ]
        if lines:
            yield before + ",\n".join(lines)
            before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
