"""One flow log in tabs: its configuration, its deliveries, its ledger, and who changed what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render, resolve_url
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from console import changes
from console.htmx import is_fragment
from console.models import Change
from console.requests import ConsoleRequest
from console.wording import sentences
from flowlogs import ledger, scope, usage
from flowlogs.models import Closing, Coverage, Delivery, FlowLog, IntervalChange, Vpc
from flowlogs.rules import DELIVERY_REASONS, INTERVALS
from flowlogs.services import quarantine
from flowlogs.store.workers import WorkerFailure
from flowlogs.views.access import on_flow_log
from flowlogs.views.change_words import shown_change
from flowlogs.views.shown import (
    ACTIONS,
    DESCRIBE,
    ShownFlowLog,
    blocking,
    count_volumes,
    flow_logs_of,
    shown,
)
from flowlogs.windows import window_end, window_start

ROWS = 20
LONG = 120
"""Seconds up to which a lag is told in seconds."""
DAY_MINUTES = 24 * 60
DOTS = {Delivery.State.DELIVERED: "success", Delivery.State.FAILED: "error"}
CONFIGURATION, DELIVERIES, LEDGER, HISTORY = "configuration", "deliveries", "ledger", "history"
SCOPE = "scope"
TABS = {
    CONFIGURATION: _("Configuration"),
    SCOPE: _("ENI collection scope"),
    DELIVERIES: _("Deliveries"),
    LEDGER: _("Ledger"),
    HISTORY: _("Change history"),
}
UNITS = {"flows": _("Flows"), "packets": _("Packets"), "bytes": _("Bytes")}
TERMS = ("scope", "delivered", "filtered", "late", "quarantined")


@dataclass(frozen=True)
class Tab:
    """One tab of the page, with its address."""

    label: Any
    url: str
    is_current: bool


@dataclass(frozen=True)
class ShownDelivery:
    """A delivery with the bounds of its window and how long after its end it arrived, in seconds."""

    delivery: Delivery
    begins: datetime
    ends: datetime
    lag: int | None
    dot: str
    reason: str

    @property
    def lag_words(self) -> str:
        """The lag, from a few minutes on in larger units."""
        return span(self.lag) if self.lag is not None else "-"

    def term(self, name: str, unit: str) -> int:
        """Return one term of its ledger."""
        value: int = getattr(self.delivery, f"{name}_{unit}")
        return value


class ByWindow:
    """The deliveries of a flow log, the latest window first, and of each its latest closing, for a paginator."""

    def __init__(self, flow_log: FlowLog) -> None:
        self._flow_log = flow_log

    def count(self) -> int:
        """Return how many there are."""
        return self._flow_log.deliveries.count()

    def __getitem__(self, part: slice) -> list[Delivery]:
        # an index has the windows of each interval in order; to sort all deliveries takes as long as there are many
        keys = sorted(
            (key for interval in INTERVALS for key in self._keys(interval, part.stop)), reverse=True
        )
        chosen = [pk for _start, _number, pk in keys[part]]
        found = Delivery.objects.select_related("closing__window").in_bulk(chosen)
        return [found[pk] for pk in chosen if pk in found]

    def _keys(self, interval: int, most: int) -> Iterable[tuple[int, int, int]]:
        """Return window start, closing number and key of the latest deliveries of windows of an interval."""
        found = self._flow_log.deliveries.filter(
            closing__window__vpc=self._flow_log.vpc_id, closing__window__interval=interval
        )
        ordered = found.order_by("-closing__window__start", "-closing__number")
        return ordered.values_list("closing__window__start", "closing__number", "pk")[:most]


@dataclass(frozen=True)
class LedgerLine:
    """The terms of one delivery in the unit that is asked for."""

    shown: ShownDelivery
    terms: list[int]

    @property
    def unexplained(self) -> int:
        """What is in scope and in no other term; zero, always."""
        in_scope, *others = self.terms
        return in_scope - sum(others)


@require_safe
@on_flow_log(DESCRIBE, even_deleted=True)
def flow_log_detail(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Show a flow log, the tab that the address names; while it changes its state, the page asks again by itself."""
    tab = request.GET.get("tab", CONFIGURATION)
    if tab not in CONTENTS:
        tab = CONFIGURATION
    context = page_of(request, flow_log, tab)
    context |= CONTENTS[tab](request, context["row"])
    return render(request, f"flowlogs/flow_log_{tab}.html", context)


@require_safe
@on_flow_log(DESCRIBE, even_deleted=True)
def flow_log_ledger(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Show where each sample in the scope of a flow log went; it is counted now, which takes a moment."""
    context: dict[str, Any] = {"flow_log": flow_log}
    try:
        [context["line"]] = ledger.flow_logs(request.account, only=[flow_log.pk])
    except WorkerFailure as error:
        context["error"] = str(error)
    part = "lines" if is_fragment(request) else "page"
    return render(request, f"flowlogs/flow_log_ledger_{part}.html", context)


def page_of(request: ConsoleRequest, flow_log: FlowLog, tab: str) -> dict[str, Any]:
    """Return what every tab of a flow log shows: the flow log, what can be done to it, and the tabs."""
    mine = flow_logs_of(request, even_deleted=True).select_related("vpc")
    [row] = shown([get_object_or_404(mine, pk=flow_log.pk)], request)
    scope_url = f"{row.url}scope/"
    return {
        "row": row,
        "flow_log": row.flow_log,
        "here": request.get_full_path(),
        "tabs": [
            Tab(_label(row, key), scope_url if key == SCOPE else _tab_url(row, key), key == tab)
            for key in TABS
        ],
        "scope_url": scope_url,
        "deletion": _deletion(row.flow_log) if row.flow_log.deleted_at else None,
    }


def span(seconds: int) -> str:
    """Return a span of time in words: in seconds, minutes, hours or days, whichever is read at a glance."""
    minutes = seconds // 60
    if seconds <= LONG:
        return gettext("%(seconds)s s") % {"seconds": seconds}
    if minutes < 60:
        return gettext("%(minutes)s min") % {"minutes": minutes}
    if minutes < 2 * DAY_MINUTES:
        return gettext("%(hours)s h %(minutes)s min") % {"hours": minutes // 60, "minutes": minutes % 60}
    days, rest = divmod(minutes, DAY_MINUTES)
    return gettext("%(days)s d %(hours)s h") % {"days": days, "hours": rest // 60}


def _deletion(flow_log: FlowLog) -> Change | None:
    """Return who deleted a flow log; it was through a moment later."""
    return changes.history(flow_log.pk).filter(account=flow_log.account_id, action=ACTIONS["delete"]).first()


def _label(row: ShownFlowLog, key: str) -> Any:
    return _("Coverage") if key == SCOPE and not row.has_scope else TABS[key]


def _tab_url(row: ShownFlowLog, key: str) -> str:
    return row.url if key == CONFIGURATION else f"{row.url}?tab={key}"


def _configuration(request: ConsoleRequest, row: ShownFlowLog) -> dict[str, Any]:
    flow_log = row.flow_log
    fees = usage.month_fees(request.account, request.region, [flow_log.pk])
    count_volumes([row], usage.month_of([flow_log.pk]), fees)
    last = flow_log.deliveries.select_related("closing__window").order_by("-id").first()
    vpc = Vpc.objects.filter(pk=flow_log.vpc_id)
    is_deleted = flow_log.deleted_at is not None
    return {
        **_quarantined(flow_log),
        "covered": scope.once_covered_count(flow_log) if is_deleted else scope.covered(flow_log).count(),
        "last_delivery": _shown(last) if last else None,
        **({} if is_deleted else blocking(request, vpc.values("pk"))),
    }


def _deliveries(request: ConsoleRequest, row: ShownFlowLog) -> dict[str, Any]:
    page = _page_of_deliveries(request, row.flow_log)
    found = [_shown(each) for each in page.object_list]
    return {
        **_quarantined(row.flow_log),
        "page": page,
        "deliveries": found,
        "waiting": _waiting(row.flow_log),
        "first_delivery": "" if found else _first_delivery(row),
    }


def _ledger(request: ConsoleRequest, row: ShownFlowLog) -> dict[str, Any]:
    unit = request.GET.get("unit", "flows")
    if unit not in UNITS:
        unit = "flows"
    page = _page_of_deliveries(request, row.flow_log)
    found = [_shown(each) for each in page.object_list]
    return {
        **_quarantined(row.flow_log),
        "page": page,
        "lines": [LedgerLine(each, [each.term(name, unit) for name in TERMS]) for each in found],
        "unit": unit,
        "units": UNITS,
        "ledger_url": resolve_url(
            "flowlogs:flow-log-ledger", region_id=row.flow_log.region_id, flow_log_id=row.flow_log.pk
        ),
    }


def _history(request: ConsoleRequest, row: ShownFlowLog) -> dict[str, Any]:
    mine = changes.history(row.flow_log.pk).filter(account=request.account)
    page = Paginator(mine, ROWS).get_page(request.GET.get("page"))
    return {"page": page, "changes": [shown_change(change) for change in page.object_list]}


CONTENTS = {
    CONFIGURATION: _configuration,
    DELIVERIES: _deliveries,
    LEDGER: _ledger,
    HISTORY: _history,
}


def _quarantined(flow_log: FlowLog) -> dict[str, Any]:
    """Return what could not be delivered, and for how long its samples are kept."""
    found = quarantine.of([flow_log])[flow_log.pk]
    return {"quarantine": found, "kept_hours": quarantine.KEPT_HOURS}


def _waiting(flow_log: FlowLog) -> int:
    """Return how many closed windows of its VPC are still to be delivered; of a deleted one, those before its end."""
    undelivered = (Closing.State.PENDING, Closing.State.DELIVERING)
    waiting = Closing.objects.filter(state__in=undelivered, window__vpc=flow_log.vpc_id)
    if flow_log.deleted_at:
        waiting = waiting.filter(window__start__lt=flow_log.deleted_at.timestamp())
    return waiting.count()


def _page_of_deliveries(request: ConsoleRequest, flow_log: FlowLog) -> Any:
    found: Any = ByWindow(flow_log)  # a paginator needs no more than to count and to cut
    return Paginator(found, ROWS).get_page(request.GET.get("page"))


def _first_delivery(row: ShownFlowLog) -> str:
    """Say when something is delivered for the first time, or what is to be done before."""
    if row.flow_log.deleted_at:
        return gettext("The flow log was deleted before.")
    if row.flow_log.delivery_status == FlowLog.DeliveryStatus.FAILED:
        return sentences(row.delivery_reason, row.delivery_remedy)
    if row.flow_log.status == FlowLog.Status.INACTIVE:
        return gettext("Start the flow log to capture traffic.")
    end = _first_window_end(row.flow_log)
    if end is None:
        return gettext("The first delivery follows about a minute after the end of the first window.")
    return gettext(
        "The first delivery follows about a minute after the end of the first window, %(time)s UTC."
    ) % {"time": f"{end:%H:%M}"}


def _first_window_end(flow_log: FlowLog) -> datetime | None:
    """Return when the first window ends in which a flow log covers an ENI; None where it covers none.

    It is one of the interval that was in force there: of another flow log, it may be longer or shorter.
    """
    changes = IntervalChange.objects.filter(network_interface=OuterRef("network_interface"))
    in_force = changes.filter(since__lte=OuterRef("since")).order_by("-since")
    covering = Coverage.objects.filter(flow_log=flow_log, until__isnull=True)
    found = covering.order_by().values_list("since", Subquery(in_force.values("interval")[:1])).distinct()
    starts = [
        (window_start(int(since.timestamp()), interval), interval) for since, interval in found if interval
    ]
    ends = [window_end(start, interval) for start, interval in starts]
    return datetime.fromtimestamp(min(ends), UTC) if ends else None


def _shown(delivery: Delivery) -> ShownDelivery:
    window = delivery.closing.window
    arrived = delivery.delivered_at
    reason = DELIVERY_REASONS.get(delivery.reason)
    return ShownDelivery(
        delivery=delivery,
        begins=datetime.fromtimestamp(window.start, UTC),
        ends=datetime.fromtimestamp(window.end, UTC),
        lag=round(arrived.timestamp() - window.end) if arrived else None,
        dot=DOTS.get(Delivery.State(delivery.state), "pending"),
        reason=gettext(reason.message) if reason else delivery.reason,
    )
