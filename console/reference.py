"""The rows that every installation has: regions and system policies.

Source: the VPC flow log pages as published at the end of 2025 (regions, dual-stack regions).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_noop as _

from console.models import Policy, Region

ASIA = _("Asia Pacific")
CHINA = _("China")
WEST = _("Europe & Americas")
MIDDLE_EAST = _("Middle East")

# id, name, area, dual-stack flow logs
REGIONS = (
    ("cn-hangzhou", _("China (Hangzhou)"), CHINA, True),
    ("cn-shanghai", _("China (Shanghai)"), CHINA, True),
    ("cn-qingdao", _("China (Qingdao)"), CHINA, True),
    ("cn-beijing", _("China (Beijing)"), CHINA, True),
    ("cn-zhangjiakou", _("China (Zhangjiakou)"), CHINA, False),
    ("cn-huhehaote", _("China (Hohhot)"), CHINA, True),
    ("cn-wulanchabu", _("China (Ulanqab)"), CHINA, False),
    ("cn-shenzhen", _("China (Shenzhen)"), CHINA, True),
    ("cn-heyuan", _("China (Heyuan)"), CHINA, False),
    ("cn-guangzhou", _("China (Guangzhou)"), CHINA, False),
    ("cn-chengdu", _("China (Chengdu)"), CHINA, False),
    ("cn-hongkong", _("China (Hong Kong)"), CHINA, False),
    ("cn-fuzhou", _("China (Fuzhou)"), CHINA, False),
    ("ap-northeast-1", _("Japan (Tokyo)"), ASIA, False),
    ("ap-northeast-2", _("South Korea (Seoul)"), ASIA, False),
    ("ap-southeast-1", _("Singapore"), ASIA, True),
    ("ap-southeast-3", _("Malaysia (Kuala Lumpur)"), ASIA, False),
    ("ap-southeast-5", _("Indonesia (Jakarta)"), ASIA, False),
    ("ap-southeast-6", _("Philippines (Manila)"), ASIA, False),
    ("ap-southeast-7", _("Thailand (Bangkok)"), ASIA, False),
    ("eu-central-1", _("Germany (Frankfurt)"), WEST, False),
    ("eu-west-1", _("UK (London)"), WEST, False),
    ("us-west-1", _("US (Silicon Valley)"), WEST, True),
    ("us-east-1", _("US (Virginia)"), WEST, True),
    ("me-east-1", _("UAE (Dubai)"), MIDDLE_EAST, False),
    ("me-central-1", _("SAU (Riyadh)"), MIDDLE_EAST, False),
)

REGION_IDS = frozenset(id for id, *_rest in REGIONS)

# Of a VPC's network, ECS has the interfaces, security groups and instances.
_NETWORK_OF_ECS = ("ecs:*NetworkInterface*", "ecs:*SecurityGroup*", "ecs:*Instance*")
_NETWORK_OF_ECS_READ_ONLY = (
    *("ecs:DescribeNetworkInterfaces", "ecs:DescribeSecurityGroup*", "ecs:DescribeInstances"),
)

VPC_FULL = "AliyunVPCFullAccess"
VPC_READ_ONLY = "AliyunVPCReadOnlyAccess"
LOG_FULL = "AliyunLogFullAccess"
LOG_READ_ONLY = "AliyunLogReadOnlyAccess"
RAM_FULL = "AliyunRAMFullAccess"
RAM_READ_ONLY = "AliyunRAMReadOnlyAccess"


def _allow(*actions: str) -> dict[str, Any]:
    return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


SYSTEM_POLICIES = {
    VPC_FULL: (_("Manage VPCs and flow logs."), _allow("vpc:*", *_NETWORK_OF_ECS)),
    VPC_READ_ONLY: (
        _("See VPCs and flow logs."),
        _allow("vpc:Describe*", "vpc:Get*", "vpc:List*", *_NETWORK_OF_ECS_READ_ONLY),
    ),
    LOG_FULL: (_("Manage Log Service."), _allow("log:*")),
    LOG_READ_ONLY: (_("See and query Log Service."), _allow("log:Get*", "log:List*", "log:Query*")),
    RAM_FULL: (_("Manage RAM users and policies."), _allow("ram:*")),
    RAM_READ_ONLY: (_("See RAM users and policies."), _allow("ram:Get*", "ram:List*")),
}


def ensure(**_signal: Any) -> None:
    """Add what is missing, and bring what a newer release says differently up to date.

    What administrators set stays: whether flow logs and IPv6 are available in a region. System policies are nobody's
    to change. Two queries where nothing is new.
    """
    _ensure_regions()
    _ensure_policies()


def _ensure_regions() -> None:
    known = {region.pk: region for region in Region.objects.all()}
    wanted = [
        Region(id=id, name=name, area=area, ipv6_available=dual_stack, order=order)
        for order, (id, name, area, dual_stack) in enumerate(REGIONS)
    ]
    # two processes may start at once
    Region.objects.bulk_create([region for region in wanted if region.pk not in known], ignore_conflicts=True)
    named = ("name", "area", "order")
    _bring_up_to_date([region for region in wanted if region.pk in known], known, named)


def _ensure_policies() -> None:
    known = {policy.name: policy for policy in Policy.objects.filter(account=None)}
    wanted = [
        Policy(name=name, kind=Policy.Kind.SYSTEM, description=description, document=document)
        for name, (description, document) in SYSTEM_POLICIES.items()
    ]
    Policy.objects.bulk_create(
        [policy for policy in wanted if policy.name not in known], ignore_conflicts=True
    )
    there = [policy for policy in wanted if policy.name in known]
    for policy in there:
        policy.pk = known[policy.name].pk
    _bring_up_to_date(there, {policy.pk: policy for policy in known.values()}, ("description", "document"))


def _bring_up_to_date(wanted: Sequence[Any], known: Mapping[Any, Any], fields: Sequence[str]) -> None:
    """Write those rows whose fields say something else now."""
    old = [
        row for row in wanted if any(getattr(row, name) != getattr(known[row.pk], name) for name in fields)
    ]
    for row in old:
        type(row).objects.filter(pk=row.pk).update(**{name: getattr(row, name) for name in fields})
