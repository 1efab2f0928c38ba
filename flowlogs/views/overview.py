"""The overview of a region: what is logged, what is not, what fails, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from console import access
from console.access import requires
from console.requests import ConsoleRequest
from flowlogs.forms import said
from flowlogs.models import Exporter, ExporterBinding, FlowLog
from flowlogs.networks.kinds import KINDS
from flowlogs.old_families import Blocked
from flowlogs.overview import Overview, overview
from flowlogs.rules import DELIVERY_REMEDIES
from flowlogs.services import circumstances
from flowlogs.services.delivery_status import REVOKED
from flowlogs.views.shown import CREATE, DESCRIBE, create_url, missing_gates

VPCS = 20
SHOWN_BLOCKED = 3


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
        "vpcs_url": _list_url(request, "vpc"),
        "enis_url": _list_url(request, "eni"),
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
    yield from _blocked(request, [each.blocked for each in bare if each.blocked])
    free = [each for each in bare if each.blocked is None]
    if not free:
        return
    first = free[0]
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
    url = _list_url(request, "eni")
    yield Advice(
        format_html('<a href="{}?logged=no">{}</a>', url, title) if url else title,
        text % {"count": f"{first.bare:,}", "name": first.vpc.name or first.vpc.pk},
        create_url(request, FlowLog.ResourceType.VPC, first.vpc.pk),
        _("Create a flow log"),
        panel=True,
    )


def _blocked(request: ConsoleRequest, blocked: list[Blocked]) -> Iterator[Advice]:
    url = _list_url(request, "instance")
    for each in blocked[:SHOWN_BLOCKED]:
        yield Advice(
            _("VPC %(name)s can have no new flow log") % {"name": each.vpc.name or each.vpc.pk},
            said("InstanceFamily", {"instances": each.named}),
            url and f"{url}?{urlencode({'vpc': each.vpc.pk})}",
            _("ECS instances"),
            "warning",
        )


def _list_url(request: ConsoleRequest, slug: str) -> str:
    """Return the address of a list of network resources, empty where the user may not see it."""
    kind = KINDS[slug]
    return (
        _page(f"{slug}-list", request.region.pk) if access.allowed_here(request, kind.actions["list"]) else ""
    )


def _page(name: str, *args: Any) -> str:
    try:
        return reverse(f"flowlogs:{name}", args=args)
    except NoReverseMatch:
        return ""
