"""The life cycle of flow logs: the only writers of their status.

A user's action moves a flow log into a transient state, and a task that is enqueued on commit finishes the
transition. An action in another state than it needs is refused with the documented error.
"""

from __future__ import annotations

import logging
from functools import partial

from celery import current_app
from django.db import transaction

from console import access
from console.models import Account, Region, User
from flowlogs import rules
from flowlogs.identifiers import new_id
from flowlogs.models import FlowLog, Project, Vpc
from flowlogs.rules import FlowLogValues, RuleError, Violation
from flowlogs.services import circumstances, coverage, logstores
from flowlogs.services.permissions import require

logger = logging.getLogger(__name__)

Status = FlowLog.Status
STABLE = (Status.ACTIVE, Status.INACTIVE)
TRANSIENT = (Status.ACTIVATING, Status.DEACTIVATING, Status.MODIFYING, Status.DELETING)
FINISHED = {
    Status.ACTIVATING: Status.ACTIVE,
    Status.DEACTIVATING: Status.INACTIVE,
    Status.MODIFYING: Status.ACTIVE,
}


def violations(account: Account, region: Region, values: FlowLogValues) -> list[Violation]:
    """Return every rule that a flow log with these values would break now."""
    resource = circumstances.find_resource(account, region, values.resource_type, values.resource_id)
    return rules.flow_log(values, circumstances.around(account, region, values, resource))


def create_flow_log(
    account: Account, region: Region, by: User | None, *, is_demo: bool = False, **values: object
) -> FlowLog:
    """Create a flow log, and its project and Logstore where asked for; it starts by itself.

    ``values`` are those of ``rules.FlowLogValues``. What watches a demo VPC is demo data too. Raises RuleError
    with all that is wrong, ActionDenied.
    """
    wanted = FlowLogValues(**values)  # type: ignore[arg-type]
    require(by, "vpc:CreateFlowLog", region.pk, account.pk, "flowlog/*")
    with transaction.atomic():
        # the lock keeps two requests from both taking the last place of the quota
        account = Account.objects.select_for_update().get(pk=account.pk)
        resource = circumstances.find_resource(account, region, wanted.resource_type, wanted.resource_id)
        found = rules.flow_log(wanted, circumstances.around(account, region, wanted, resource))
        if found or resource is None:
            raise RuleError(*found)
        _prepare_target(account, region, by, wanted)
        flow_log = _insert(account, region, wanted, circumstances.vpc_of(resource), is_demo=is_demo)
        _finish_on_commit(flow_log.pk)
    logger.info("flow log %s created by %s", flow_log.pk, by)
    return flow_log


def start(flow_log: FlowLog, by: User | None) -> None:
    """Start a flow log that is not started.

    Raises RuleError in any other state, and where it could not deliver: a gate is not passed, or its project
    or Logstore does not exist.
    """
    _require(by, "vpc:ActiveFlowLog", flow_log)
    flow_log.refresh_from_db(fields=["status"])
    if flow_log.status == Status.INACTIVE and (found := _in_the_way(flow_log)):
        raise RuleError(*found)
    _move(flow_log, (Status.INACTIVE,), Status.ACTIVATING, delivery_status="", delivery_error="")


def stop(flow_log: FlowLog, by: User | None) -> None:
    """Stop a started flow log. Raises RuleError in any other state."""
    _require(by, "vpc:DeactiveFlowLog", flow_log)
    _move(flow_log, (Status.ACTIVE,), Status.DEACTIVATING)


def delete(flow_log: FlowLog, by: User | None) -> None:
    """Delete a flow log, started or not; its records stay readable. Raises RuleError in a transient state."""
    _require(by, "vpc:DeleteFlowLog", flow_log)
    _move(flow_log, STABLE, Status.DELETING)


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
    _require(by, "vpc:ModifyFlowLogAttribute", flow_log)
    found = [
        *(rules.name(name) if name is not None else ()),
        *(rules.description(description) if description is not None else ()),
        *(rules.interval(interval) if interval is not None else ()),
    ]
    if found:
        raise RuleError(*found)
    changes: dict[str, object] = {}
    if name is not None:
        changes["name"] = name or flow_log.pk
    if description is not None:
        changes["description"] = description
    if interval is None or interval == flow_log.interval:
        _move(flow_log, STABLE, None, **changes)
        return
    with transaction.atomic():
        flow_log.refresh_from_db(fields=["status"])
        # what is not started has no windows to wait for
        running = flow_log.status == Status.ACTIVE
        _move(
            flow_log,
            (Status.ACTIVE,) if running else (Status.INACTIVE,),
            Status.MODIFYING if running else None,
            interval=interval,
            **changes,
        )


def finish_transition(flow_log_id: str) -> None:
    """Bring a flow log out of its transient state; does nothing for one that is in none or gone."""
    with transaction.atomic():
        flow_log = FlowLog.objects.select_for_update().filter(pk=flow_log_id).first()
        if flow_log is None or flow_log.status not in TRANSIENT:
            return
        if flow_log.status == Status.DELETING:
            flow_log.delete()
        else:
            status = FINISHED[Status(flow_log.status)]
            FlowLog.objects.filter(pk=flow_log_id, status=flow_log.status).update(status=status)
        coverage.refresh(flow_log.vpc_id)
    logger.info("flow log %s: %s is done", flow_log_id, flow_log.status)


def _in_the_way(flow_log: FlowLog) -> list[Violation]:
    """Return why a flow log could not deliver if it were started now."""
    account, region = flow_log.account, flow_log.region
    project, logstore = flow_log.project_name, flow_log.logstore_name
    found = rules.gates(access.gates(account))
    if not Project.objects.filter(account=account, region=region, name=project).exists():
        found.append(Violation("StartWithoutProject", params={"name": project}))
    elif circumstances.find_logstore(account, region, project, logstore) is None:
        found.append(Violation("StartWithoutLogstore", params={"name": logstore}))
    return found


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


def _insert(account: Account, region: Region, wanted: FlowLogValues, vpc: Vpc, *, is_demo: bool) -> FlowLog:
    pk = new_id("fl", region.pk)
    return FlowLog.objects.create(
        pk=pk,
        account=account,
        region=region,
        name=wanted.name or pk,
        description=wanted.description,
        resource_type=wanted.resource_type,
        resource_id=wanted.resource_id,
        vpc=vpc,
        traffic_type=wanted.traffic_type,
        ip_version=wanted.ip_version,
        interval=wanted.interval,
        traffic_paths=list(wanted.traffic_paths),
        project_name=wanted.project_name,
        logstore_name=wanted.logstore_name,
        is_demo=is_demo or vpc.is_demo,
    )


def _require(by: User | None, action: str, flow_log: FlowLog) -> None:
    require(by, action, flow_log.region_id, flow_log.account_id, f"flowlog/{flow_log.pk}")


def _move(flow_log: FlowLog, allowed: tuple[str, ...], to: str | None, **changes: object) -> None:
    """Change a flow log if it is in one of the allowed states, whoever else may be at it."""
    if to is not None:
        changes["status"] = to
    with transaction.atomic():
        moved = FlowLog.objects.filter(pk=flow_log.pk, status__in=allowed).update(**changes)
        if not moved:
            raise RuleError(Violation("IncorrectStatus.flowlog"))
        if to is not None:
            _finish_on_commit(flow_log.pk)
    flow_log.refresh_from_db()


def _finish_on_commit(flow_log_id: str) -> None:
    # By name, for the tasks import the services. The row says what is due: a lost hint only costs time.
    enqueue = partial(current_app.send_task, "flowlogs.apply_flow_log", args=[flow_log_id], queue="capture")
    transaction.on_commit(enqueue, robust=True)
