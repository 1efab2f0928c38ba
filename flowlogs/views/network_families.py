"""What is said of ECS instances of families that do not support flow logs, when they are entered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import messages
from django.utils.translation import gettext as _

from console.requests import ConsoleRequest
from console.wording import sentences
from flowlogs import rules
from flowlogs.models import FlowLog, Instance
from flowlogs.networks.kind import FLOW_LOG, Kind
from flowlogs.views.network_access import may_list

SHOWN = 5
MOST = 500


def warn(request: ConsoleRequest, kind: Kind, entered: Iterable[Mapping[str, Any]]) -> None:
    """Say which VPCs the instances with these values keep flow logs out of, and which flow logs that affects."""
    if kind.model is not Instance or not request.account.blocks_old_families:
        return
    vpcs = {each["vpc_id"] for each in entered if rules.is_blocked(each["instance_type"])}
    if not vpcs:
        return
    affected = FlowLog.objects.filter(
        account=request.account, region=request.region, vpc__in=sorted(vpcs)[:MOST]
    )
    names = list(affected.order_by("name", "pk").values_list("name", flat=True)[: SHOWN + 1])
    text = _("Until these ECS instances are upgraded or released, no flow log can be created in %(vpcs)s.")
    said = [
        _("Their family does not support flow logs."),
        text % {"vpcs": _few(sorted(vpcs))},
    ]
    if names and may_list(request, FLOW_LOG):
        said.append(_("These flow logs may miss traffic: %(flow_logs)s.") % {"flow_logs": _few(names)})
    messages.warning(request, sentences(*said))


def _few(names: list[str]) -> str:
    return ", ".join([*names[:SHOWN], *(["…"] if len(names) > SHOWN else [])])
