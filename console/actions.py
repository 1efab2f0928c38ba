"""The actions that this console knows: those its services and pages ask for, and those its histories name.

Each app names its own when it starts, so that a policy about anything else can be told of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import ngettext

from console import policies

CONSOLE = (
    *("vpc:OpenFlowLogService", "log:OpenSlsService", "ram:CreateRole", "ram:DeleteRole"),
    *("ram:ListUsers", "ram:CreateUser", "ram:UpdateUser", "ram:DeleteUser", "ram:ChangePassword"),
    *("ram:UpdateLoginProfile", "ram:AttachPolicyToUser", "ram:DetachPolicyFromUser"),
    *("ram:ListPolicies", "ram:CreatePolicy", "ram:CreatePolicyVersion", "ram:DeletePolicy"),
)
NAMED = 20
_known: set[str] = set(CONSOLE)


def register(actions: Iterable[str]) -> None:
    """Add the actions of an app."""
    _known.update(actions)


def known() -> list[str]:
    """Return all actions in their order."""
    return sorted(_known)


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
