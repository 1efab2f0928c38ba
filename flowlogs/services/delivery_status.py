"""Whether what a flow log captures arrives, and why not: the only writers of its delivery status."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext

from console import access, changes
from console.models import Account
from flowlogs import rules
from flowlogs.models import Delivery, FlowLog
from flowlogs.services import circumstances, coverage, quarantine

logger = logging.getLogger(__name__)

DeliveryStatus = FlowLog.DeliveryStatus
REVOKED = "RoleRevoked"


def delivery_succeeded(flow_log_ids: Iterable[str]) -> None:
    """Note that deliveries to these flow logs have arrived."""
    # what was deleted still gets its last windows
    flow_logs = FlowLog.everything.filter(pk__in=list(flow_log_ids))
    flow_logs.exclude(delivery_status=DeliveryStatus.SUCCESS).update(
        delivery_status=DeliveryStatus.SUCCESS, delivery_error=""
    )


def delivery_failed(flow_log_id: str, code: str) -> None:
    """Note why a delivery did not arrive; a missing project or Logstore stops the flow log in the back end.

    ``code`` is one of ``rules.DELIVERY_REASONS``.
    """
    assert code in rules.DELIVERY_REASONS
    with transaction.atomic():
        flow_log = (
            FlowLog.everything.select_for_update(of=("self",))
            .select_related("account", "region")
            .filter(pk=flow_log_id)
            .first()
        )
        if flow_log is None:
            return
        if code in rules.STOPPING_REASONS and _target_exists(flow_log):
            # it was created again while the delivery was under way
            return
        before = {"status": flow_log.status, "delivery_error": flow_log.delivery_error}
        flow_log.delivery_status = DeliveryStatus.FAILED
        flow_log.delivery_error = code
        stops = code in rules.STOPPING_REASONS and flow_log.status in coverage.COVERING
        if stops:
            flow_log.status = FlowLog.Status.INACTIVE
        flow_log.save(update_fields=["delivery_status", "delivery_error", "status"])
        if stops:
            changes.note(
                "vpc:DeactiveFlowLog",
                "FlowLog",
                flow_log_id,
                by=None,
                account_id=flow_log.account_id,
                region_id=flow_log.region_id,
                values=changes.difference(before, {"status": flow_log.status, "delivery_error": code}),
            )
            coverage.refresh(flow_log.vpc_id)
            logger.warning("flow log %s stopped: %s", flow_log_id, code)


def authorization_changed(account: Account, **_signal: Any) -> None:
    """Say so at once on every started flow log when delivery is revoked, and take it back when it is authorized.

    What has delivered before has not failed since: its windows waited, and one that was just being delivered is
    delivered again.
    """
    flow_logs = FlowLog.objects.filter(account=account)
    if access.delivery_authorized(account):
        quarantine.again(flow_logs.only("pk", "vpc", "created_at"), REVOKED)
        revoked = flow_logs.filter(delivery_error=REVOKED)
        delivered = Delivery.objects.filter(flow_log=OuterRef("pk"), state=Delivery.State.DELIVERED)
        revoked.filter(Exists(delivered)).update(delivery_status=DeliveryStatus.SUCCESS, delivery_error="")
        revoked.update(delivery_status=DeliveryStatus.NONE, delivery_error="")
    else:
        flow_logs.filter(status__in=(*coverage.COVERING, FlowLog.Status.ACTIVATING)).update(
            delivery_status=DeliveryStatus.FAILED, delivery_error=REVOKED
        )


def stopped_by_revoking(account: Account) -> list[str]:
    """Return what stops when an account revokes delivery, in sentences."""
    flow_logs = FlowLog.objects.filter(account=account, status__in=coverage.COVERING)
    sentence = gettext("Flow log %(flow_log)s stops delivering to %(project)s/%(logstore)s.")
    return [
        sentence
        % {"flow_log": flow_log, "project": flow_log.project_name, "logstore": flow_log.logstore_name}
        for flow_log in flow_logs.order_by("name", "pk")
    ]


def _target_exists(flow_log: FlowLog) -> bool:
    found = circumstances.find_logstore(
        flow_log.account, flow_log.region, flow_log.project_name, flow_log.logstore_name
    )
    return found is not None
