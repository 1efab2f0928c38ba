"""What changes RAM users: created, renamed, let in and shut out, deleted."""

from __future__ import annotations

import logging
import re
import secrets
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from console import changes
from console.access import resource_name
from console.models import Account, User
from console.ram.services.asking import (
    CHANGE_OWN,
    CREATE_USER,
    DELETE_USER,
    UPDATE_LOGIN,
    UPDATE_USER,
    ask,
    user_resource,
    who,
)

log = logging.getLogger(__name__)

USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
DISPLAY_NAME_LENGTH = 128
HIDDEN = "******"


def ram_users(account: Account) -> Any:
    """Return the RAM users of an account: all of its users but the owner."""
    return User.objects.filter(account=account, is_account_owner=False)


def new_password() -> str:
    """Return a password that nobody guesses."""
    return secrets.token_urlsafe(12)


def create_user(
    account: Account,
    by: User | None,
    *,
    name: str,
    display_name: str,
    password: str,
    must_change: bool = False,
) -> User:
    """Create a RAM user who may do nothing yet. Raises ValidationError.

    With ``must_change`` the password is good for choosing another, and for nothing else.
    """
    ask(by, CREATE_USER, resource_name("ram", "*", account.pk, f"user/{name}"))
    user = User(username=name, first_name=display_name, account=account, must_change_password=must_change)
    return add(user, by, password)


def add(user: User, by: User | None, password: str) -> User:
    """Save a new user with their password. Raises ValidationError."""
    _check_user_name(user.username)
    _set_password(user, password)
    try:
        with transaction.atomic():
            user.save()
            note_user(CREATE_USER, user, by, {}, {"name": user.username, **described(user)})
    except IntegrityError:
        raise _taken() from None
    log.info("user %s created the user %s", who(by), user.pk)
    return user


def change_user(user: User, by: User | None, *, display_name: str) -> None:
    """Change what a user is called."""
    ask(by, UPDATE_USER, user_resource(user))
    with transaction.atomic():
        user = locked(user, by)
        before = described(user)
        user.first_name = display_name
        user.save(update_fields=["first_name"])
        note_user(UPDATE_USER, user, by, before, described(user))


def set_login(user: User, by: User | None, *, enabled: bool) -> None:
    """Let a user log in, or no longer; their sessions end at once. Raises ValidationError."""
    ask(by, UPDATE_LOGIN, user_resource(user))
    refuse_untouchable(user, by)
    with transaction.atomic():
        user = locked(user, by)
        before = described(user)
        user.is_active = enabled
        user.save(update_fields=["is_active"])
        note_user(UPDATE_LOGIN, user, by, before, described(user))
    log.info("user %s %s the login of user %s", who(by), "enabled" if enabled else "disabled", user.pk)


def reset_password(user: User, by: User | None, password: str, *, must_change: bool = False) -> None:
    """Give a user another password; their sessions end at once. Raises ValidationError.

    With ``must_change`` it is good for choosing another, and for nothing else.
    """
    ask(by, UPDATE_LOGIN, user_resource(user))
    refuse_untouchable(user, by)
    with transaction.atomic():
        user = locked(user, by)
        before = described(user)
        user.must_change_password = must_change
        _save_password(user, password)
        changed = {"password": (None, HIDDEN), **changes.difference(before, described(user))}
        _note(UPDATE_LOGIN, user, by, changed)
    log.info("user %s reset the password of user %s", who(by), user.pk)


def change_own_password(user: User, password: str) -> None:
    """Give oneself another password, which everybody may, and need not do again. Raises ValidationError."""
    with transaction.atomic():
        mine = User.objects.select_for_update().get(pk=user.pk)
        if mine.check_password(password):
            raise ValidationError({"password": same_password()})
        before = described(mine)
        mine.must_change_password = False
        _save_password(mine, password)
        changed = {"password": (HIDDEN, HIDDEN), **changes.difference(before, described(mine))}
        _note(CHANGE_OWN, mine, user, changed)
    user.refresh_from_db(fields=["password", "must_change_password"])
    log.info("user %s changed their password", user.pk)


def delete_user(user: User, by: User | None) -> None:
    """Delete a user who owns no account; what they made stays. Raises ValidationError."""
    ask(by, DELETE_USER, user_resource(user))
    refuse_untouchable(user, by)
    if by is None and user.is_account_owner:
        raise ValidationError(owner_stays())
    with transaction.atomic():
        user = locked(user, by)
        note_user(DELETE_USER, user, by, {"name": user.username, **described(user)}, {})
        log.info("user %s deleted the user %s", who(by), user.pk)
        user.delete()


def untouchable(user: User, by: User | None) -> str:
    """Return why this user may not be disabled, deleted or taken over by that one, if so.

    Administrators see every account; whoever manages the users of this one does not.
    """
    if user == changes.actor(by):
        return _("Nobody can do this to themself.")
    if by is not None and (user.is_staff or user.is_superuser):
        return _("Administrators of this installation are managed in the admin site.")
    return ""


def same_password() -> str:
    """Return why a password is no new one."""
    return _("The new password is the old one. Choose another.")


def owner_stays() -> str:
    """Return why the owner of an account cannot be deleted."""
    return _("The owner of an account cannot be deleted. Disable their login instead.")


def refuse_untouchable(user: User, by: User | None) -> None:
    """Raise ValidationError where ``untouchable`` says why."""
    reason = untouchable(user, by)
    if reason:
        raise ValidationError(reason)


def _check_user_name(name: str) -> None:
    if not USER_NAME.fullmatch(name):
        raise ValidationError(
            {
                "name": _(
                    "A user name has 1 to 64 letters (a to z), digits, periods (.), hyphens (-), underscores (_) "
                    "and at signs (@), and starts with a letter or digit."
                )
            }
        )
    # Names that differ in their case only would be mistaken for each other.
    if User.objects.filter(username__iexact=name).exists():
        raise _taken()


def _taken() -> ValidationError:
    return ValidationError(
        {"name": _("This name is taken. User names are unique in the whole installation.")}
    )


def _set_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from None
    user.set_password(password)


def _save_password(user: User, password: str) -> None:
    _set_password(user, password)
    user.save(update_fields=["password", "must_change_password"])


def ram_user(user: User) -> User:
    """Return a RAM user as they are now, for this transaction alone."""
    return User.objects.select_for_update().get(pk=user.pk, is_account_owner=False)


def locked(user: User, by: User | None) -> User:
    """Return a user as they are now, for this transaction alone; only the installation touches owners."""
    return ram_user(user) if by else User.objects.select_for_update().get(pk=user.pk)


def described(user: User) -> dict[str, Any]:
    """Return what the audit tells of a user: what is not so by itself only where it is so."""
    special = {
        "owner": user.is_account_owner,
        "administrator": user.is_superuser,
        "must_change_password": user.must_change_password,
    }
    told = {name: value for name, value in special.items() if value}
    return {"display_name": user.first_name, "login": user.is_active, **told}


def note_user(
    action: str, user: User, by: User | None, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Write down what changed about a user; nothing where nothing did."""
    changed = changes.difference(before, after)
    if changed:
        _note(action, user, by, changed)


def _note(action: str, user: User, by: User | None, changed: dict[str, tuple[Any, Any]]) -> None:
    changes.note(action, "User", str(user.pk), by=by, account_id=user.account_id, values=changed)
