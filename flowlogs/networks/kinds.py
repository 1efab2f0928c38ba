"""All kinds of network resources, in the order of the navigation."""

from __future__ import annotations

from .interfaces import Instances, NetworkInterfaces
from .kind import KINDS, Kind
from .policies import NetworkAclRules, NetworkAcls, SecurityGroupRules, SecurityGroups
from .routes import Gateways, Routes
from .vpcs import Vpcs, VSwitches

NAVIGATION: tuple[Kind, ...] = (
    *(
        Vpcs(),
        VSwitches(),
        NetworkInterfaces(),
        Instances(),
        SecurityGroups(),
        NetworkAcls(),
        Gateways(),
        Routes(),
    ),
)
PARTS: tuple[Kind, ...] = (SecurityGroupRules(), NetworkAclRules())
KINDS.update({kind.slug: kind for kind in (*NAVIGATION, *PARTS)})

__all__ = ["KINDS", "NAVIGATION", "PARTS", "Kind"]
