"""Who acts: every service that a user calls asks here first."""

from __future__ import annotations

from console import access
from console.models import User


def require(by: User | None, action: str, region_id: str, account_id: str, path: str) -> None:
    """Raise ActionDenied unless the user may do this to that resource; nobody is the installation itself.

    ``path`` is the end of the resource's name, such as ``flowlog/fl-…``.
    """
    if by is None:
        return
    service = action.partition(":")[0]
    access.require(by, action, access.resource_name(service, region_id, account_id, path))
