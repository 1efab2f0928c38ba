"""The rows that every installation has: regions and system policies.

Source: the VPC flow log pages as published at the end of 2025 (regions, dual-stack regions).
"""

from typing import Any

from console.models import Policy, Region

ASIA = "Asia Pacific"
CHINA = "China"
WEST = "Europe & Americas"
MIDDLE_EAST = "Middle East"

# id, name, area, dual-stack flow logs
REGIONS = (
    ("cn-hangzhou", "China (Hangzhou)", CHINA, True),
    ("cn-shanghai", "China (Shanghai)", CHINA, True),
    ("cn-qingdao", "China (Qingdao)", CHINA, True),
    ("cn-beijing", "China (Beijing)", CHINA, True),
    ("cn-zhangjiakou", "China (Zhangjiakou)", CHINA, False),
    ("cn-huhehaote", "China (Hohhot)", CHINA, True),
    ("cn-wulanchabu", "China (Ulanqab)", CHINA, False),
    ("cn-shenzhen", "China (Shenzhen)", CHINA, True),
    ("cn-heyuan", "China (Heyuan)", CHINA, False),
    ("cn-guangzhou", "China (Guangzhou)", CHINA, False),
    ("cn-chengdu", "China (Chengdu)", CHINA, False),
    ("cn-hongkong", "China (Hong Kong)", CHINA, False),
    ("cn-fuzhou", "China (Fuzhou)", CHINA, False),
    ("ap-northeast-1", "Japan (Tokyo)", ASIA, False),
    ("ap-northeast-2", "South Korea (Seoul)", ASIA, False),
    ("ap-southeast-1", "Singapore", ASIA, True),
    ("ap-southeast-3", "Malaysia (Kuala Lumpur)", ASIA, False),
    ("ap-southeast-5", "Indonesia (Jakarta)", ASIA, False),
    ("ap-southeast-6", "Philippines (Manila)", ASIA, False),
    ("ap-southeast-7", "Thailand (Bangkok)", ASIA, False),
    ("eu-central-1", "Germany (Frankfurt)", WEST, False),
    ("eu-west-1", "UK (London)", WEST, False),
    ("us-west-1", "US (Silicon Valley)", WEST, True),
    ("us-east-1", "US (Virginia)", WEST, True),
    ("me-east-1", "UAE (Dubai)", MIDDLE_EAST, False),
    ("me-central-1", "SAU (Riyadh)", MIDDLE_EAST, False),
)

VPC_FULL = "AliyunVPCFullAccess"
VPC_READ_ONLY = "AliyunVPCReadOnlyAccess"
LOG_FULL = "AliyunLogFullAccess"
LOG_READ_ONLY = "AliyunLogReadOnlyAccess"


def _allow(*actions: str) -> dict[str, Any]:
    return {"Version": "1", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


SYSTEM_POLICIES = {
    VPC_FULL: ("Manage VPCs and flow logs.", _allow("vpc:*")),
    VPC_READ_ONLY: ("See VPCs and flow logs.", _allow("vpc:Describe*", "vpc:Get*", "vpc:List*")),
    LOG_FULL: ("Manage Log Service.", _allow("log:*")),
    LOG_READ_ONLY: ("See and query Log Service.", _allow("log:Get*", "log:List*", "log:Query*")),
}


def ensure(**_signal: Any) -> None:
    """Add what is missing and leave alone what is there: an administrator may have changed it."""
    Region.objects.bulk_create(
        [
            Region(id=id, name=name, area=area, ipv6_available=dual_stack, order=order)
            for order, (id, name, area, dual_stack) in enumerate(REGIONS)
        ],
        ignore_conflicts=True,
    )
    known = set(Policy.objects.filter(account=None).values_list("name", flat=True))
    Policy.objects.bulk_create(
        Policy(name=name, kind=Policy.Kind.SYSTEM, description=description, document=document)
        for name, (description, document) in SYSTEM_POLICIES.items()
        if name not in known
    )
