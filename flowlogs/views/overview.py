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
from console.wording import sentences
from flowlogs import listing
from flowlogs.forms import said
from flowlogs.models import Exporter, ExporterBinding, FlowLog
from flowlogs.networks.kinds import KINDS
from flowlogs.overview import Overview, VpcState, overview
from flowlogs.rules import DELIVERY_REMEDIES
from flowlogs.services import circumstances
from flowlogs.services.delivery_status import REVOKED
from flowlogs.views.network_access import list_action, may_list
from flowlogs.views.shown import CREATE, DESCRIBE, create_url, missing_gates

VPCS = 20
SHOWN_BLOCKED = 3
SHOWN_FAILING = 3
NAMED = ("vpc", "vswitch", "eni", "instance")
"""What the page names of a network, where the user may list it."""


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
    named = {slug: may_list(request, slug) for slug in NAMED}
    gates = access.gates(request.account)
    context = {
        "state": state,
        "page": Paginator(state.vpcs if named["vpc"] else [], VPCS).get_page(request.GET.get("page")),
        "named": named,
        "unnamed": [(KINDS[slug].many, list_action(slug)) for slug in NAMED if not named[slug]],
        "quota": circumstances.quota(request.account),
        "advice": list(_advice(request, state, gates)),
        "failing_url": f"{reverse('flowlogs:flow-log-list', args=[region_id])}?status={listing.FAILED}",
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
    if not state.interfaces:
        yield Advice(
            _("No VPC of this region has an ENI yet"),
            _("Create or import its vSwitches and ENIs, so that there is something to log."),
            _list_url(request, "eni"),
            _("ENIs"),
        )
    advice = [
        *_failures(request, state, gates),
        *_exporters(request),
        *_stopped(request, state, gates),
        *_blocked(request, state),
        *_bare(request, state, gates),
    ]
    yield from advice
    if state.interfaces and not advice and not gates:
        yield _all_well(request, state)


def _all_well(request: ConsoleRequest, state: Overview) -> Advice:
    text = _("Look at the records, or at what they cost under Usage and Fees.")
    if not state.volume.records:
        text = _("The first records arrive about a minute after the end of the first window.")
    url = reverse("analytics:log-service", args=[request.region.pk])
    return Advice(_("Every ENI of this region is logged"), text, url, _("Log Service"), "success")


def _failures(request: ConsoleRequest, state: Overview, gates: list[str]) -> Iterator[Advice]:
    region_id = request.region.pk
    # what a missing gate holds up is said once, with the gates
    failing = [each for each in state.failing if not gates or each.delivery_error != REVOKED]
    for flow_log in failing[:SHOWN_FAILING]:
        remedy = DELIVERY_REMEDIES.get(flow_log.delivery_error)
        yield Advice(
            _("%(name)s does not deliver") % {"name": flow_log.name},
            gettext(remedy.message) if remedy else "",
            reverse("flowlogs:flow-log-detail", args=[region_id, flow_log.pk]),
            _("Flow log details"),
            "error",
        )
    more = len(failing) - SHOWN_FAILING
    if more > 0:
        yield Advice(
            ngettext(
                "%(count)s more flow log does not deliver", "%(count)s more flow logs do not deliver", more
            )
            % {"count": more},
            _("The list says of each why, and what to do."),
            f"{reverse('flowlogs:flow-log-list', args=[region_id])}?status={listing.FAILED}",
            _("Flow Log"),
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


def _stopped(request: ConsoleRequest, state: Overview, gates: list[str]) -> Iterator[Advice]:
    """Name what is made already and has only to be started; what stopped by itself is said among the failures."""
    found = [
        (each, flow_log)
        for each in state.vpcs
        for flow_log in each.stopped[:1]
        if not gates and flow_log.delivery_status != FlowLog.DeliveryStatus.FAILED
    ]
    for each, flow_log in found[:SHOWN_FAILING]:
        count = {"count": f"{each.bare:,}", "name": each.vpc.name or each.vpc.pk}
        text = ngettext(
            "Until it is, %(count)s ENI of VPC %(name)s is logged by nothing.",
            "Until it is, %(count)s ENIs of VPC %(name)s are logged by nothing.",
            each.bare,
        )
        if not may_list(request, "vpc"):
            text = ngettext(
                "Until it is, %(count)s ENI is logged by nothing.",
                "Until it is, %(count)s ENIs are logged by nothing.",
                each.bare,
            )
        yield Advice(
            _("%(name)s is not started") % {"name": flow_log.name},
            text % count,
            reverse("flowlogs:flow-log-detail", args=[request.region.pk, flow_log.pk]),
            _("Flow log details"),
        )


def _bare(request: ConsoleRequest, state: Overview, gates: list[str]) -> Iterator[Advice]:
    bare = [each for each in state.vpcs if each.bare and not each.stopped]
    if not bare or gates:
        return
    quota = circumstances.quota(request.account)
    if state.flow_logs >= quota:
        yield Advice(
            _("The quota of this region is used up"), said("Quota", {"quota": quota}), kind="warning"
        )
        return
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
    create = create_url(request, FlowLog.ResourceType.VPC, first.vpc.pk)
    if not may_list(request, "vpc"):
        text = _("A flow log of a VPC covers all its ENIs, later ones too.")
        create = reverse("flowlogs:flow-log-create", args=[request.region.pk])
    if not access.allowed_here(request, CREATE):
        missing = _("You need the permission %(action)s.") % {"action": CREATE}
        text = sentences(missing, _("The owner of the account can give it to you."))
        yield Advice(title, text, url and f"{url}?logged=no", _("ENIs"))
        return
    yield Advice(
        format_html('<a href="{}?logged=no">{}</a>', url, title) if url else title,
        text % {"count": f"{first.bare:,}", "name": first.vpc.name or first.vpc.pk},
        create,
        _("Create a flow log"),
        panel=True,
    )


def _blocked(request: ConsoleRequest, state: Overview) -> Iterator[Advice]:
    """Name the VPCs whose instances keep flow logs out, first those that have some: these may miss traffic."""
    found = [each for each in state.vpcs if each.blocked and (each.flow_logs or each.bare)]
    if found and not may_list(request, "vpc"):
        yield Advice(
            _("Some VPCs can have no new flow log"),
            _(
                "They contain ECS instances of families that do not support flow logs. "
                "Upgrade or release these instances."
            ),
            _list_url(request, "instance"),
            _("ECS instances"),
            "warning",
        )
        return
    for each in sorted(found, key=lambda each: not each.flow_logs)[:SHOWN_BLOCKED]:
        yield _about_blocked(request, each)


def _about_blocked(request: ConsoleRequest, state: VpcState) -> Advice:
    name = {"name": state.vpc.name or state.vpc.pk}
    title = _("VPC %(name)s can have no new flow log")
    if state.flow_logs:
        title = _("Flow logs of VPC %(name)s may miss traffic, and it can have no new one")
    url = _list_url(request, "instance")
    blocked: Any = state.blocked
    text = said("InstanceFamily", {"instances": blocked.named if url else blocked.number})
    label = _("ECS instances")
    return Advice(title % name, text, url and f"{url}?{urlencode({'vpc': state.vpc.pk})}", label, "warning")


def _list_url(request: ConsoleRequest, slug: str) -> str:
    """Return the address of a list of network resources, empty where the user may not see it."""
    return _page(f"{slug}-list", request.region.pk) if may_list(request, slug) else ""


def _page(name: str, *args: Any) -> str:
    try:
        return reverse(f"flowlogs:{name}", args=args)
    except NoReverseMatch:
        return ""
