"""The actions that this console knows: those its services and pages ask for, and those its histories name.

Each app names its own when it starts, so that a policy about anything else can be told of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from console import policies


@dataclass(frozen=True)
class Resources:
    """Resources that policies may speak of: what they are, the service that has them, the end of their names."""

    label: Any
    service: str
    path: str


CONSOLE = (
    *("vpc:OpenFlowLogService", "log:OpenSlsService", "ram:CreateRole", "ram:DeleteRole"),
    *("ram:ListUsers", "ram:CreateUser", "ram:UpdateUser", "ram:DeleteUser", "ram:ChangePassword"),
    *("ram:UpdateLoginProfile", "ram:AttachPolicyToUser", "ram:DetachPolicyFromUser"),
    *("ram:ListPolicies", "ram:CreatePolicy", "ram:CreatePolicyVersion", "ram:DeletePolicy"),
)
RAM = (
    Resources(_("RAM users"), "ram", "user/*"),
    Resources(_("Policies"), "ram", "policy/*"),
)
NAMED = 20
_known: set[str] = set(CONSOLE)
_resources: dict[tuple[str, str], Resources] = {(each.service, each.path): each for each in RAM}


def register(actions: Iterable[str], resources: Iterable[Resources] = ()) -> None:
    """Add the actions of an app, and the resources that they are done to."""
    _known.update(actions)
    _resources.update({(each.service, each.path): each for each in resources})


def known() -> list[str]:
    """Return all actions in their order."""
    return sorted(_known)


def resources() -> list[Resources]:
    """Return all kinds of resources in the order of their services and names."""
    return [_resources[key] for key in sorted(_resources)]


def warning(document: object) -> str:
    """Say which actions of a policy document the console does not know; empty if it knows them all."""
    return said(policies.unmatched(document, _known))


def said(unknown: list[str]) -> str:
    """Say that the console does not know these actions; empty for none."""
    if not unknown:
        return ""
    shown = ", ".join([*unknown[:NAMED], *(["…"] if len(unknown) > NAMED else [])])
    return ngettext(
        "This console has no action %(actions)s.", "This console has no actions %(actions)s.", len(unknown)
    ) % {"actions": shown}
