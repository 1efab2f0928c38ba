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
from itertools import islice
from typing import Any

from console import jsontexts
from console.csvsafe import csv_cell, csv_text
from console.texts import Text
from flowlogs.rules import Violation

from .batch import Entry
from .kind import Kind, Values

CSV, JSON = "csv", "json"
FORMATS = (CSV, JSON)
MOST_ROWS = 100_000
"""Rows of a file: what is beyond is not read."""
LONGEST_ROW = 131_072
"""Characters of a row or an object, the longest cell that the CSV reader takes: room for 3 000 addresses."""
MOST_NAMED = 20
"""How many unknown columns are told."""
_READ_AT_ONCE = 4 * LONGEST_ROW
_SPACE = re.compile(r"\s*+")
_BREAKS = re.compile(r"[\r\n]*+")
_BETWEEN = re.compile(r"[ \t\r\n,]*+")
_LINE = re.compile(r"[^\r\n]*+(?:\r\n?|\n)|[^\r\n]++")
_CELL = r'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{0}\r\n][^{0}\r\n]*+)?+(?:{0}|\r\n?|\n|\Z)'
_TOKEN = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*")(?P<colon>\s*:)?|[][{}]')
_LONE = re.compile("[\ud800-\udfff]")


class File:
    """What a file says: entries with the line they begin at; what cannot be read is in their ``found``.

    They are read anew each time, one after the other, so that a long file is never there as a whole.
    """

    def __init__(self, kind: Kind, text: str) -> None:
        self.kind = kind
        self.text = text.removeprefix("\ufeff")

    def __iter__(self) -> Iterator[Entry]:
        begins = _ends(_SPACE, self.text, 0)
        is_json = self.text[begins : begins + 1] in ("[", "{")
        entries = _read_json(self.kind, self.text) if is_json else _read_csv(self.kind, self.text)
        for number, entry in enumerate(entries):
            if number == MOST_ROWS:
                too_many = Violation("FileRows", "", {"most": f"{MOST_ROWS:,}"})
                yield dataclasses.replace(entry, given={}, found=(too_many,))
                return
            yield entry


def write(kind: Kind, format: str, parts: Iterable[Sequence[Values]]) -> Iterator[str]:
    """Yield the text of a file of values that come in parts."""
    return _write_json(kind, parts) if format == JSON else _write_csv(kind, parts)


class _LongRowError(csv.Error):
    """A row is longer than any that makes sense."""


class _Lines:
    """The lines of a text for the CSV reader, and where the row began that it is at."""

    def __init__(self, text: str) -> None:
        self._found = _LINE.finditer(text)
        self._at, self._line = 0, 1
        self.begins, self.line = 0, 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        found = next(self._found)
        if found.end() - self.begins > LONGEST_ROW:
            raise _LongRowError
        self._at, self._line = found.end(), self._line + 1
        return found[0]

    def end_row(self) -> int:
        """Return the line that a row began at; the next one begins here."""
        line, self.begins, self.line = self.line, self._at, self._line
        return line


def _read_csv(kind: Kind, text: str) -> Iterator[Entry]:
    heading = _LINE.match(text, _ends(_BREAKS, text, 0))
    delimiter = _delimiter(heading[0][:LONGEST_ROW] if heading is not None else "")
    lines = _Lines(text)
    names: list[str] | None = None
    try:
        # if not strict, all that follows an open quotation mark would become one cell without a word
        for cells in csv.reader(lines, delimiter=delimiter, strict=True):
            line = lines.end_row()
            if not any(cells):
                continue
            if names is not None:
                yield _csv_entry(line, names, cells)
                continue
            names = [cell.strip().lower() for cell in cells]
            broken = [*_unknown(kind, names), *_twice(names)]
            if broken:
                yield Entry(line, {}, tuple(broken[:MOST_NAMED]))
                return
    except csv.Error as error:
        yield _broken_csv(text, lines, delimiter, error)


def _broken_csv(text: str, lines: _Lines, delimiter: str, error: csv.Error) -> Entry:
    """Say what is wrong with a row: mostly a quotation mark that opens and does not close, in one of its lines."""
    cell = re.compile(_CELL.format(delimiter))
    at, ends = lines.begins, min(len(text), lines.begins + LONGEST_ROW)
    while (found := cell.match(text, at, ends)) is not None and at < found.end() <= ends - (ends < len(text)):
        at = found.end()
    is_long = isinstance(error, _LongRowError)
    # in a row that is too long some cell is cut off, which need not be one that does not end
    if text[at : at + 1] == '"' and not (is_long and ends - at < LONGEST_ROW // 2):
        return Entry(lines.line + _breaks(text, lines.begins, at), {}, (Violation("FileQuote"),))
    return Entry(lines.line, {}, (_long_row() if is_long else Violation("FileShape"),))


def _breaks(text: str, begins: int, ends: int) -> int:
    """Return how many lines end between two places."""
    return sum(found[0][-1] in "\r\n" for found in _LINE.finditer(text, begins, ends))


def _long_row() -> Violation:
    return Violation("FileRowLong", "", {"most": f"{LONGEST_ROW:,}"})


def _ends(blank: re.Pattern[str], text: str, at: int) -> int:
    """Return where a run of blanks ends that may begin there."""
    found = blank.match(text, at)
    return at if found is None else found.end()


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
    unknown = islice((name[:64] for name in names if name not in known), MOST_NAMED)
    return [Violation("FileColumn", name, {"name": name, "columns": columns}) for name in unknown]


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


def _read_json(kind: Kind, text: str) -> Iterator[Entry]:
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    at = _ends(_SPACE, text, 0)
    is_list = text[at] == "["
    at += is_list
    line, counted, line_begins, number = 1, 0, 0, 0
    base, part = 0, ""
    while True:
        at = _ends(_BETWEEN, text, at)
        line_begins = max(line_begins, text.rfind("\n", counted, at) + 1)
        line, counted = line + text.count("\n", counted, at), at
        number += 1
        place = {"number": number, "column": at - line_begins + 1}
        if at >= len(text) or (is_list and text[at] == "]"):
            yield from _end_of_json(text, at, number, is_list=is_list)
            return
        if at + LONGEST_ROW + len("-Infinity") > base + len(part) < len(text):
            base, part = at, text[at : at + _READ_AT_ONCE]
        begins = at
        try:
            item, end = decoder.raw_decode(part, at - base)
        except _KeyTwiceError:
            yield dataclasses.replace(_key_twice(text, begins), number=number)
            return
        except json.JSONDecodeError as error:
            is_cut = base + len(part) < len(text) and error.msg.startswith("Unterminated string")
            if is_cut or base + error.pos - at > LONGEST_ROW:
                yield Entry(line, {}, (_long_row(),), **place)
            else:
                yield _no_json_at(text, base + error.pos, number, jsontexts.reason(error))
            return
        except (ValueError, RecursionError):
            yield Entry(line, {}, _no_json(jsontexts.TOO_DEEP), **place)
            return
        at = base + end
        if at - begins > LONGEST_ROW:
            yield Entry(line, {}, (_long_row(),), **place)
            return
        if "\\u" in text[begins:at] and _LONE.search(json.dumps(item, ensure_ascii=False)):
            # what stores and shows texts cannot hold them
            yield Entry(line, {}, _no_json(jsontexts.LONE_SURROGATE), **place)
            return
        given = item if isinstance(item, dict) else {}
        found = tuple(_unknown(kind, item)) if isinstance(item, dict) else (Violation("FileShape"),)
        yield Entry(line, given, found, **place)


def _end_of_json(text: str, at: int, number: int, *, is_list: bool) -> Iterator[Entry]:
    """Yield an error where a list does not end, or where something follows its end."""
    if is_list and at >= len(text):
        yield _no_json_at(text, at, number, jsontexts.UNCLOSED)
    elif is_list and (rest := _ends(_SPACE, text, at + 1)) < len(text):
        yield _no_json_at(text, rest, number, jsontexts.EXTRA)


def _no_json_at(text: str, at: int, number: int, reason: Text) -> Entry:
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return Entry(line, {}, _no_json(reason), number, column)


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
