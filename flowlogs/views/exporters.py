"""Exporters: who is sending, what it observes, what was lost and what matched nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, cast

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Aggregate, Max, Min, Prefetch, Q, QuerySet, Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from console import access
from console.access import requires
from console.htmx import go_to
from console.requests import ConsoleRequest
from flowlogs import hints, services, strangers
from flowlogs.exporter_form import BindingForm, ProfileForm
from flowlogs.exporters import own_first
from flowlogs.forms import add_violations
from flowlogs.models import Collector, Exporter, ExporterBinding, FlowLog, Loss, Stream
from flowlogs.networks.kind import KINDS
from flowlogs.rules import DEFAULT_INTERVAL, RuleError
from flowlogs.views.flow_log_acts import reasons_of
from flowlogs.views.network_access import may_list

SHOWN_LOSSES = 20
SHOWN_STRAYS = 50
PROTOCOLS = {strangers.REFUSED: gettext_lazy("Not allowed"), 5: "NetFlow v5", 9: "NetFlow v9", 10: "IPFIX"}
ROWS = 20
FEW = 5
UNCLAIMED = "unclaimed"
LONGEST_SEARCH = 128
NAMES = ("datagrams", "flows", "unattributed_flows", "lost_flows", "lost_datagrams", "malformed")
TERMS: dict[str, Aggregate] = {
    **{f"{name}_of_all": Sum(name) for name in NAMES},
    "longest_flow": Max("longest_flow_ms"),
    "longest_delay": Max("longest_delay_ms"),
    "ahead": Max("clock_offset_ms"),
    "behind": Min("clock_offset_ms"),
}
BIND = "vpc:BindExporter"
UNBIND = "vpc:UnbindExporter"
MODIFY = "vpc:ModifyExporter"
RELEASE = "vpc:ReleaseExporter"


class Bound(NamedTuple):
    """What an exporter observes: its kind, ID and name, and the VPC; linked where the user may see them."""

    binding: ExporterBinding
    slug: str
    pk: str
    name: str
    is_linked: bool
    vpc: str
    is_vpc_linked: bool


def _exporters(request: ConsoleRequest) -> QuerySet[Exporter]:
    """Return the account's exporters of the region, and those that nobody has claimed."""
    mine = Q(account=request.account, region=request.region)
    bindings = Prefetch(
        "bindings", ExporterBinding.objects.select_related("vpc", "vswitch", "network_interface")
    )
    return Exporter.objects.filter(mine | Q(account__isnull=True)).prefetch_related(bindings)


@requires("vpc:DescribeExporters")
def exporter_list(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """List a page of exporters: the account's own, bound ones first, and those of nobody while they are few.

    Of many, which may be forged, only the number is told; they have pages of their own, with a search.
    """
    unclaimed = strangers.nobodys().count()
    wants_unclaimed = request.GET.get("show") == UNCLAIMED
    search = request.GET.get("search", "").strip()[:LONGEST_SEARCH]
    found = own_first(_exporters(request))
    if wants_unclaimed:
        found = found.filter(account__isnull=True)
        found = found.filter(Q(address__contains=search) | Q(name__icontains=search)) if search else found
    elif unclaimed > FEW:
        found = found.filter(account__isnull=False)
    page = Paginator(found, ROWS).get_page(request.GET.get("page"))
    collector = (
        Collector.objects.filter(is_history=False, retired_at__isnull=True).order_by("-last_seen").first()
    )
    context = {
        "lines": _lines(request, page.object_list),
        "page": page,
        "collector": collector,
        "target": f"{settings.FLOWLOG_COLLECTOR_HOST}:{settings.FLOWLOG_COLLECTOR_PORT}",
        "may_bind": access.allowed_here(request, BIND),
        "unclaimed": unclaimed,
        "are_folded": unclaimed > FEW,
        "wants_unclaimed": wants_unclaimed,
        "search": search,
        "limit": strangers.MOST_STRANGERS if unclaimed >= strangers.MOST_STRANGERS else 0,
    }
    return render(request, "flowlogs/exporters.html", context)


@requires("vpc:DescribeExporters")
def exporter_detail(request: ConsoleRequest, region_id: str, exporter_id: str) -> HttpResponse:
    """Show one exporter: bindings, streams, losses, what matched no interface, and its profile."""
    exporter = get_object_or_404(_exporters(request), pk=exporter_id)
    [line] = _lines(request, [exporter])
    streams = exporter.streams.order_by("-last_seen", "pk")
    page = Paginator(streams, ROWS).get_page(request.GET.get("page"))
    context = {
        "line": line,
        "exporter": exporter,
        "page": page,
        "streams": [(stream, _protocol(stream.version)) for stream in page.object_list],
        "losses": Loss.objects.filter(Q(exporter=exporter) | Q(exporter__isnull=True)).order_by("-until")[
            :SHOWN_LOSSES
        ],
        "strays": exporter.unattributed.order_by("-bytes")[:SHOWN_STRAYS],
        "may_bind": access.allowed_here(request, BIND),
        "may_unbind": access.allowed_here(request, UNBIND),
        "may_modify": access.allowed_here(request, MODIFY),
        "may_remove": access.allowed_here(request, RELEASE),
        "limit": strangers.MOST_STRANGERS,
    }
    return render(request, "flowlogs/exporter.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(BIND)
def exporter_bind(request: ConsoleRequest, region_id: str, exporter_id: str) -> HttpResponse:
    """Bind an exporter to what it observes."""
    exporter = get_object_or_404(_exporters(request), pk=exporter_id)
    offered = [slug for slug in ("vpc", "vswitch") if may_list(request, slug)]
    form = BindingForm(request.POST or None, account=request.account, region=request.region, offered=offered)
    if form.is_valid():
        try:
            services.bind_exporter(exporter, request.user, form.cleaned_data["observed"])
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("The exporter is bound. Its flows become samples from now on."))
            return go_to(request, "flowlogs:exporter-detail", region_id=region_id, exporter_id=exporter.pk)
    return render(request, "flowlogs/exporter_bind.html", {"exporter": exporter, "form": form})


@require_POST
@requires(UNBIND)
def exporter_unbind(
    request: ConsoleRequest, region_id: str, exporter_id: str, binding_id: int
) -> HttpResponse:
    """Remove a binding."""
    exporter = get_object_or_404(_exporters(request), pk=exporter_id)
    binding = get_object_or_404(exporter.bindings.filter(vpc__account=request.account), pk=binding_id)
    services.unbind_exporter(binding, request.user)
    messages.success(request, _("The binding is removed."))
    return go_to(request, "flowlogs:exporter-detail", region_id=region_id, exporter_id=exporter.pk)


@require_POST
@requires(RELEASE)
def exporter_remove(request: ConsoleRequest, region_id: str, exporter_id: str) -> HttpResponse:
    """Forget an exporter that observes nothing."""
    exporter = get_object_or_404(_exporters(request), pk=exporter_id)
    try:
        services.remove_exporter(exporter, request.user, request.account, request.region)
    except RuleError as error:
        messages.error(request, reasons_of(error))
        return go_to(request, "flowlogs:exporter-detail", region_id=region_id, exporter_id=exporter.pk)
    messages.success(request, _("The exporter is removed. It appears again when it sends again."))
    return go_to(request, "flowlogs:exporter-list", region_id=region_id)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(MODIFY)
def exporter_edit(request: ConsoleRequest, region_id: str, exporter_id: str) -> HttpResponse:
    """Change how an exporter is called and read; one that nobody has claimed must be bound first."""
    exporter = get_object_or_404(_exporters(request).filter(account=request.account), pk=exporter_id)
    form = ProfileForm(request.POST or None, instance=exporter)
    if form.is_valid():
        try:
            services.change_exporter(exporter, request.user, **form.values())
        except RuleError as error:
            form.add_violations(error.violations)
        else:
            messages.success(request, _("The exporter is changed."))
            return go_to(request, "flowlogs:exporter-detail", region_id=region_id, exporter_id=exporter.pk)
    return render(request, "flowlogs/exporter_edit.html", {"exporter": exporter, "form": form})


def _shortest_interval(request: ConsoleRequest) -> int:
    active = FlowLog.objects.filter(
        account=request.account, region=request.region, status=FlowLog.Status.ACTIVE
    )
    return active.aggregate(shortest=Min("interval"))["shortest"] or DEFAULT_INTERVAL


def _lines(request: ConsoleRequest, exporters: Iterable[Exporter]) -> list[dict[str, Any]]:
    """Add up what the streams of each exporter say, in the database: forged senders may have thousands."""
    shown = list(exporters)
    streams = Stream.objects.filter(exporter__in=[exporter.pk for exporter in shown]).order_by()
    sums: dict[str, Any] = {row["exporter"]: row for row in streams.values("exporter").annotate(**TERMS)}
    versions: dict[str, set[int]] = defaultdict(set)
    for exporter, version in streams.values_list("exporter", "version").distinct():
        versions[exporter].add(version)
    interval = _shortest_interval(request)
    named = {slug for slug in KINDS if may_list(request, slug)}
    return [
        {**_line(each, sums.get(each.pk, {}), versions[each.pk], interval), "bindings": _bound(each, named)}
        for each in shown
    ]


def _bound(exporter: Exporter, named: Collection[str]) -> list[Bound]:
    """Return what an exporter observes, by name where the user may list resources of these kinds."""
    found = []
    for binding in exporter.bindings.all():
        slug, observed = "vpc", cast(Any, binding.vpc)
        if binding.vswitch_id:
            slug, observed = "vswitch", binding.vswitch
        if binding.network_interface_id:
            slug, observed = "eni", binding.network_interface
        name = str(observed) if slug in named else observed.pk
        vpc = str(binding.vpc) if "vpc" in named else binding.vpc_id
        found.append(Bound(binding, slug, observed.pk, name, slug in named, vpc, "vpc" in named))
    return found


def _line(exporter: Exporter, row: dict[str, Any], versions: set[int], interval: int) -> dict[str, Any]:
    sums = {name: row.get(f"{name}_of_all") or 0 for name in NAMES}
    offsets = (row.get("ahead") or 0, row.get("behind") or 0)
    found = [
        hints.hold_back(
            row.get("longest_flow") or 0, row.get("longest_delay") or 0, interval, settings.FLOWLOG_LATENESS
        ),
        hints.clock(max(offsets, key=abs)),
    ]
    return {
        "exporter": exporter,
        "protocols": sorted({_protocol(version) for version in versions}),
        "hints": [hint for hint in found if hint is not None],
        **sums,
    }


def _protocol(version: int) -> str:
    return str(PROTOCOLS.get(version, _("Unsupported")))
