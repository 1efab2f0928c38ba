"""One flow log: its configuration, the ENIs it covers, its last deliveries, and its line of the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from console.htmx import is_fragment
from console.requests import ConsoleRequest
from flowlogs import ledger
from flowlogs.models import Coverage, Delivery, FlowLog, IntervalChange, NetworkInterfaceAddress
from flowlogs.rules import DELIVERY_REASONS
from flowlogs.store.workers import WorkerFailure
from flowlogs.views.access import on_flow_log
from flowlogs.views.shown import flow_logs_of, shown

DESCRIBE = "vpc:DescribeFlowLogs"
SHOWN_DELIVERIES = 20
SHOWN_INTERFACES = 10
DOTS = {Delivery.State.DELIVERED: "success", Delivery.State.FAILED: "error"}


@dataclass(frozen=True)
class ShownDelivery:
    """A delivery with the bounds of its window and how long after its end it arrived, in seconds."""

    delivery: Delivery
    begins: datetime
    ends: datetime
    lag: int | None
    dot: str
    reason: str


@require_safe
@on_flow_log(DESCRIBE)
def flow_log_detail(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Show a flow log; while it changes its state, the page asks again by itself."""
    [row] = shown([get_object_or_404(flow_logs_of(request), pk=flow_log.pk)], request)
    address = {"region_id": flow_log.region_id, "flow_log_id": flow_log.pk}
    context = {
        "row": row,
        "flow_log": row.flow_log,
        "covered": Paginator(_covered(flow_log), SHOWN_INTERFACES).get_page(request.GET.get("page")),
        "deliveries": _deliveries(flow_log),
        "ledger_url": resolve_url("flowlogs:flow-log-ledger", **address),
    }
    return render(request, "flowlogs/flow_log_detail.html", context)


@require_safe
@on_flow_log(DESCRIBE)
def flow_log_ledger(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Show where each sample in the scope of a flow log went; it is counted now, which takes a moment."""
    context: dict[str, Any] = {"flow_log": flow_log}
    try:
        [context["line"]] = ledger.flow_logs(request.account, only=[flow_log.pk])
    except WorkerFailure as error:
        context["error"] = str(error)
    part = "lines" if is_fragment(request) else "page"
    return render(request, f"flowlogs/flow_log_ledger_{part}.html", context)


def _covered(flow_log: FlowLog) -> QuerySet[Any]:
    """Return the ENIs that a flow log covers now, with the interval that is in force and the one to come."""
    now = timezone.now()
    interface = OuterRef("network_interface")
    changes = IntervalChange.objects.filter(network_interface=interface)
    in_force = changes.filter(since__lte=now).order_by("-since")
    to_come = changes.filter(since__gt=now).order_by("since")
    address = NetworkInterfaceAddress.objects.filter(network_interface=interface, kind="primary")
    return (
        Coverage.objects.filter(flow_log=flow_log, until__isnull=True)
        .select_related("network_interface__instance", "network_interface__vswitch")
        .annotate(
            address=Subquery(address.values("address")[:1]),
            interval=Subquery(in_force.values("interval")[:1]),
            next_interval=Subquery(to_come.values("interval")[:1]),
            next_since=Subquery(to_come.values("since")[:1]),
        )
        .order_by("network_interface__name", "network_interface")
    )


def _deliveries(flow_log: FlowLog) -> list[ShownDelivery]:
    found = flow_log.deliveries.select_related("closing__window")
    return [_shown(each) for each in found.order_by("-closing__window__start", "-id")[:SHOWN_DELIVERIES]]


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
