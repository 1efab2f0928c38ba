"""Who may do what to RAM users and policies: the actions, the names of what they are done to, and the question."""

from __future__ import annotations

from console import changes
from console.access import SYSTEM, require, resource_name
from console.models import Policy, User

LIST_USERS = "ram:ListUsers"
CREATE_USER = "ram:CreateUser"
UPDATE_USER = "ram:UpdateUser"
UPDATE_LOGIN = "ram:UpdateLoginProfile"
"""Whether and with which password a user logs in: who sets a password can act as that user."""
DELETE_USER = "ram:DeleteUser"
ATTACH = "ram:AttachPolicyToUser"
DETACH = "ram:DetachPolicyFromUser"
LIST_POLICIES = "ram:ListPolicies"
CREATE_POLICY = "ram:CreatePolicy"
EDIT_POLICY = "ram:CreatePolicyVersion"
DELETE_POLICY = "ram:DeletePolicy"
CHANGE_OWN = "ram:ChangePassword"


def user_resource(user: User) -> str:
    """Return the name of a RAM user in policies."""
    return resource_name("ram", "*", user.account_id or "", f"user/{user.username}")


def policy_resource(policy: Policy) -> str:
    """Return the name of a policy in policies."""
    return resource_name("ram", "*", policy.account_id or SYSTEM, f"policy/{policy.name}")


def ask(by: User | None, action: str, resource: str) -> None:
    """Raise ActionDenied unless the user may do this; nobody is the installation itself."""
    if by is not None:
        require(by, action, resource)


def who(by: User | None) -> str:
    """Return who acts, for the log."""
    acting = changes.actor(by)
    return str(acting.pk) if acting else "-"
