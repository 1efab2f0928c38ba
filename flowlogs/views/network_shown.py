"""Network resources as the pages show them: cells with addresses, what can be done, what covers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from console import changes
from console.access import allowed_here
from console.models import Change
from console.requests import ConsoleRequest
from flowlogs.models import Coverage, FlowLog, IntervalChange
from flowlogs.networks.kind import FLOW_LOG, KINDS, Cell, Column, Kind, Section
from flowlogs.networks.listing import COUNTED, Listing
from flowlogs.views.network_access import may_list, refusal

SHOWN_ROWS = 10
SHOWN_CHANGES = 20
SHOWN_FLOW_LOGS = 20
ACTS = ("edit", "delete")


@dataclass(frozen=True)
class Act:
    """Something to do; ``refusal`` says why the user may not."""

    url: str
    refusal: str = ""


@dataclass(frozen=True)
class ShownCell:
    """A cell with the address that it links to."""

    cell: Cell
    column: Column
    url: str = ""


class ShownRow:
    """A resource in a table."""

    def __init__(self, kind: Kind, resource: Any, columns: Sequence[Column], request: ConsoleRequest) -> None:
        self.resource = resource
        self.name = kind.named(resource)
        self.cells = cells(columns, resource, request)
        self.acts = acts(kind, resource, request)


class Table:
    """Resources of a kind in a table; ``without`` leaves out the column that says the same in every row.

    What only refers to the resource of the page can be edited and deleted on its own page.
    """

    def __init__(
        self,
        kind: Kind,
        resources: Iterable[Any],
        request: ConsoleRequest,
        without: str = "",
        *,
        has_acts: bool = True,
    ) -> None:
        self.kind, self.has_acts = kind, has_acts
        labels = {each.label for each in kind.filters if each.name == without}
        self.columns = allowed([each for each in kind.columns if each.label not in labels], request)
        self.rows = [ShownRow(kind, each, self.columns, request) for each in resources]


@dataclass
class ShownSection:
    """Resources of another kind that belong to a resource: how many, the first of them, and where the rest is."""

    kind: Kind
    total: int
    url: str
    table: Table | None = None
    create: Act | None = None

    @property
    def count(self) -> str:
        """How many there are, in words."""
        return counted(self.total)


@dataclass(frozen=True)
class ShownChange:
    """A change with its values in words: label, before and after."""

    change: Change
    values: list[tuple[Any, str, str]]


def url(kind: Kind, page: str, region_id: str, /, *args: Any, **query: Any) -> str:
    """Return the address of a page of a kind."""
    address = reverse(f"flowlogs:{kind.slug}-{page}", args=[region_id, *args])
    return f"{address}?{urlencode(query)}" if query else address


def cells(columns: Iterable[Column], resource: Any, request: ConsoleRequest) -> list[ShownCell]:
    """Return what stands in the columns for a resource."""
    found = []
    for column in allowed(columns, request):
        cell = column.cell(resource)
        link = ""
        if cell.to is not None:
            slug, pk = cell.to
            if not may_list(request, slug):
                # what a resource refers to is its own; what that is called is not
                found.append(ShownCell(replace(cell, text=pk, sub="", sub_id=""), column))
                continue
            link = reverse(f"flowlogs:{slug}-detail", args=[request.region.pk, pk])
        found.append(ShownCell(cell, column, link))
    return found


def allowed(columns: Iterable[Column], request: ConsoleRequest) -> list[Column]:
    """Return the columns that the user may see."""
    return [each for each in columns if not each.action or allowed_here(request, each.action)]


def acts(kind: Kind, resource: Any, request: ConsoleRequest) -> dict[str, Act]:
    """Return what can be done to a resource."""
    return {
        verb: Act(url(kind, verb, request.region.pk, resource.pk), refusal(request, kind, verb, resource))
        for verb in ACTS
    }


def page_acts(kind: Kind, request: ConsoleRequest, query: Mapping[str, str]) -> dict[str, Act]:
    """Return what can be done on the list of a kind; ``query`` is what the list is narrowed to."""
    region_id = request.region.pk
    refused = refusal(request, kind, "create")
    return {
        "create": Act(url(kind, "create", region_id), refused),
        "import": Act(url(kind, "import", region_id), refused),
        "csv": Act(url(kind, "export", region_id, **query, format="csv")),
        "json": Act(url(kind, "export", region_id, **query, format="json")),
    }


def counted(total: int) -> str:
    """Return how many there are, where counting ends at ``COUNTED``."""
    return _("More than %(total)s") % {"total": f"{COUNTED:,}"} if total > COUNTED else f"{total:,}"


def sections(kind: Kind, resource: Any, request: ConsoleRequest) -> list[ShownSection]:
    """Return what belongs to a resource, of the kinds that the user may see."""
    visible = [each for each in kind.sections if may_list(request, each.slug)]
    return [_section(each, resource, request) for each in visible]


def _section(section: Section, resource: Any, request: ConsoleRequest) -> ShownSection:
    kind = KINDS[section.slug]
    lookup = next(each.lookup for each in kind.filters if each.name == section.filter)
    found = kind.within(request.account, request.region).filter(**{lookup: resource.pk})
    total = found.order_by()[: COUNTED + 1].count()
    shown = ShownSection(kind, total, url(kind, "list", request.region.pk, **{section.filter: resource.pk}))
    if section.is_table:
        rows = kind.prepared(list(kind.listed(found)[:SHOWN_ROWS]))
        shown.table = Table(kind, rows, request, section.filter, has_acts=bool(section.prefill))
    if section.prefill:
        address = url(kind, "create", request.region.pk, **{section.prefill: resource.pk})
        shown.create = Act(address, refusal(request, kind, "create"))
    return shown


def history(kind: Kind, resource: Any) -> list[ShownChange]:
    """Return the last changes of a resource."""
    found = changes.history(str(resource.pk)).filter(resource_type=kind.type)
    labels = {each.name: each.label for each in kind.fields} | {"rule": _("Rule")}
    return [
        ShownChange(
            change,
            [
                (labels.get(name, name), _words(before), _words(after))
                for name, (before, after) in change.values.items()
            ],
        )
        for change in found[:SHOWN_CHANGES]
    ]


def _words(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: _("Yes"), False: _("No")}[value] if isinstance(value, bool) else str(value)


def flow_logs(kind: Kind, resource: Any, request: ConsoleRequest) -> list[FlowLog] | None:
    """Return the flow logs that a VPC or vSwitch has or that cover an ENI; None where that makes no sense."""
    types = FlowLog.ResourceType
    if kind.slug not in ("vpc", "vswitch", "eni") or not may_list(request, FLOW_LOG):
        return None
    if kind.slug == "eni":
        open_now = Coverage.objects.filter(network_interface=resource.pk, until__isnull=True)
        spans = open_now.filter(flow_log__deleted_at__isnull=True).select_related("flow_log")
        found = []
        for span in spans.order_by("flow_log__name", "flow_log")[:SHOWN_FLOW_LOGS]:
            span.flow_log.covers_since = span.since  # type: ignore[attr-defined]
            found.append(span.flow_log)
        return found
    there = FlowLog.objects.filter(vpc=kind.vpc_id(resource))
    if kind.slug == "vswitch":
        there = there.filter(
            Q(resource_type=types.VPC) | Q(resource_type=types.VSWITCH, resource_id=resource.pk)
        )
    return list(there.order_by("name", "pk")[:SHOWN_FLOW_LOGS])


def interval(kind: Kind, resource: Any) -> dict[str, Any] | None:
    """Return the sampling interval of an ENI that is in force (0: not captured), and the one to come."""
    if kind.slug != "eni":
        return None
    now = timezone.now()
    found = IntervalChange.objects.filter(network_interface=resource.pk)
    current = found.filter(since__lte=now).order_by("-since").first()
    return {
        "minutes": current.interval if current else 0,
        "next": found.filter(since__gt=now).order_by("since").first(),
    }


def pager(listing: Listing) -> dict[str, Any]:
    """Return what the line below a list says."""
    return {"total": counted(listing.total), "previous": listing.previous, "next": listing.next}
