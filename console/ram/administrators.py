"""What only administrators of the installation do, in the admin site: owners of accounts, and administrators.

Nobody is asked for a policy here, for an administrator is in no account. Whoever calls has made sure of who it is.
"""

from __future__ import annotations

import logging

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from console.models import Account, Policy, User
from console.ram import services

log = logging.getLogger(__name__)


def create(
    account: Account | None,
    *,
    name: str,
    display_name: str,
    password: str,
    is_owner: bool = False,
    is_administrator: bool = False,
    must_change: bool = True,
) -> User:
    """Create a user of any kind; without an account only an administrator. Raises ValidationError."""
    if account is None and not is_administrator:
        raise ValidationError({"account": _("Choose the account. Only administrators are in none.")})
    if is_owner:
        _refuse_second_owner(account)
    user = User(
        username=name,
        first_name=display_name,
        account=account,
        is_account_owner=is_owner,
        is_staff=is_administrator,
        is_superuser=is_administrator,
        must_change_password=must_change,
    )
    return services.add(user, None, password)


def set_administrator(user: User, *, is_administrator: bool) -> None:
    """Let a user administer the installation, or no longer. Raises ValidationError."""
    services.refuse_untouchable(user, None)
    with transaction.atomic():
        user = services.locked(user, None)
        before = services.described(user)
        user.is_staff = user.is_superuser = is_administrator
        user.save(update_fields=["is_staff", "is_superuser"])
        services.note_user(services.UPDATE_USER, user, None, before, services.described(user))
    log.info("user %s is %s administrator", user.pk, "now an" if is_administrator else "no longer an")


def set_policies(user: User, chosen: list[Policy]) -> None:
    """Let a RAM user have these policies and no other. Raises ActionDenied for those of another account."""
    with transaction.atomic():
        services.attach(user, None, chosen)
        for policy in user.policies.exclude(pk__in=[each.pk for each in chosen]):
            services.detach(user, None, policy)


def _refuse_second_owner(account: Account | None) -> None:
    if account is None:
        raise ValidationError({"account": _("Choose the account that the user owns.")})
    if account.users.filter(is_account_owner=True).exists():
        raise ValidationError({"is_account_owner": _("The account has an owner already.")})
