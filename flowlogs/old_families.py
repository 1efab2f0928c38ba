"""ECS instances of families that do not support flow logs, in VPCs where flow logs exist already.

They came after the flow log, or the account had the block switched off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from console.models import Account

from . import rules
from .models import Instance, Vpc

NAMED = 5


@dataclass
class Blocked:
    """A VPC with such instances: the first few, as identifier and type, and how many more there are."""

    vpc: Vpc
    instances: list[str] = field(default_factory=list)
    more: int = 0

    @property
    def number(self) -> int:
        """How many there are, for those who may not see which."""
        return len(self.instances) + self.more

    @property
    def named(self) -> str:
        """The instances in one line, as the refusal of a flow log names them."""
        return ", ".join([*self.instances, *([f"… +{self.more}"] if self.more else [])])


def blocking(account: Account, vpcs: QuerySet[Any]) -> list[Blocked]:
    """Return which of these VPCs have instances of such families; none where the account has no block.

    The types that occur are few whatever the number of instances, so they are asked for first: of all instances,
    which an index tells in a step for each type, while those of many VPCs take a search for each instance.
    """
    if not account.blocks_old_families:
        return []
    types = Instance.objects.order_by().values_list("instance_type", flat=True).distinct()
    blocked = [kind for kind in types if rules.is_blocked(kind)]
    if not blocked:
        return []
    there = Instance.objects.filter(vpc__in=vpcs, instance_type__in=blocked)
    found: dict[str, Blocked] = {}
    for instance in there.select_related("vpc").order_by("vpc", "pk"):
        entry = found.setdefault(instance.vpc_id, Blocked(instance.vpc))
        if len(entry.instances) < NAMED:
            entry.instances.append(f"{instance.pk} ({instance.instance_type})")
        else:
            entry.more += 1
    return list(found.values())
