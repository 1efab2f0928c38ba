"""Projects and Logstores: where records go and how long they stay."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from console import access
from console.models import Account, Region, User
from flowlogs import rules
from flowlogs.models import Logstore, Project
from flowlogs.rules import Violation


def resource_of(project: str, region: str, account: str, logstore: str = "") -> str:
    """Return the name of a project or Logstore as policies write it."""
    path = f"project/{project}" + (f"/logstore/{logstore}" if logstore else "")
    return access.resource_name("log", region, account, path)


def create_project(account: Account, region: Region, by: User, name: str, description: str = "") -> Project:
    """Create a project; its name is unique in the region."""
    access.require(by, "log:CreateProject", resource_of(name, region.pk, account.pk))
    rules.check([rules.check_project_name(name), rules.check_description(description)])
    try:
        with transaction.atomic():
            return Project.objects.create(account=account, region=region, name=name, description=description)
    except IntegrityError:
        taken = Violation("ProjectAlreadyExist", "project", f"Project {name} already exist.", "SLS API")
        raise rules.RuleError([taken]) from None


def create_logstore(
    project: Project, by: User, name: str, *, report: bool = False, ttl: int | None = None
) -> Logstore:
    """Create a Logstore: records stay 7 days with the analysis report, else 300, unless ``ttl`` says otherwise."""
    access.require(
        by, "log:CreateLogStore", resource_of(project.name, project.region_id, project.account_id, name)
    )
    days = ttl if ttl is not None else (rules.REPORT_TTL if report else rules.DEFAULT_TTL)
    rules.check([rules.check_logstore_name(name), rules.check_ttl(days)])
    try:
        with transaction.atomic():
            return Logstore.objects.create(project=project, name=name, ttl=days, analysis_report=report)
    except IntegrityError:
        taken = Violation("LogstoreAlreadyExist", "logstore", f"logstore {name} already exists.", "SLS API")
        raise rules.RuleError([taken]) from None


@transaction.atomic
def enable_analysis_report(logstore: Logstore, by: User) -> None:
    """Switch the analysis report on in a Logstore that does not have it; its records then stay 7 days."""
    _require(logstore, by, "log:CreateIndex")
    changed = Logstore.objects.filter(pk=logstore.pk, analysis_report=False).update(
        analysis_report=True, ttl=rules.REPORT_TTL
    )
    if not changed:
        message = "The analysis report of this Logstore is enabled already."
        raise rules.RuleError([Violation("ReportAlreadyEnabled", "report", message, "SEED1")])


def set_retention(logstore: Logstore, by: User, ttl: int) -> None:
    """Change how many days records stay; 3650 keeps them for good."""
    _require(logstore, by, "log:UpdateLogStore")
    rules.check([rules.check_ttl(ttl)])
    Logstore.objects.filter(pk=logstore.pk).update(ttl=ttl)


def delete_logstore(logstore: Logstore, by: User) -> None:
    """Delete a Logstore with all its records; flow logs that deliver into it fail from then on."""
    _require(logstore, by, "log:DeleteLogStore")
    logstore.delete()


def delete_project(project: Project, by: User) -> None:
    """Delete a project with its Logstores and all their records."""
    access.require(by, "log:DeleteProject", resource_of(project.name, project.region_id, project.account_id))
    project.delete()


def _require(logstore: Logstore, by: User, action: str) -> None:
    project = logstore.project
    access.require(
        by, action, resource_of(project.name, project.region_id, project.account_id, logstore.name)
    )
