"""What changes RAM users and custom policies: the only writers of both, each with its entry in the audit.

Whoever may do something to a user or a policy may do all of it: who may attach policies may attach any, also
to themself. That is how RAM has it; who hands out `ram:AttachPolicyToUser` hands out everything.

Without a user (``by=None``) the installation itself acts, which is how its administrators do: no policy is asked.
"""

from __future__ import annotations

import logging
import re
import secrets
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console import changes, policies
from console.access import SYSTEM, ActionDenied, require, resource_name
from console.models import Account, Policy, User
from console.wording import in_words

log = logging.getLogger(__name__)

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

USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
POLICY_NAME = re.compile(r"[A-Za-z0-9-]{1,128}")
DISPLAY_NAME_LENGTH = 128
HIDDEN = "******"


def ram_users(account: Account) -> Any:
    """Return the RAM users of an account: all of its users but the owner."""
    return User.objects.filter(account=account, is_account_owner=False)


def user_resource(user: User) -> str:
    """Return the name of a RAM user in policies."""
    return resource_name("ram", "*", user.account_id or "", f"user/{user.username}")


def policy_resource(policy: Policy) -> str:
    """Return the name of a policy in policies."""
    return resource_name("ram", "*", policy.account_id or SYSTEM, f"policy/{policy.name}")


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
    _require(by, CREATE_USER, resource_name("ram", "*", account.pk, f"user/{name}"))
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
    log.info("user %s created the user %s", _who(by), user.pk)
    return user


def change_user(user: User, by: User | None, *, display_name: str) -> None:
    """Change what a user is called."""
    _require(by, UPDATE_USER, user_resource(user))
    with transaction.atomic():
        user = locked(user, by)
        before = described(user)
        user.first_name = display_name
        user.save(update_fields=["first_name"])
        note_user(UPDATE_USER, user, by, before, described(user))


def set_login(user: User, by: User | None, *, enabled: bool) -> None:
    """Let a user log in, or no longer; their sessions end at once. Raises ValidationError."""
    _require(by, UPDATE_LOGIN, user_resource(user))
    refuse_untouchable(user, by)
    with transaction.atomic():
        user = locked(user, by)
        before = described(user)
        user.is_active = enabled
        user.save(update_fields=["is_active"])
        note_user(UPDATE_LOGIN, user, by, before, described(user))
    log.info("user %s %s the login of user %s", _who(by), "enabled" if enabled else "disabled", user.pk)


def reset_password(user: User, by: User | None, password: str, *, must_change: bool = False) -> None:
    """Give a user another password; their sessions end at once. Raises ValidationError.

    With ``must_change`` it is good for choosing another, and for nothing else.
    """
    _require(by, UPDATE_LOGIN, user_resource(user))
    refuse_untouchable(user, by)
    with transaction.atomic():
        user = locked(user, by)
        before = described(user)
        user.must_change_password = must_change
        _save_password(user, password)
        changed = {"password": (None, HIDDEN), **changes.difference(before, described(user))}
        _note(UPDATE_LOGIN, user, by, changed)
    log.info("user %s reset the password of user %s", _who(by), user.pk)


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
    _require(by, DELETE_USER, user_resource(user))
    refuse_untouchable(user, by)
    if by is None and user.is_account_owner:
        raise ValidationError(owner_stays())
    with transaction.atomic():
        user = locked(user, by)
        note_user(DELETE_USER, user, by, {"name": user.username, **described(user)}, {})
        log.info("user %s deleted the user %s", _who(by), user.pk)
        user.delete()


def attach(user: User, by: User | None, chosen: list[Policy]) -> None:
    """Attach policies to a RAM user; those that are attached already stay. Needs the action on each of them."""
    _require(by, ATTACH, user_resource(user))
    for policy in chosen:
        _same_account(policy, user, ATTACH)
        _require(by, ATTACH, policy_resource(policy))
    with transaction.atomic():
        user = _ram_user(user)
        there = Policy.objects.select_for_update().filter(pk__in=[each.pk for each in chosen])
        new = list(there.exclude(users=user))
        before = _policy_names(user)
        user.policies.add(*new)
        note_user(ATTACH, user, by, {"policies": before}, {"policies": _policy_names(user)})


def detach(user: User, by: User | None, policy: Policy) -> None:
    """Detach a policy from a RAM user, if it is attached. Needs the action on both."""
    _require(by, DETACH, user_resource(user))
    _require(by, DETACH, policy_resource(policy))
    with transaction.atomic():
        user = _ram_user(user)
        before = _policy_names(user)
        user.policies.remove(policy)
        note_user(DETACH, user, by, {"policies": before}, {"policies": _policy_names(user)})


def create_policy(account: Account, by: User | None, *, name: str, description: str, document: Any) -> Policy:
    """Create a custom policy. Raises ValidationError."""
    _require(by, CREATE_POLICY, resource_name("ram", "*", account.pk, f"policy/{name}"))
    if not POLICY_NAME.fullmatch(name):
        raise ValidationError(
            {"name": _("A policy name has 1 to 128 letters (a to z), digits and hyphens (-).")}
        )
    _check_document(document)
    if Policy.objects.filter(account=None, name=name).exists():
        raise ValidationError({"name": _("There is a system policy of this name.")})
    policy = Policy(account=account, name=name, description=description, document=document)
    try:
        with transaction.atomic():
            policy.save()
            _note_policy(CREATE_POLICY, policy, by, {}, {"name": name, **_contents(policy)})
    except IntegrityError:
        raise ValidationError({"name": _("The account has a policy of this name already.")}) from None
    return policy


def change_policy(policy: Policy, by: User | None, *, description: str, document: Any) -> None:
    """Change what a custom policy says, for all who have it, at once. Raises ValidationError."""
    _require(by, EDIT_POLICY, policy_resource(policy))
    _refuse_system(policy, by, EDIT_POLICY)
    _check_document(document)
    with transaction.atomic():
        policy = Policy.objects.select_for_update().get(pk=policy.pk)
        before = _contents(policy)
        policy.description, policy.document = description, document
        policy.save(update_fields=["description", "document"])
        _note_policy(EDIT_POLICY, policy, by, before, _contents(policy))


def delete_policy(policy: Policy, by: User | None) -> None:
    """Delete a custom policy that nobody has any more. Raises ValidationError."""
    _require(by, DELETE_POLICY, policy_resource(policy))
    _refuse_system(policy, by, DELETE_POLICY)
    with transaction.atomic():
        policy = Policy.objects.select_for_update().get(pk=policy.pk)
        holders = policy.users.count()
        if holders:
            raise ValidationError(still_attached(holders))
        _note_policy(DELETE_POLICY, policy, by, {"name": policy.name, **_contents(policy)}, {})
        policy.delete()


def still_attached(holders: int) -> str:
    """Return why a policy that so many users have cannot be deleted."""
    return ngettext(
        "The policy is attached to %(count)s user. Detach it first.",
        "The policy is attached to %(count)s users. Detach it first.",
        holders,
    ) % {"count": holders}


def said(error: policies.PolicyError) -> str:
    """Return what is wrong with a policy document, and where, in the language of the page."""
    text = _(error.message) % {name: in_words(value) for name, value in error.params.items()}
    if error.statement:
        return _("Statement %(number)s: %(text)s") % {"number": error.statement, "text": text}
    if error.line:
        return _("Line %(line)s, column %(column)s: %(text)s") % {
            "line": error.line,
            "column": error.column,
            "text": text,
        }
    return text


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


def system_stays() -> str:
    """Return why a system policy cannot be changed or deleted."""
    return _("System policies cannot be changed.")


def refuse_untouchable(user: User, by: User | None) -> None:
    """Raise ValidationError where ``untouchable`` says why."""
    reason = untouchable(user, by)
    if reason:
        raise ValidationError(reason)


def _require(by: User | None, action: str, resource: str) -> None:
    if by is not None:
        require(by, action, resource)


def _who(by: User | None) -> str:
    acting = changes.actor(by)
    return str(acting.pk) if acting else "-"


def _refuse_system(policy: Policy, by: User | None, action: str) -> None:
    if policy.account_id is None:
        raise ActionDenied(action) if by else ValidationError(system_stays())


def _same_account(policy: Policy, user: User, action: str) -> None:
    if policy.account_id not in (None, user.account_id):
        raise ActionDenied(action)


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


def _check_document(document: Any) -> None:
    found = policies.problems(document)
    if found:
        raise ValidationError({"document": [said(error) for error in found]})


def _ram_user(user: User) -> User:
    return User.objects.select_for_update().get(pk=user.pk, is_account_owner=False)


def locked(user: User, by: User | None) -> User:
    """Return a user as they are now, for this transaction alone; only the installation touches owners."""
    return _ram_user(user) if by else User.objects.select_for_update().get(pk=user.pk)


def described(user: User) -> dict[str, Any]:
    """Return what the audit tells of a user: what is not so by itself only where it is so."""
    special = {
        "owner": user.is_account_owner,
        "administrator": user.is_superuser,
        "must_change_password": user.must_change_password,
    }
    told = {name: value for name, value in special.items() if value}
    return {"display_name": user.first_name, "login": user.is_active, **told}


def _contents(policy: Policy) -> dict[str, Any]:
    return {"description": policy.description, "document": policy.document}


def _policy_names(user: User) -> list[str]:
    return list(user.policies.values_list("name", flat=True))


def note_user(
    action: str, user: User, by: User | None, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Write down what changed about a user; nothing where nothing did."""
    changed = changes.difference(before, after)
    if changed:
        _note(action, user, by, changed)


def _note(action: str, user: User, by: User | None, changed: dict[str, tuple[Any, Any]]) -> None:
    changes.note(action, "User", str(user.pk), by=by, account_id=user.account_id, values=changed)


def _note_policy(
    action: str, policy: Policy, by: User | None, before: dict[str, Any], after: dict[str, Any]
) -> None:
    changed = changes.difference(before, after)
    if changed:
        changes.note(action, "Policy", str(policy.pk), by=by, account_id=policy.account_id, values=changed)
