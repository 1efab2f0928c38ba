"""What the rules need to know about the place in which a flow log would be created."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db.models import Q

from console import access
from console.models import Account, Region
from flowlogs import rules
from flowlogs.models import FlowLog, Instance, Logstore, NetworkInterface, Project, Vpc, VSwitch

NAMED_INSTANCES = 5

Resource = Vpc | VSwitch | NetworkInterface


def find_resource(account: Account, region: Region, resource_type: str, resource_id: str) -> Resource | None:
    """Return what a flow log would watch, if the account has it in the region."""
    return find_resources(account, region, resource_type, [resource_id]).get(resource_id)


def find_resources(
    account: Account, region: Region, resource_type: str, resource_ids: Collection[str]
) -> dict[str, Resource]:
    """Return by identifier which of these resources of one type the account has in the region; one query."""
    if resource_type == FlowLog.ResourceType.VPC:
        vpcs = Vpc.objects.filter(account=account, region=region, pk__in=resource_ids)
        return {vpc.pk: vpc for vpc in vpcs.select_related("account")}
    inside = {"vpc__account": account, "vpc__region": region, "pk__in": resource_ids}
    if resource_type == FlowLog.ResourceType.VSWITCH:
        return {found.pk: found for found in VSwitch.objects.filter(**inside).select_related("vpc__account")}
    if resource_type == FlowLog.ResourceType.ENI:
        interfaces = NetworkInterface.objects.filter(**inside).select_related("vpc__account")
        return {found.pk: found for found in interfaces}
    return {}


def vpc_of(resource: Resource) -> Vpc:
    """Return the VPC that a resource is, or is in."""
    return resource if isinstance(resource, Vpc) else resource.vpc


def around(
    account: Account,
    region: Region,
    values: rules.FlowLogValues,
    resources: Collection[Resource],
    wanted: int = 1,
) -> rules.Circumstances:
    """Return the circumstances in which so many flow logs with these values would be created.

    ``resources`` are those that exist of what they would watch.
    """
    vpcs = {vpc.pk: vpc for vpc in map(vpc_of, resources)}
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
        wanted=wanted,
        resource_exists=len(resources) == wanted,
        blocking_instances=blocking_instances(vpcs.values()),
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


def blocking_instances(vpcs: Iterable[Vpc]) -> list[str]:
    """Return the ECS instances that keep flow logs out of these VPCs, the first few by identifier and type.

    None where the account has switched the documented block off.
    """
    ids = [vpc.pk for vpc in vpcs if vpc.account.blocks_old_families]
    if not ids:
        return []
    instances = Instance.objects.filter(vpc__in=ids).order_by()
    # a VPC has many instances of few types: the rule is asked of each type once
    kinds = instances.values_list("instance_type", flat=True).distinct()
    blocked = [kind for kind in kinds if rules.is_blocked(kind)]
    if not blocked:
        return []
    rows = instances.filter(instance_type__in=blocked)
    named = rows.order_by("pk").values_list("pk", "instance_type")[:NAMED_INSTANCES]
    found = [f"{pk} ({kind})" for pk, kind in named]
    rest = rows.count() - len(found)
    return found if rest <= 0 else [*found, f"… +{rest}"]


def in_the_way(flow_log: FlowLog) -> list[rules.Violation]:
    """Return why a flow log could not deliver if it were started now."""
    account, region = flow_log.account, flow_log.region
    project, logstore = flow_log.project_name, flow_log.logstore_name
    found = rules.gates(access.gates(account))
    if not Project.objects.filter(account=account, region=region, name=project).exists():
        found.append(rules.Violation("StartWithoutProject", params={"name": project}))
    elif find_logstore(account, region, project, logstore) is None:
        found.append(rules.Violation("StartWithoutLogstore", params={"name": logstore}))
    return found
