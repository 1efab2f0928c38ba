"""View ENI Collection Scope: the ENIs that a flow log covers now, and what its Logstore has of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import duckdb
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from console.htmx import is_fragment
from console.requests import ConsoleRequest
from flowlogs import scope
from flowlogs.models import FlowLog, Vpc
from flowlogs.scope import SLOTS, Collected, CoveredInterface
from flowlogs.store import workers
from flowlogs.views.access import on_flow_log
from flowlogs.views.flow_log_detail import SCOPE, page_of
from flowlogs.views.network_access import may_list
from flowlogs.views.shown import DESCRIBE, blocking
from flowlogs.windows import window_end

log = logging.getLogger(__name__)

ROWS = 20
SURELY = 0.999
"""What counts as a whole: an ENI that joined with the second is covered all the same."""


@dataclass(frozen=True)
class ScopeRow:
    """An ENI of the scope; ``collected`` is empty until its records are counted."""

    covered: CoveredInterface
    collected: Collected | None
    window: tuple[datetime, datetime] | None

    @property
    def strip(self) -> list[tuple[str, int]]:
        """The last day as runs of half hours of one kind: the class of the strip, and how many they are."""
        skipped = self.collected.skipped_slots if self.collected else set()
        kinds = (_slot(share, place in skipped) for place, share in enumerate(self.covered.slots))
        return [(kind, len(list(run))) for kind, run in groupby(kinds)]

    @property
    def strip_text(self) -> str:
        """What the strip shows, in words."""
        hours = self.covered.covered_share * 24
        text = _("Covered %(hours)s of the last 24 hours") % {"hours": f"{hours:.1f}".removesuffix(".0")}
        skipped = len(self.collected.skipped_slots) if self.collected else 0
        if not skipped:
            return text
        lost = f"{skipped * 24 / SLOTS:.1f}".removesuffix(".0")
        return f"{text}. " + _("Records were skipped in %(hours)s of them") % {"hours": lost}


@require_safe
@on_flow_log(DESCRIBE, even_deleted=True)
def flow_log_scope(request: ConsoleRequest, flow_log: FlowLog) -> HttpResponse:
    """Show the scope; the page fetches what its Logstore has of the ENIs once it is there (``counts=1``).

    Of a deleted flow log, it is what was covered, and when.
    """
    now = timezone.now()
    search = request.GET.get("search", "").strip()
    if flow_log.deleted_at:
        return _once_covered(request, flow_log, search)
    rows = scope.covered(flow_log, search).select_related(None)
    page = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    covered = scope.interfaces(list(page.object_list), now)
    counts: dict[str, Collected] | None = None
    context = page_of(request, flow_log, SCOPE)
    if request.GET.get("counts") and covered:
        try:
            counts = scope.collected(flow_log, covered, now.timestamp())
        except (workers.WorkerFailure, duckdb.Error, OSError) as error:
            log.warning("records of flow log %s could not be counted: %s", flow_log.pk, error)
            context["error"] = str(error)
    windows = scope.last_windows(flow_log) if counts is not None else {}
    sent = request.GET.copy()
    sent.pop("counts", None)
    request.GET = sent  # type: ignore[assignment]
    if not is_fragment(request):
        context |= blocking(request, Vpc.objects.filter(pk=flow_log.vpc_id).values("pk"))
    context |= {
        "page": page,
        "rows": [
            ScopeRow(each, (counts or {}).get(each.interface.pk), _window(windows, each, now))
            for each in covered
        ],
        "is_counted": counts is not None,
        "search": search,
        "counts_url": _counts_url(request),
        "others": scope.others_into(flow_log, [each.interface.pk for each in covered]) if covered else [],
        "hours": SLOTS // 2,
        "names_enis": may_list(request, "eni"),
        "names_instances": may_list(request, "instance"),
    }
    return render(request, "flowlogs/flow_log_scope.html", context)


def _once_covered(request: ConsoleRequest, flow_log: FlowLog, search: str) -> HttpResponse:
    page = Paginator(scope.once_covered(flow_log, search), ROWS).get_page(request.GET.get("page"))
    context = page_of(request, flow_log, SCOPE)
    context |= {"page": page, "search": search, "names_enis": may_list(request, "eni")}
    return render(request, "flowlogs/flow_log_once_covered.html", context)


def _window(
    windows: dict[int, int], covered: CoveredInterface, now: datetime
) -> tuple[datetime, datetime] | None:
    """Return the last delivered window of an ENI, if it is one of the day that is counted."""
    start = windows.get(covered.interval)
    if start is None or start < now.timestamp() - scope.DAY:
        return None
    end = window_end(start, covered.interval)
    return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)


def _counts_url(request: ConsoleRequest) -> str:
    sent: Any = request.GET.copy()
    sent["counts"] = "1"
    return f"{request.path}?{sent.urlencode()}"


def _slot(share: float, is_skipped: bool) -> str:
    if is_skipped:
        return "loss"
    if share >= SURELY:
        return "ok"
    return "late" if share > 0 else "none"
