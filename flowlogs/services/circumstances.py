"""What the rules need to know about the place in which a flow log would be created."""

from __future__ import annotations

from django.db.models import Q

from console import access
from console.models import Account, Region
from flowlogs import rules
from flowlogs.models import FlowLog, Instance, Logstore, NetworkInterface, Project, Vpc, VSwitch

NAMED_INSTANCES = 5

Resource = Vpc | VSwitch | NetworkInterface


def find_resource(account: Account, region: Region, resource_type: str, resource_id: str) -> Resource | None:
    """Return what a flow log would watch, if the account has it in the region."""
    if resource_type == FlowLog.ResourceType.VPC:
        return Vpc.objects.filter(account=account, region=region, pk=resource_id).first()
    inside = {"vpc__account": account, "vpc__region": region, "pk": resource_id}
    if resource_type == FlowLog.ResourceType.VSWITCH:
        return VSwitch.objects.filter(**inside).select_related("vpc").first()
    if resource_type == FlowLog.ResourceType.ENI:
        return NetworkInterface.objects.filter(**inside).select_related("vpc").first()
    return None


def vpc_of(resource: Resource) -> Vpc:
    """Return the VPC that a resource is, or is in."""
    return resource if isinstance(resource, Vpc) else resource.vpc


def around(
    account: Account, region: Region, values: rules.FlowLogValues, resource: Resource | None
) -> rules.Circumstances:
    """Return the circumstances in which a flow log with these values would be created."""
    projects = {
        (project.account_id, project.region_id)
        for project in Project.objects.filter(Q(account=account) | Q(region=region), name=values.project_name)
    }
    here = (account.pk, region.pk)
    return rules.Circumstances(
        missing_gates=access.gates(account),
        region_has_flow_logs=region.flow_logs_available,
        region_has_ipv6=region.ipv6_available,
        quota=quota(account),
        flow_logs_in_region=flow_logs_in(account, region),
        resource_exists=resource is not None,
        blocking_instances=blocking_instances(vpc_of(resource)) if resource else (),
        project_exists=here in projects,
        project_in_other_region=any(owner == account.pk and at != region.pk for owner, at in projects),
        project_name_taken=any(owner != account.pk and at == region.pk for owner, at in projects),
        logstore_exists=find_logstore(account, region, values.project_name, values.logstore_name) is not None,
    )


def quota(account: Account) -> int:
    """Return how many flow logs an account may have in a region."""
    return account.flow_log_quota


def flow_logs_in(account: Account, region: Region) -> int:
    """Return how many flow logs of an account count against its quota in a region."""
    return FlowLog.objects.filter(account=account, region=region).count()


def find_logstore(account: Account, region: Region, project: str, logstore: str) -> Logstore | None:
    """Return a Logstore by the names that flow logs keep."""
    return (
        Logstore.objects.filter(
            project__account=account, project__region=region, project__name=project, name=logstore
        )
        .select_related("project")
        .first()
    )


def blocking_instances(vpc: Vpc) -> list[str]:
    """Return the ECS instances that keep flow logs out of a VPC, the first few by identifier and type.

    None where the account has switched the documented block off.
    """
    if not vpc.account.blocks_old_families:
        return []
    families = Q(pk__in=[])
    for family in sorted(rules.BLOCKED_FAMILIES):
        families |= Q(instance_type=family) | Q(instance_type__startswith=f"{family}.")
    rows = Instance.objects.filter(families, vpc=vpc).order_by("pk").values_list("pk", "instance_type")
    # the database may compare without regard to case
    found = [f"{pk} ({kind})" for pk, kind in rows if rules.is_blocked(kind)]
    rest = len(found) - NAMED_INSTANCES
    return found if rest <= 0 else [*found[:NAMED_INSTANCES], f"… +{rest}"]
