"""Tags of flow logs: keys with values that the account gives them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from console import changes
from console.models import User
from flowlogs import rules
from flowlogs.models import FlowLog
from flowlogs.rules import RuleError, Violation
from flowlogs.services.permissions import require

ACTION = "vpc:TagResources"


def set_tags(flow_log: FlowLog, by: User | None, tags: Sequence[tuple[str, str]]) -> None:
    """Give a flow log these tags, keys with values, instead of those that it has.

    Raises RuleError for tags against the rules and for a flow log that is being deleted, ActionDenied.
    """
    require(by, ACTION, flow_log.region_id, flow_log.account_id, f"flowlog/{flow_log.pk}")
    found = rules.tags(tags)
    if found:
        raise RuleError(*found)
    wanted = dict(tags)
    with transaction.atomic():
        row = FlowLog.objects.select_for_update().filter(pk=flow_log.pk).first()
        if row is None or row.status == FlowLog.Status.DELETING:
            raise RuleError(Violation("IncorrectStatus.flowlog"))
        if row.tags != wanted:
            FlowLog.objects.filter(pk=row.pk).update(tags=wanted)
            changes.note(
                ACTION,
                "FlowLog",
                row.pk,
                by=by,
                account_id=row.account_id,
                region_id=row.region_id,
                values={"tags": (row.tags, wanted)},
            )
    flow_log.refresh_from_db(fields=["tags"])
