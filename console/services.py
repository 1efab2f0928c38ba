"""What changes accounts: their owners, and the gates that stand before the first flow log."""

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from console import changes
from console.access import ActionDenied
from console.models import DELIVERY_POLICY, DELIVERY_ROLE, Account, Role, User

log = logging.getLogger(__name__)

DEMO_ACCOUNT = "1000000000000001"
OWN_ACCOUNT = "1000000000000002"

# Sent after the authorization of an account has changed, with account=.
delivery_authorization_changed = Signal()

# What the role may do, shown to the owner before they grant it.
DELIVERY_DOCUMENT = {
    "Version": "1",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "log:PostLogStoreLogs",
                "log:GetProject",
                "log:GetLogStore",
            ],
            "Resource": "*",
        }
    ],
}
TRUST_DOCUMENT = {
    "Version": "1",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["vpc.aliyuncs.com"]}},
    ],
}


def ensure_owner(
    username: str, account_id: str, account_name: str, *, is_demo: bool = False, administrator: bool = False
) -> tuple[User, str | None]:
    """Return the owner of an account and, only when this call made them, their password.

    Neither an account nor a user that exists is changed. An administrator may use the admin site, where
    the data of every account is.
    """
    with transaction.atomic():
        account, _ = Account.objects.get_or_create(
            id=account_id, defaults={"name": account_name, "is_demo": is_demo}
        )
        owner = User.objects.filter(account=account, is_account_owner=True).first()
        if owner is not None:
            return owner, None
        password = secrets.token_urlsafe(12)
        owner = User.objects.create_user(
            username,
            password=password,
            account=account,
            is_account_owner=True,
            is_staff=administrator,
            is_superuser=administrator,
        )
    return owner, password


def activate_flow_logs(account: Account, by: User) -> None:
    """Switch the flow log feature on for an account. It stays on; doing it again changes nothing."""
    _activate(account, by, "vpc:OpenFlowLogService", "flow_log_activated_at")
    _announce(account, by, "activated flow logs")


def activate_log_service(account: Account, by: User) -> None:
    """Switch Log Service on for an account. It stays on; doing it again changes nothing."""
    _activate(account, by, "log:OpenSlsService", "log_service_activated_at")
    _announce(account, by, "activated Log Service")


def authorize_delivery(account: Account, by: User) -> None:
    """Create the role that lets flow logs deliver, or attach its policy again."""
    action = "ram:CreateRole"
    _only_owner(account, by, action)
    with transaction.atomic():
        before = _role(account)
        Role.objects.update_or_create(
            account=account, name=DELIVERY_ROLE, defaults={"policy_name": DELIVERY_POLICY}
        )
        _note(action, account, by, before, _role(account))
    _announce(account, by, "authorized delivery")


def revoke_delivery(account: Account, by: User) -> None:
    """Delete the role: every flow log of the account stops delivering and says so."""
    action = "ram:DeleteRole"
    _only_owner(account, by, action)
    with transaction.atomic():
        before = _role(account)
        Role.objects.filter(account=account, name=DELIVERY_ROLE).delete()
        _note(action, account, by, before, _role(account))
    _announce(account, by, "revoked delivery")


def _only_owner(account: Account, by: User, action: str) -> None:
    if not by.is_active or not by.is_account_owner or by.account_id != account.pk:
        raise ActionDenied(action)


def _activate(account: Account, by: User, action: str, field: str) -> None:
    _only_owner(account, by, action)
    with transaction.atomic():
        now = timezone.now()
        if Account.objects.filter(pk=account.pk, **{field: None}).update(**{field: now}):
            _note(action, account, by, {field: None}, {field: now.isoformat()})
    account.refresh_from_db()


def _role(account: Account) -> dict[str, str]:
    """Return the delivery role of an account and the policy attached to it, if they are there."""
    role = Role.objects.filter(account=account, name=DELIVERY_ROLE).first()
    return {} if role is None else {"role": role.name, "policy": role.policy_name}


def _note(
    action: str, account: Account, by: User, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Write down what an action changed about an account; nothing where nothing did."""
    changed = changes.difference(before, after)
    if changed:
        changes.note(action, "Account", account.pk, by=by, account_id=account.pk, values=changed)


def _announce(account: Account, by: User, what: str) -> None:
    log.info("user %s %s for account %s", by.pk, what, account.pk)
    transaction.on_commit(lambda: delivery_authorization_changed.send(sender=Account, account=account))
