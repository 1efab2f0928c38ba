"""Whether what a flow log captures arrives, and why not: the only writers of its delivery status."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from console import access
from console.models import Account
from flowlogs import rules
from flowlogs.models import FlowLog
from flowlogs.services import circumstances, coverage

logger = logging.getLogger(__name__)

DeliveryStatus = FlowLog.DeliveryStatus
REVOKED = "RoleRevoked"


def delivery_succeeded(flow_log_ids: Iterable[str]) -> None:
    """Note that deliveries to these flow logs have arrived."""
    FlowLog.objects.filter(pk__in=list(flow_log_ids)).exclude(delivery_status=DeliveryStatus.SUCCESS).update(
        delivery_status=DeliveryStatus.SUCCESS, delivery_error=""
    )


def delivery_failed(flow_log_id: str, code: str) -> None:
    """Note why a delivery did not arrive; a missing project or Logstore stops the flow log in the back end.

    ``code`` is one of ``rules.DELIVERY_REASONS``.
    """
    assert code in rules.DELIVERY_REASONS
    with transaction.atomic():
        flow_log = (
            FlowLog.objects.select_for_update(of=("self",))
            .select_related("account", "region")
            .filter(pk=flow_log_id)
            .first()
        )
        if flow_log is None:
            return
        if code in rules.STOPPING_REASONS and _target_exists(flow_log):
            # it was created again while the delivery was under way
            return
        flow_log.delivery_status = DeliveryStatus.FAILED
        flow_log.delivery_error = code
        stops = code in rules.STOPPING_REASONS and flow_log.status in coverage.COVERING
        if stops:
            flow_log.status = FlowLog.Status.INACTIVE
        flow_log.save(update_fields=["delivery_status", "delivery_error", "status"])
        if stops:
            coverage.refresh(flow_log.vpc_id)
            logger.warning("flow log %s stopped: %s", flow_log_id, code)


def authorization_changed(account: Account, **_signal: Any) -> None:
    """Say so at once on every started flow log when delivery is revoked, and take it back when it is authorized."""
    flow_logs = FlowLog.objects.filter(account=account)
    if access.delivery_authorized(account):
        flow_logs.filter(delivery_error=REVOKED).update(
            delivery_status=DeliveryStatus.NONE, delivery_error=""
        )
    else:
        flow_logs.filter(status__in=(*coverage.COVERING, FlowLog.Status.ACTIVATING)).update(
            delivery_status=DeliveryStatus.FAILED, delivery_error=REVOKED
        )


def stopped_by_revoking(account: Account) -> list[str]:
    """Return what stops when an account revokes delivery, in sentences."""
    flow_logs = FlowLog.objects.filter(account=account, status__in=coverage.COVERING)
    return [
        f"Flow log {flow_log} stops delivering to {flow_log.project_name}/{flow_log.logstore_name}."
        for flow_log in flow_logs.order_by("name", "pk")
    ]


def _target_exists(flow_log: FlowLog) -> bool:
    found = circumstances.find_logstore(
        flow_log.account, flow_log.region, flow_log.project_name, flow_log.logstore_name
    )
    return found is not None
