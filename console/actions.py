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
    """Resources that policies may speak of: what they are, the service that has them, the end of their names.

    ``actions`` are those that are done to them. A page of all of them asks for the action on this very path.
    """

    label: Any
    service: str
    path: str
    actions: tuple[str, ...] = ()


GATES = ("vpc:OpenFlowLogService", "log:OpenSlsService", "ram:CreateRole", "ram:DeleteRole")
USERS = (
    *("ram:ListUsers", "ram:CreateUser", "ram:UpdateUser", "ram:DeleteUser", "ram:ChangePassword"),
    *("ram:UpdateLoginProfile", "ram:AttachPolicyToUser", "ram:DetachPolicyFromUser"),
)
POLICIES = ("ram:ListPolicies", "ram:CreatePolicy", "ram:CreatePolicyVersion", "ram:DeletePolicy")
RAM = (
    Resources(_("RAM users"), "ram", "user/*", USERS),
    Resources(_("Policies"), "ram", "policy/*", POLICIES),
)
NAMED = 20
_known: set[str] = {*GATES, *USERS, *POLICIES}
_paths: dict[str, str] = {action: each.path for each in RAM for action in each.actions}
_resources: dict[tuple[str, str], Resources] = {(each.service, each.path): each for each in RAM}


def register(actions: Iterable[str], resources: Iterable[Resources] = ()) -> None:
    """Add the actions of an app, and the resources that they are done to."""
    resources = list(resources)
    _known.update(actions)
    _resources.update({(each.service, each.path): each for each in resources})
    _paths.update({action: each.path for each in resources for action in each.actions})


def path_of(action: str) -> str:
    """Return the end of the name of all that an action is done to, such as ``flowlog/*``."""
    return _paths.get(action, "*")


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
