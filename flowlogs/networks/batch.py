"""Rows that are to become resources of one kind: read, matched with what exists, and held to the rules together.

A form is a batch of one row, a file one of many; both pass the same checks, with a number of queries that does not
depend on that of rows but for fetching what they name, 900 at a time. Nothing is written here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from console import changes
from console.models import Account, Region
from flowlogs.rules import RuleError, Violation

from .fields import Reference, References
from .kind import KINDS, Kind, Values, chunks

MOST_WRONG = 1000
"""Rows that may break rules before those behind them are left unchecked."""
MOST_MEMBERS = 500_000
"""Members that the lists of all rows may have together: each takes up memory."""


class Mode(Enum):
    """What rows may be about: something new, one resource that exists, or either."""

    CREATE = "create"
    MODIFY = "modify"
    IMPORT = "import"


@dataclass(frozen=True)
class Entry:
    """What was entered: where it stands, and the raw values of the fields that are named.

    Several objects of JSON may share a line: ``number`` counts them from 1, ``column`` too; both are 0 elsewhere.
    """

    line: int
    given: Mapping[str, Any]
    found: tuple[Violation, ...] = ()
    number: int = 0
    column: int = 0


@dataclass(slots=True)
class Row:
    """One row: its values, what it is about, and the rules that it breaks. ``before`` is empty for a new resource."""

    line: int
    values: Values
    found: list[Violation] = field(default_factory=list)
    resource: Any = None
    before: Values | None = None
    is_revived: bool = False
    is_unread: bool = False
    number: int = 0
    column: int = 0

    @property
    def is_new(self) -> bool:
        """Whether it makes a resource."""
        return self.before is None

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """The values that it changes, before and after."""
        return changes.difference(self.before or {}, self.values)

    @property
    def label(self) -> str:
        """What other rows call it."""
        place = _("object %(number)s") if self.number else _("line %(line)s")
        return str(
            self.values.get("id")
            or self.values.get("name")
            or place % {"number": self.number, "line": self.line}
        )

    def broken(self, code: str, field: str = "", **params: Any) -> None:
        """Note a broken rule."""
        self.found.append(Violation(code, field, params))

    def is_broken(self, *names: str) -> bool:
        """Tell whether a rule about one of these fields is broken."""
        return any(each.field in names for each in self.found)


class Batch:
    """Rows of one kind in an account and region, planned: what each makes or changes, or why it cannot."""

    def __init__(
        self,
        kind: Kind,
        account: Account,
        region: Region,
        entries: Iterable[Entry],
        *,
        mode: Mode = Mode.IMPORT,
        resource: Any = None,
    ) -> None:
        self.kind, self.account, self.region = kind, account, region
        self.mode = mode
        self._known: dict[str, dict[Any, Any]] = {}
        self.is_cut = False
        self.rows = self._read_all(entries)
        if resource is not None:
            self.rows[0].resource = resource
        for step in (self._match, self._complete, self._refer, lambda: kind.check(self)):
            step()
            self._cut()

    @property
    def broken(self) -> list[Row]:
        """The rows that break rules; if there are any, nothing may be written."""
        return [row for row in self.rows if row.found]

    @property
    def created(self) -> list[Row]:
        """The rows that make a resource."""
        return [row for row in self.rows if row.is_new]

    @property
    def changed(self) -> list[Row]:
        """The rows that change a resource."""
        return [row for row in self.rows if row.before is not None and row.before != row.values]

    @property
    def unchanged(self) -> int:
        """How many rows say what is already so."""
        return sum(row.before == row.values for row in self.rows)

    @property
    def violations(self) -> list[Violation]:
        """Every broken rule, in the order of the rows."""
        return [each for row in self.rows for each in row.found]

    @property
    def effect(self) -> str:
        """A text that differs where something else would be done: what a preview showed is what may be written."""
        told = hashlib.sha256()
        for row in (*self.created, *self.changed):
            told.update(repr((row.line, row.number, row.is_new, row.is_revived, row.changed)).encode())
        return told.hexdigest()

    def fetch(self, resources: QuerySet[Any], ids: Iterable[Any], by: str = "pk") -> dict[Any, Any]:
        """Return resources by their ID."""
        return {
            getattr(each, by): each
            for part in chunks(sorted(set(ids)))
            for each in resources.filter(**{f"{by}__in": part})
        }

    def others(self, slug: str, ids: Iterable[str]) -> dict[str, Any]:
        """Return the resources of another kind that rows name and the account has here, each fetched once."""
        known = self._known.setdefault(slug, {})
        wanted = {each for each in ids if each} - known.keys()
        if wanted:
            found = self.fetch(KINDS[slug].within(self.account, self.region), wanted)
            known |= {each: found.get(each) for each in wanted}
        return known

    def other(self, slug: str, pk: str) -> Any:
        """Return a resource of another kind that has been fetched, or nothing."""
        return self._known.get(slug, {}).get(pk)

    def _read_all(self, entries: Iterable[Entry]) -> list[Row]:
        rows: list[Row] = []
        wrong = members = 0
        for entry in entries:
            row = self._read(entry)
            rows.append(row)
            members += sum(len(value) for value in row.values.values() if isinstance(value, tuple))
            if members > MOST_MEMBERS:
                row.broken("FileMembers", most=f"{MOST_MEMBERS:,}")
                break
            wrong += bool(row.found)
            if wrong == MOST_WRONG:
                self.is_cut = True
                break
        return rows

    def _cut(self) -> None:
        """Let go of what is behind the last row that is told of: too much is wrong to check the rest."""
        wrong = islice((place for place, row in enumerate(self.rows, 1) if row.found), MOST_WRONG - 1, None)
        if (last := next(wrong, None)) is not None and last < len(self.rows):
            del self.rows[last:]
            self.is_cut = True

    def _read(self, entry: Entry) -> Row:
        row = Row(
            entry.line,
            {},
            list(entry.found),
            is_unread=bool(entry.found) and not entry.given,
            number=entry.number,
            column=entry.column,
        )
        for each in self.kind.fields:
            if each.name not in entry.given:
                continue
            try:
                row.values[each.name] = each.read(entry.given[each.name])
            except RuleError as error:
                row.found += error.violations
                row.values[each.name] = each.default
        return row

    def _match(self) -> None:
        """Find what each row is about, and rows about the same."""
        rows = self.rows
        if self.mode is Mode.MODIFY:
            [row] = rows
            [before] = self.kind.values([row.resource])
            row.values = {**before, **row.values}
            row.before = before
        existing = self.kind.existing(self, rows)
        first: dict[Any, Row] = {}
        for row in rows:
            key = self.kind.key(row.values, self)
            if key is None:
                continue
            earlier = first.setdefault(key, row)
            if earlier is not row:
                place = {"number": earlier.number} if earlier.number else {"line": earlier.line}
                code = "ObjectTwice" if earlier.number else "SaidTwice"
                row.broken(code, self._key_field, key=self.kind.key_text(row.values), **place)
            elif key in existing:
                self._meet(row, existing[key])

    def _meet(self, row: Row, resource: Any) -> None:
        """Let a row be about a resource that has its key."""
        if row.resource is not None and row.resource.pk == resource.pk:
            return
        is_deleted = getattr(resource, "deleted_at", None) is not None
        if not self.kind.is_here(resource, self):
            row.broken("TakenElsewhere", self._key_field, key=self.kind.key_text(row.values))
        elif self.mode is not Mode.IMPORT and not is_deleted:
            row.broken("Taken", self._key_field, key=self.kind.key_text(row.values))
        else:
            row.resource, row.is_revived = resource, is_deleted

    @property
    def _key_field(self) -> str:
        return self.kind.fields[0].name

    def _complete(self) -> None:
        """Add what rows do not say: as it is, or for a new resource the default."""
        known = [row for row in self.rows if row.resource is not None and row.before is None]
        for row, before in zip(known, self.kind.values([row.resource for row in known]), strict=True):
            self._check_fixed(row, before)
            if not row.is_revived:
                row.before = before
        defaults = {each.name: each.default for each in self.kind.fields}
        for row in self.rows:
            if self.mode is Mode.MODIFY and row.before is not None:
                self._check_fixed(row, row.before)
            row.values = {**defaults, **(row.before or {}), **row.values}
            for each in self.kind.fields:
                value = row.values[each.name]
                if value == "" and each.default not in ("", ()) and not row.is_broken(each.name):
                    row.values[each.name] = value = each.default
                is_said = row.is_unread or row.is_broken(each.name)
                if each.required and value in ("", ()) and not is_said:
                    row.broken("Required", each.name)

    def _check_fixed(self, row: Row, before: Values) -> None:
        for each in self.kind.fields:
            differs = row.values.get(each.name, before[each.name]) != before[each.name]
            if each.fixed and differs and not row.is_broken(each.name):
                row.broken("Fixed", each.name)

    def _refer(self) -> None:
        """Find the resources that rows refer to."""
        for each in self.kind.fields:
            if isinstance(each, Reference):
                known = self.others(each.to, [row.values[each.name] for row in self.rows])
                wanted = [(row, [row.values[each.name]]) for row in self.rows]
            elif isinstance(each, References):
                known = self.others(each.to, [pk for row in self.rows for pk in row.values[each.name]])
                wanted = [(row, row.values[each.name]) for row in self.rows]
            else:
                continue
            for row, ids in wanted:
                missing = [pk for pk in ids if pk and known[pk] is None]
                if missing:
                    row.broken("NotExist", each.name, id=missing[0])

    def same_vpc(self, row: Row, vpc_id: str, names: Sequence[str]) -> None:
        """Refuse references of a row to resources of another VPC."""
        for each in self.kind.fields:
            if each.name not in names:
                continue
            slug = each.to  # type: ignore[attr-defined]
            value = row.values[each.name]
            for pk in (value,) if isinstance(value, str) else value:
                other = self.other(slug, pk)
                if other is not None and vpc_id and other.vpc_id != vpc_id:
                    row.broken("OtherVpc", each.name, other=pk)
