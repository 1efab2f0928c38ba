"""A page of a list of network resources: searched, filtered and sorted as its address says.

Pages are told apart by the resource before them rather than by number, and counting ends at ``COUNTED``: a list of
100 000 costs what a list of 100 does.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

from console.keys import key_of
from console.models import Account, Region

from .kind import KINDS, Filter, Kind

SIZES = (10, 20, 30)
SIZE = 20
COUNTED = 10_000
OFFERED = 200


class Listing:
    """One page of the resources of a kind."""

    def __init__(
        self, kind: Kind, account: Account, region: Region, asked: QueryDict, *, offers_vpcs: bool = True
    ) -> None:
        self.kind, self.account, self.region = kind, account, region
        self._asked = asked
        self._offers_vpcs = offers_vpcs
        self.search = asked.get("search", "").replace("\x00", "").strip()[:200]
        given = {
            each.name: asked.get(each.name, "").replace("\x00", "").strip()[:64] for each in kind.filters
        }
        self.given = {name: value for name, value in given.items() if value}
        sort = asked.get("sort", "")
        self.sort = sort if sort.removeprefix("-") in kind.sorts else next(iter(kind.sorts))
        size = asked.get("page_size", "")
        self.size = int(size) if size in map(str, SIZES) else SIZE
        self._after, self._before = asked.get("after", ""), asked.get("before", "")
        self.previous: Any = None
        self.next: Any = None

    @property
    def is_narrowed(self) -> bool:
        """Whether something is left out."""
        return bool(self.search or self.given)

    @cached_property
    def found(self) -> QuerySet[Any]:
        """All that the address asks for, in no order."""
        found = self.kind.within(self.account, self.region)
        vpcs = KINDS["vpc"].within(self.account, self.region).order_by().values("pk")
        for each in self.kind.filters:
            if each.name in self.given:
                found = found.filter(each.matching(self.given[each.name], vpcs))
        for word in self.search.split():
            found = found.filter(self.kind.matches(word, vpcs))
        return found.order_by()

    @cached_property
    def rows(self) -> list[Any]:
        """The resources of the page; ``previous`` and ``next`` are the cursors of its neighbours."""
        field = self.sort.removeprefix("-")
        is_falling = self.sort.startswith("-")
        backwards = bool(self._before) and self._place(self._before) is not None
        cursor = self._place(self._before if backwards else self._after)
        found = self.found
        if cursor is not None:
            found = found.filter(_beyond(field, cursor, is_falling != backwards))
        sign = "-" if is_falling != backwards else ""
        ordered = found.order_by(f"{sign}{field}", f"{sign}pk").values_list("pk", flat=True)
        keys = list(ordered[: self.size + 1])
        has_more = len(keys) > self.size
        keys = keys[: self.size]
        if backwards:
            keys.reverse()
        if keys and (has_more or backwards):
            self.next = keys[-1]
        if keys and (has_more if backwards else cursor is not None):
            self.previous = keys[0]
        # what the columns show is joined to the rows of the page only, not to all that are sorted
        rows = {row.pk: row for row in self.kind.listed(self.kind.model.objects.filter(pk__in=keys))}
        return self.kind.prepared([rows[key] for key in keys if key in rows])

    @cached_property
    def total(self) -> int:
        """How many there are in all; ``COUNTED`` + 1 stands for more than that."""
        rows = self.rows
        if self.previous is None and self.next is None:
            return len(rows)
        return self.found[: COUNTED + 1].count()

    @property
    def is_beyond(self) -> bool:
        """Whether there are more than were counted."""
        return self.total > COUNTED

    def filters(self) -> list[dict[str, Any]]:
        """Return the filters: choices for some, for the others what they are set to."""
        return [self._filter(each) for each in self.kind.filters]

    def _filter(self, each: Filter) -> dict[str, Any]:
        chosen = self.given.get(each.name, "")
        choices = list(each.choices) or (self._vpcs() if each.to == "vpc" and self._offers_vpcs else [])
        if chosen and choices and chosen not in dict(choices):
            choices.append((chosen, chosen))
        return {
            "name": each.name,
            "label": each.label,
            "chosen": chosen,
            "choices": choices,
            "without": self._without(each.name),
        }

    def _without(self, name: str) -> str:
        """Return the query of the list without one of its filters."""
        asked = self._asked.copy()
        for each in (name, "after", "before"):
            asked.pop(each, None)
        return asked.urlencode()

    def _vpcs(self) -> list[tuple[str, Any]]:
        vpcs = KINDS["vpc"].within(self.account, self.region).order_by("name", "pk")[:OFFERED]
        return [(vpc.pk, str(vpc)) for vpc in vpcs]

    def _place(self, cursor: str) -> tuple[Any, Any] | None:
        """Return the sort value and key of the resource that a page begins behind, wherever it is now."""
        if not cursor:
            return None
        model = self.kind.model
        pk = key_of(model, cursor)
        if pk is None:
            return None
        mine = model._base_manager.filter(**{f"{self.kind.scope}account": self.account})
        value = mine.filter(pk=pk).values_list(self.sort.removeprefix("-"), flat=True)[:1]
        return next(((each, pk) for each in value), None)


def _beyond(field: str, place: tuple[Any, Any], is_falling: bool) -> Q:
    way = "lt" if is_falling else "gt"
    value, pk = place
    return Q(**{f"{field}__{way}": value}) | Q(**{field: value, f"pk__{way}": pk})
