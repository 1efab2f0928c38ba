"""The overview of a region: what is logged, what is not, what fails, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from console import access
from console.access import requires
from console.requests import ConsoleRequest
from flowlogs.forms import said
from flowlogs.models import Exporter, ExporterBinding
from flowlogs.overview import Overview, overview
from flowlogs.rules import DELIVERY_REMEDIES
from flowlogs.services import circumstances
from flowlogs.services.delivery_status import REVOKED
from flowlogs.views.shown import CREATE, DESCRIBE, missing_gates

VPCS = 20


@dataclass(frozen=True)
class Advice:
    """Something to do next: why, and where."""

    title: str
    text: str
    url: str = ""
    label: str = ""
    kind: str = "info"
    panel: bool = False


@require_safe
@requires(DESCRIBE)
def show(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Show the overview of the region."""
    state = overview(request.account, request.region)
    gates = access.gates(request.account)
    context = {
        "state": state,
        "page": Paginator(state.vpcs, VPCS).get_page(request.GET.get("page")),
        "quota": circumstances.quota(request.account),
        "advice": list(_advice(request, state, gates)),
        "may_create": access.allowed_here(request, CREATE),
        "create": CREATE,
        "gates": gates,
    }
    return render(request, "flowlogs/overview.html", context)


def _advice(request: ConsoleRequest, state: Overview, gates: list[str]) -> Iterator[Advice]:
    region = request.region
    if not region.flow_logs_available:
        yield Advice(
            _("Flow logs are not available in this region"),
            _("Choose another region in the menu at the top."),
            kind="warning",
        )
        return
    if gates:
        yield Advice(
            _("Flow logs need an authorization first"),
            missing_gates(gates),
            reverse("console:authorize"),
            _("Go to the authorization steps"),
            "warning",
        )
    if not state.vpcs:
        yield Advice(
            _("This region has no VPC yet"),
            _("Describe your network: create or import VPCs, vSwitches and ENIs."),
            _page("vpc-list", region.pk),
            _("VPCs"),
        )
        return
    yield from _failures(region.pk, state, gates)
    yield from _exporters(request)
    yield from _bare(request, state, gates)


def _failures(region_id: str, state: Overview, gates: list[str]) -> Iterator[Advice]:
    # what a missing gate holds up is said once, with the gates
    failing = [each for each in state.failing if not gates or each.delivery_error != REVOKED]
    for flow_log in failing[:3]:
        remedy = DELIVERY_REMEDIES.get(flow_log.delivery_error)
        yield Advice(
            _("%(name)s does not deliver") % {"name": flow_log.name},
            gettext(remedy.message) if remedy else "",
            reverse("flowlogs:flow-log-detail", args=[region_id, flow_log.pk]),
            _("Flow log details"),
            "error",
        )


def _exporters(request: ConsoleRequest) -> Iterator[Advice]:
    region, account = request.region, request.account
    url = reverse("flowlogs:exporter-list", args=[region.pk])
    if ExporterBinding.objects.filter(vpc__account=account, vpc__region=region).exists():
        return
    if Exporter.objects.filter(account=account).exists() or Exporter.objects.filter(account=None).exists():
        yield Advice(
            _("No exporter is bound to a VPC of this region"),
            _("An exporter yields records once it is bound to what it observes."),
            url,
            _("Exporters"),
        )
        return
    yield Advice(
        _("Nothing sends flows yet"),
        _("Point a NetFlow or IPFIX exporter at this console; the page says how."),
        url,
        _("Exporters"),
    )


def _bare(request: ConsoleRequest, state: Overview, gates: list[str]) -> Iterator[Advice]:
    bare = [each for each in state.vpcs if each.bare]
    if not bare or state.flow_logs >= circumstances.quota(request.account):
        if bare:
            yield Advice(
                _("The quota of this region is used up"),
                said("Quota", {"quota": circumstances.quota(request.account)}),
                kind="warning",
            )
        return
    if not access.allowed_here(request, CREATE) or gates:
        return
    first = bare[0]
    title = ngettext(
        "%(count)s ENI is logged by nothing", "%(count)s ENIs are logged by nothing", state.bare
    ) % {"count": f"{state.bare:,}"}
    text = _("A flow log of VPC %(name)s covers all its ENIs, later ones too.")
    if first.bare < state.bare:
        text = ngettext(
            "%(count)s of them is in VPC %(name)s. A flow log of this VPC covers all its ENIs, later ones too.",
            "%(count)s of them are in VPC %(name)s. A flow log of this VPC covers all its ENIs, later ones too.",
            first.bare,
        )
    yield Advice(
        title,
        text % {"count": f"{first.bare:,}", "name": first.vpc.name or first.vpc.pk},
        create_url(request, first.vpc.pk),
        _("Create a flow log"),
        panel=True,
    )


def create_url(request: ConsoleRequest, vpc_id: str) -> str:
    """Return the address of the form of a new flow log with a VPC chosen."""
    return f"{reverse('flowlogs:flow-log-create', args=[request.region.pk])}?resource_type=VPC&resource_id={vpc_id}"


def _page(name: str, *args: Any) -> str:
    try:
        return reverse(f"flowlogs:{name}", args=args)
    except NoReverseMatch:
        return ""
