"""The life cycle of flow logs: the only writers of their status.

A user's action moves a flow log into a transient state, and a task that is enqueued on commit finishes the
transition. An action in another state than it needs is refused with the documented error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from django.utils import timezone

from console import access, changes
from console.models import Account, Region, User
from flowlogs import rules
from flowlogs.identifiers import new_id
from flowlogs.models import FlowLog, NetworkInterface, Project, VSwitch
from flowlogs.rules import FlowLogValues, RuleError, Violation
from flowlogs.services import circumstances, coverage, logstores, quarantine
from flowlogs.services.circumstances import Resource
from flowlogs.services.permissions import require

logger = logging.getLogger(__name__)

CREATE = "vpc:CreateFlowLog"
Status = FlowLog.Status
STABLE = (Status.ACTIVE, Status.INACTIVE)
DESCRIBED = (
    *("name", "description", "resource_type", "resource_id", "traffic_type", "ip_version", "interval"),
    *("traffic_paths", "project_name", "logstore_name", "tags"),
)
"""What the change history tells of a new flow log."""
TRANSIENT = (Status.ACTIVATING, Status.DEACTIVATING, Status.MODIFYING, Status.DELETING)
FINISHED = {
    Status.ACTIVATING: Status.ACTIVE,
    Status.DEACTIVATING: Status.INACTIVE,
    Status.MODIFYING: Status.ACTIVE,
}


def violations(
    account: Account, region: Region, values: FlowLogValues, resource_ids: Sequence[str] = ()
) -> list[Violation]:
    """Return every rule that a flow log with these values would break now, or one for each of these ENIs."""
    return _checked(account, region, values, resource_ids or [values.resource_id])[0]


def create_flow_log(
    account: Account, region: Region, by: User | None, *, is_demo: bool = False, **values: object
) -> FlowLog:
    """Create a flow log, and its project and Logstore where asked for; it starts by itself.

    ``values`` are those of ``rules.FlowLogValues``. What watches a demo VPC is demo data too. Raises RuleError
    with all that is wrong, ActionDenied.
    """
    resource_ids = [str(values.get("resource_id", ""))]
    return create_flow_logs(account, region, by, resource_ids, is_demo=is_demo, **values)[0]


def create_flow_logs(
    account: Account,
    region: Region,
    by: User | None,
    resource_ids: Sequence[str],
    *,
    is_demo: bool = False,
    **values: object,
) -> list[FlowLog]:
    """Create a flow log for each of these ENIs, or for one resource of another type: all or none.

    A name that is given gets -1, -2 and so on where there are several. ``values`` are as for ``create_flow_log``,
    which says more.
    """
    resource_ids = list(dict.fromkeys(resource_ids)) or [""]
    wanted = FlowLogValues(**{**values, "resource_id": resource_ids[0]})  # type: ignore[arg-type]
    require(by, CREATE, region.pk, account.pk, "flowlog/*")
    with transaction.atomic():
        # the lock keeps two requests from both taking the last place of the quota
        account = Account.objects.select_for_update().get(pk=account.pk)
        found, resources = _checked(account, region, wanted, resource_ids)
        _require_resources(by, region, resources.values())
        if found:
            raise RuleError(*found)
        _prepare_target(account, region, by, wanted)
        names = rules.numbered(wanted.name, len(resource_ids))
        flow_logs = FlowLog.objects.bulk_create(
            _new(account, region, replace(wanted, name=name), resources[pk], is_demo=is_demo)
            for pk, name in zip(resource_ids, names, strict=True)
        )
        changes.note_all(
            [("FlowLog", each.pk, changes.difference({}, _described(each))) for each in flow_logs],
            CREATE,
            by=by,
            account_id=account.pk,
            region_id=region.pk,
        )
        for flow_log in flow_logs:
            _finish_on_commit(flow_log.pk)
    logger.info("flow logs %s created by %s", ", ".join(flow_log.pk for flow_log in flow_logs), by)
    return flow_logs


def _require_resources(by: User | None, region: Region, resources: Iterable[Resource]) -> None:
    """Raise ActionDenied where a policy forbids flow logs of these resources, or of the VPC that they are in.

    Allowed they are by ``flowlog/*``; the names of VPCs and vSwitches may be added (CreateFlowLog, RAM resources).
    """
    if by is None:
        return
    for path in sorted({path for resource in resources for path in _paths_of(resource)}):
        name = access.resource_name("vpc", region.pk, by.account_id or "", path)
        if access.forbids(by, CREATE, name):
            raise access.ActionDenied(CREATE)


def _paths_of(resource: Resource) -> list[str]:
    vpc = f"vpc/{circumstances.vpc_of(resource).pk}"
    if isinstance(resource, VSwitch):
        return [vpc, f"vswitch/{resource.pk}"]
    if isinstance(resource, NetworkInterface):
        return [vpc, f"vswitch/{resource.vswitch_id}", f"eni/{resource.pk}"]
    return [vpc]


def _checked(
    account: Account, region: Region, values: FlowLogValues, resource_ids: Sequence[str]
) -> tuple[list[Violation], dict[str, Resource]]:
    """Return the rules that flow logs of these resources would break, and those resources that exist."""
    count = len(resource_ids)
    resources = circumstances.find_resources(account, region, values.resource_type, resource_ids)
    around = circumstances.around(account, region, values, resources.values(), count)
    # of several names the last is the longest
    longest = rules.numbered(values.name, count)[-1]
    return rules.flow_log(replace(values, name=longest), around), resources


def start(flow_log: FlowLog, by: User | None) -> None:
    """Start a flow log that is not started; what could not be delivered before is delivered then.

    Raises RuleError in any other state, and where it could not deliver: a gate is not passed, or its project
    or Logstore does not exist.
    """
    action = "vpc:ActiveFlowLog"
    _require(by, action, flow_log)
    flow_log.refresh_from_db(fields=["status"])
    if flow_log.status == Status.INACTIVE and (found := circumstances.in_the_way(flow_log)):
        raise RuleError(*found)
    with transaction.atomic():
        _move(
            flow_log, by, action, (Status.INACTIVE,), Status.ACTIVATING, delivery_status="", delivery_error=""
        )
        quarantine.again([flow_log])


def stop(flow_log: FlowLog, by: User | None) -> None:
    """Stop a started flow log. Raises RuleError in any other state."""
    action = "vpc:DeactiveFlowLog"
    _require(by, action, flow_log)
    _move(flow_log, by, action, (Status.ACTIVE,), Status.DEACTIVATING)


def delete(flow_log: FlowLog, by: User | None) -> None:
    """Delete a flow log, started or not; its records stay readable. Raises RuleError in a transient state.

    What was captured up to then is still delivered. Its row stays, marked and hidden, for its deliveries and fees.
    """
    action = "vpc:DeleteFlowLog"
    _require(by, action, flow_log)
    _move(flow_log, by, action, STABLE, Status.DELETING)


def modify(
    flow_log: FlowLog,
    by: User | None,
    *,
    name: str | None = None,
    description: str | None = None,
    interval: int | None = None,
) -> None:
    """Change name, description or interval (minutes); nothing else of a flow log can be changed.

    Raises RuleError for values against the rules and in a transient state.
    """
    action = "vpc:ModifyFlowLogAttribute"
    _require(by, action, flow_log)
    found = [
        *(rules.name(name) if name is not None else ()),
        *(rules.description(description) if description is not None else ()),
        *(rules.interval(interval) if interval is not None else ()),
    ]
    if found:
        raise RuleError(*found)
    values: dict[str, object] = {}
    if name is not None:
        values["name"] = name or flow_log.pk
    if description is not None:
        values["description"] = description
    if interval is None or interval == flow_log.interval:
        _move(flow_log, by, action, STABLE, None, **values)
        return
    with transaction.atomic():
        flow_log.refresh_from_db(fields=["status"])
        # what is not started has no windows to wait for
        running = flow_log.status == Status.ACTIVE
        _move(
            flow_log,
            by,
            action,
            (Status.ACTIVE,) if running else (Status.INACTIVE,),
            Status.MODIFYING if running else None,
            interval=interval,
            **values,
        )


def finish_transition(flow_log_id: str) -> None:
    """Bring a flow log out of its transient state; does nothing for one that is in none or gone."""
    with transaction.atomic():
        flow_log = FlowLog.objects.select_for_update().filter(pk=flow_log_id).first()
        if flow_log is None or flow_log.status not in TRANSIENT:
            return
        now = timezone.now()
        if flow_log.status == Status.DELETING:
            finished: dict[str, object] = {"deleted_at": now}
        else:
            finished = {"status": FINISHED[Status(flow_log.status)]}
        FlowLog.objects.filter(pk=flow_log_id, status=flow_log.status).update(**finished)
        coverage.refresh(flow_log.vpc_id, now)
    logger.info("flow log %s: %s is done", flow_log_id, flow_log.status)


def _prepare_target(account: Account, region: Region, by: User | None, wanted: FlowLogValues) -> None:
    if wanted.create_project:
        project = logstores.create_project(account, region, by, wanted.project_name)
    else:
        project = Project.objects.get(account=account, region=region, name=wanted.project_name)
    if wanted.create_logstore:
        logstores.create_logstore(project, by, wanted.logstore_name, report=wanted.analysis_report)
    elif wanted.analysis_report:
        logstore = project.logstores.get(name=wanted.logstore_name)
        if not logstore.analysis_report:
            logstores.enable_analysis_report(logstore, by)


def _new(
    account: Account, region: Region, wanted: FlowLogValues, resource: Resource, *, is_demo: bool
) -> FlowLog:
    pk = new_id("fl", region.pk)
    vpc = circumstances.vpc_of(resource)
    return FlowLog(
        pk=pk,
        account=account,
        region=region,
        name=wanted.name or pk,
        description=wanted.description,
        resource_type=wanted.resource_type,
        resource_id=resource.pk,
        vpc=vpc,
        traffic_type=wanted.traffic_type,
        ip_version=wanted.ip_version,
        interval=wanted.interval,
        traffic_paths=list(wanted.traffic_paths),
        project_name=wanted.project_name,
        logstore_name=wanted.logstore_name,
        tags=dict(wanted.tags),
        is_demo=is_demo or vpc.is_demo,
    )


def _require(by: User | None, action: str, flow_log: FlowLog) -> None:
    require(by, action, flow_log.region_id, flow_log.account_id, f"flowlog/{flow_log.pk}")


def _move(
    flow_log: FlowLog,
    by: User | None,
    action: str,
    allowed: tuple[str, ...],
    to: str | None,
    **values: object,
) -> None:
    """Change a flow log if it is in one of the allowed states, whoever else may be at it, and note what changed."""
    if to is not None:
        values["status"] = to
    with transaction.atomic():
        found = FlowLog.objects.select_for_update().filter(pk=flow_log.pk, status__in=allowed)
        before = found.values(*values).first() if values else found.values("pk").first()
        if before is None:
            raise RuleError(Violation("IncorrectStatus.flowlog"))
        changed = changes.difference(before, {**before, **values})
        if changed:
            FlowLog.objects.filter(pk=flow_log.pk).update(**values)
            _note(action, flow_log, by, changed)
        if to is not None:
            _finish_on_commit(flow_log.pk)
    flow_log.refresh_from_db()


def _note(action: str, flow_log: FlowLog, by: User | None, values: dict[str, tuple[Any, Any]]) -> None:
    changes.note(
        action,
        "FlowLog",
        flow_log.pk,
        by=by,
        account_id=flow_log.account_id,
        region_id=flow_log.region_id,
        values=values,
    )


def _described(flow_log: FlowLog) -> dict[str, Any]:
    """Return what a flow log was created as, without what is empty."""
    values = {field: getattr(flow_log, field) for field in DESCRIBED}
    return {field: value for field, value in values.items() if value}


def _finish_on_commit(flow_log_id: str) -> None:
    # By name, for the tasks import the services. The row says what is due: a lost hint only costs time.
    enqueue = partial(current_app.send_task, "flowlogs.apply_flow_log", args=[flow_log_id], queue="capture")
    transaction.on_commit(enqueue, robust=True)
