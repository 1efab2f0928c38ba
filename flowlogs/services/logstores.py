"""Projects and Logstores: create, describe, keep for so many days, report, delete.

The audit knows a project by its name and a Logstore as ``project/Logstore``, as flow logs do.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from console import changes
from console.models import Account, Region, User
from flowlogs import rules
from flowlogs.models import FlowLog, Logstore, Part, Project
from flowlogs.rules import RuleError, Violation
from flowlogs.services import coverage, delivery_status
from flowlogs.services.permissions import require

logger = logging.getLogger(__name__)

DAY = 86_400
DELETED = "log:DeleteLogStore"
NAMED = 5


@dataclass(frozen=True)
class Goes:
    """What goes when a Logstore or project is deleted: records, their bytes on disk, and who cannot deliver then."""

    records: int
    size: int
    flow_logs: Sequence[FlowLog]

    @property
    def started(self) -> int:
        """How many of the flow logs are started, and stop."""
        return sum(each.status in coverage.COVERING for each in self.flow_logs)

    @property
    def names(self) -> str:
        """The first flow logs by name."""
        names = [each.name for each in self.flow_logs[:NAMED]]
        return ", ".join([*names, "…"] if len(self.flow_logs) > NAMED else names)


def what_goes(targets: Sequence[Logstore | Project]) -> list[Goes]:
    """Return what deleting each of these Logstores or projects takes with it, in their order; two queries."""
    stores = [each.pk for each in targets if isinstance(each, Logstore)]
    parts = Part.objects.filter(logstore__in=stores, removed_at__isnull=True).order_by()
    sums = parts.values("logstore").annotate(total_rows=Sum("rows"), total_size=Sum("size"))
    held = {row["logstore"]: (row["total_rows"], row["total_size"]) for row in sums}
    projects = [each.project if isinstance(each, Logstore) else each for each in targets]
    named = FlowLog.objects.filter(
        account__in={project.account_id for project in projects},
        project_name__in={project.name for project in projects},
    )
    delivering: dict[tuple[str, ...], list[FlowLog]] = defaultdict(list)
    for flow_log in named.order_by("name", "pk"):
        project_key = (flow_log.account_id, flow_log.region_id, flow_log.project_name)
        delivering[project_key].append(flow_log)
        delivering[(*project_key, flow_log.logstore_name)].append(flow_log)
    found = []
    for target, project in zip(targets, projects, strict=True):
        key: tuple[str, ...] = (project.account_id, project.region_id, project.name)
        if isinstance(target, Logstore):
            found.append(Goes(*held.get(target.pk, (0, 0)), delivering[(*key, target.name)]))
        else:
            found.append(Goes(0, 0, delivering[key]))
    return found


def settings_before(account: Account, region: Region, project: str, name: str) -> dict[str, Any] | None:
    """Return ttl and analysis_report of the last deleted Logstore of that name, as the history has them."""
    found = (
        changes.history(f"{project}/{name}")
        .filter(account=account, region=region, resource_type="Logstore", action=DELETED)
        .order_by("-pk")
        .first()
    )
    if found is None:
        return None
    old = {field: values[0] for field, values in found.values.items()}
    return {"ttl": old.get("ttl"), "analysis_report": bool(old.get("analysis_report"))}


def create_project(
    account: Account, region: Region, by: User | None, name: str, description: str = ""
) -> Project:
    """Create a project in a region. Raises RuleError, ActionDenied."""
    action = "log:CreateProject"
    require(by, action, region.pk, account.pk, f"project/{name}")
    found = [*rules.project_name(name), *rules.description(description)]
    with transaction.atomic():
        # the lock keeps two requests from both finding the name free
        Region.objects.select_for_update().get(pk=region.pk)
        if not found and Project.objects.filter(region=region, name=name).exists():
            found = [Violation("ProjectTaken", "project_name")]
        if found:
            raise RuleError(*found)
        project = Project.objects.create(account=account, region=region, name=name, description=description)
        told = {"description": description} if description else {}
        _note_project(action, project, by, changes.difference({}, {"name": name, **told}))
    return project


def change_project(project: Project, by: User | None, description: str) -> None:
    """Change the description of a project, all of it that can be changed. Raises RuleError, ActionDenied."""
    action = "log:UpdateProject"
    require(by, action, project.region_id, project.account_id, f"project/{project.name}")
    found = rules.description(description)
    if found:
        raise RuleError(*found)
    with transaction.atomic():
        before = Project.objects.select_for_update().get(pk=project.pk).description
        if before != description:
            Project.objects.filter(pk=project.pk).update(description=description)
            _note_project(action, project, by, {"description": (before, description)})
    project.refresh_from_db()


def create_logstore(
    project: Project, by: User | None, name: str, *, ttl: int | None = None, report: bool = False
) -> Logstore:
    """Create a Logstore; without a ttl it keeps data 300 days, or 7 with the analysis report.

    Raises RuleError, ActionDenied.
    """
    action = "log:CreateLogStore"
    _require(by, action, project, name)
    days = ttl or (rules.REPORT_RETENTION if report else rules.DEFAULT_RETENTION)
    found = [*rules.logstore_name(name), *rules.retention(days)]
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        if not found and project.logstores.filter(name=name).exists():
            found = [Violation("LogstoreTaken", "logstore_name")]
        if found:
            raise RuleError(*found)
        logstore = Logstore.objects.create(project=project, name=name, ttl=days, analysis_report=report)
        _note(action, logstore, by, changes.difference({}, {"name": name, **_settings(logstore)}))
    return logstore


def enable_analysis_report(logstore: Logstore, by: User | None) -> None:
    """Switch the analysis report on in a Logstore that lacks it, which sets its retention to 7 days."""
    action = "log:CreateIndex"
    _require(by, action, logstore.project, logstore.name)
    with transaction.atomic():
        before = Logstore.objects.select_for_update().get(pk=logstore.pk)
        if not before.analysis_report:
            _set(action, before, by, analysis_report=True, ttl=rules.REPORT_RETENTION)
    logstore.refresh_from_db()


def held_beyond(logstore: Logstore, days: int) -> tuple[int, int]:
    """Return how many records, and bytes on disk, a retention of so many days would delete at once."""
    if days >= rules.PERMANENT:
        return 0, 0
    kept = int(timezone.now().timestamp()) - days * DAY
    parts = Part.objects.filter(logstore=logstore, removed_at__isnull=True, max_time__lt=kept)
    sums = parts.aggregate(records=Sum("rows", default=0), size=Sum("size", default=0))
    return sums["records"], sums["size"]


def records_beyond(logstore: Logstore, days: int) -> int:
    """Return how many records a retention of so many days would delete at once."""
    return held_beyond(logstore, days)[0]


def set_retention(logstore: Logstore, by: User | None, days: int) -> None:
    """Set how many days a Logstore keeps its data; 3650 is for good. Raises RuleError, ActionDenied."""
    action = "log:UpdateLogStore"
    _require(by, action, logstore.project, logstore.name)
    found = rules.retention(days)
    if found:
        raise RuleError(*found)
    with transaction.atomic():
        _set(action, Logstore.objects.select_for_update().get(pk=logstore.pk), by, ttl=days)
    logstore.refresh_from_db()


def delete_logstore(logstore: Logstore, by: User | None) -> None:
    """Delete a Logstore with its records; flow logs that deliver to it stop and say so."""
    project = logstore.project
    _require(by, DELETED, project, logstore.name)
    with transaction.atomic():
        told = {"name": logstore.name, **_settings(logstore), "records": _records(logstore)}
        _note(DELETED, logstore, by, changes.difference(told, {}))
        logstore.delete()
        targets = FlowLog.objects.filter(
            account=project.account_id,
            region=project.region_id,
            project_name=project.name,
            logstore_name=logstore.name,
        )
        for flow_log_id in targets.values_list("pk", flat=True):
            delivery_status.delivery_failed(flow_log_id, "LogstoreNotExist")
    logger.info("Logstore %s of project %s deleted by %s", logstore.name, project.pk, by)


def delete_project(project: Project, by: User | None) -> None:
    """Delete a project without Logstores; flow logs that name it say so. Raises RuleError, ActionDenied."""
    action = "log:DeleteProject"
    require(by, action, project.region_id, project.account_id, f"project/{project.name}")
    with transaction.atomic():
        Project.objects.select_for_update().filter(pk=project.pk).first()
        if project.logstores.exists():
            raise RuleError(Violation("ProjectNotEmpty"))
        targets = FlowLog.objects.filter(
            account=project.account_id, region=project.region_id, project_name=project.name
        )
        flow_log_ids = list(targets.values_list("pk", flat=True))
        told = {"name": project.name, "description": project.description or None}
        _note_project(action, project, by, changes.difference(told, {}))
        project.delete()
        for flow_log_id in flow_log_ids:
            delivery_status.delivery_failed(flow_log_id, "ProjectNotExist")
    logger.info("project %s deleted by %s", project.name, by)


def _require(by: User | None, action: str, project: Project, logstore: str) -> None:
    path = f"project/{project.name}/logstore/{logstore}"
    require(by, action, project.region_id, project.account_id, path)


def _settings(logstore: Logstore) -> dict[str, Any]:
    return {"ttl": logstore.ttl, "analysis_report": logstore.analysis_report}


def _records(logstore: Logstore) -> int:
    parts = Part.objects.filter(logstore=logstore, removed_at__isnull=True)
    return parts.aggregate(rows=Sum("rows"))["rows"] or 0


def _set(action: str, logstore: Logstore, by: User | None, **values: Any) -> None:
    """Write settings of a locked Logstore, and what changed."""
    changed = changes.difference(_settings(logstore), {**_settings(logstore), **values})
    if changed:
        Logstore.objects.filter(pk=logstore.pk).update(**values)
        _note(action, logstore, by, changed)


def _note(action: str, logstore: Logstore, by: User | None, values: Mapping[str, tuple[Any, Any]]) -> None:
    project = logstore.project
    changes.note(
        action,
        "Logstore",
        f"{project.name}/{logstore.name}",
        by=by,
        account_id=project.account_id,
        region_id=project.region_id,
        values=values,
    )


def _note_project(
    action: str, project: Project, by: User | None, values: Mapping[str, tuple[Any, Any]]
) -> None:
    changes.note(
        action,
        "Project",
        project.name,
        by=by,
        account_id=project.account_id,
        region_id=project.region_id,
        values=values,
    )
