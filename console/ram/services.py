"""What changes RAM users and custom policies: the only writers of both, each with its entry in the audit.

Whoever may do something to a user or a policy may do all of it: who may attach policies may attach any, also
to themself. That is how RAM has it; who hands out `ram:AttachPolicyToUser` hands out everything.
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

log = logging.getLogger(__name__)

LIST_USERS = "ram:ListUsers"
CREATE_USER = "ram:CreateUser"
UPDATE_USER = "ram:UpdateUser"
DELETE_USER = "ram:DeleteUser"
ATTACH = "ram:AttachPolicyToUser"
DETACH = "ram:DetachPolicyFromUser"
LIST_POLICIES = "ram:ListPolicies"
CREATE_POLICY = "ram:CreatePolicy"
EDIT_POLICY = "ram:CreatePolicyVersion"
DELETE_POLICY = "ram:DeletePolicy"

USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
POLICY_NAME = re.compile(r"[A-Za-z0-9-]{1,128}")
DISPLAY_NAME_LENGTH = 128


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


def create_user(account: Account, by: User, *, name: str, display_name: str, password: str) -> User:
    """Create a RAM user who may do nothing yet. Raises ValidationError."""
    require(by, CREATE_USER, resource_name("ram", "*", account.pk, f"user/{name}"))
    _check_user_name(name)
    user = User(username=name, first_name=display_name, account=account)
    _set_password(user, password)
    try:
        with transaction.atomic():
            user.save()
            _note(CREATE_USER, user, by, {}, {"name": name, **_values(user)})
    except IntegrityError:
        raise _taken() from None
    log.info("user %s created the RAM user %s", by.pk, user.pk)
    return user


def change_user(user: User, by: User, *, display_name: str) -> None:
    """Change what a RAM user is called."""
    require(by, UPDATE_USER, user_resource(user))
    with transaction.atomic():
        user = _locked(user)
        before = _values(user)
        user.first_name = display_name
        user.save(update_fields=["first_name"])
        _note(UPDATE_USER, user, by, before, _values(user))


def set_login(user: User, by: User, *, enabled: bool) -> None:
    """Let a RAM user log in, or no longer; their sessions end at once. Raises ValidationError."""
    require(by, UPDATE_USER, user_resource(user))
    _refuse_untouchable(user, by)
    with transaction.atomic():
        user = _locked(user)
        before = _values(user)
        user.is_active = enabled
        user.save(update_fields=["is_active"])
        _note(UPDATE_USER, user, by, before, _values(user))
    log.info("user %s %s the login of user %s", by.pk, "enabled" if enabled else "disabled", user.pk)


def reset_password(user: User, by: User, password: str) -> None:
    """Give a RAM user another password; their sessions end at once. Raises ValidationError."""
    require(by, UPDATE_USER, user_resource(user))
    _refuse_untouchable(user, by)
    with transaction.atomic():
        user = _locked(user)
        _set_password(user, password)
        user.save(update_fields=["password"])
        changes.note(
            UPDATE_USER,
            "User",
            str(user.pk),
            by=by,
            account_id=user.account_id,
            values={"password": (None, "******")},
        )
    log.info("user %s reset the password of user %s", by.pk, user.pk)


def delete_user(user: User, by: User) -> None:
    """Delete a RAM user; what they made stays. Raises ValidationError."""
    require(by, DELETE_USER, user_resource(user))
    _refuse_untouchable(user, by)
    with transaction.atomic():
        user = _locked(user)
        _note(DELETE_USER, user, by, {"name": user.username, **_values(user)}, {})
        log.info("user %s deleted the RAM user %s", by.pk, user.pk)
        user.delete()


def attach(user: User, by: User, chosen: list[Policy]) -> None:
    """Attach policies to a RAM user; those that are attached already stay. Needs the action on each of them."""
    require(by, ATTACH, user_resource(user))
    for policy in chosen:
        _same_account(policy, user, ATTACH)
        require(by, ATTACH, policy_resource(policy))
    with transaction.atomic():
        user = _locked(user)
        there = Policy.objects.select_for_update().filter(pk__in=[each.pk for each in chosen])
        new = list(there.exclude(users=user))
        before = _policy_names(user)
        user.policies.add(*new)
        _note(ATTACH, user, by, {"policies": before}, {"policies": _policy_names(user)})


def detach(user: User, by: User, policy: Policy) -> None:
    """Detach a policy from a RAM user, if it is attached. Needs the action on both."""
    require(by, DETACH, user_resource(user))
    require(by, DETACH, policy_resource(policy))
    with transaction.atomic():
        user = _locked(user)
        before = _policy_names(user)
        user.policies.remove(policy)
        _note(DETACH, user, by, {"policies": before}, {"policies": _policy_names(user)})


def create_policy(account: Account, by: User, *, name: str, description: str, document: Any) -> Policy:
    """Create a custom policy. Raises ValidationError."""
    require(by, CREATE_POLICY, resource_name("ram", "*", account.pk, f"policy/{name}"))
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


def change_policy(policy: Policy, by: User, *, description: str, document: Any) -> None:
    """Change what a custom policy says, for all who have it, at once. Raises ValidationError."""
    require(by, EDIT_POLICY, policy_resource(policy))
    _refuse_system(policy, EDIT_POLICY)
    _check_document(document)
    with transaction.atomic():
        policy = Policy.objects.select_for_update().get(pk=policy.pk)
        before = _contents(policy)
        policy.description, policy.document = description, document
        policy.save(update_fields=["description", "document"])
        _note_policy(EDIT_POLICY, policy, by, before, _contents(policy))


def delete_policy(policy: Policy, by: User) -> None:
    """Delete a custom policy that nobody has any more. Raises ValidationError."""
    require(by, DELETE_POLICY, policy_resource(policy))
    _refuse_system(policy, DELETE_POLICY)
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
    text = _(error.message) % error.params
    if error.statement:
        return _("Statement %(number)s: %(text)s") % {"number": error.statement, "text": text}
    if error.line:
        return _("Line %(line)s, column %(column)s: %(text)s") % {
            "line": error.line,
            "column": error.column,
            "text": text,
        }
    return text


def untouchable(user: User, by: User) -> str:
    """Return why nobody on these pages may disable, delete or take over this user, if so.

    Administrators see every account; whoever manages the users of this one does not.
    """
    if user.pk == by.pk:
        return _("Nobody can do this to themself.")
    if user.is_staff or user.is_superuser:
        return _("Administrators of this installation are managed in the admin site.")
    return ""


def _refuse_untouchable(user: User, by: User) -> None:
    reason = untouchable(user, by)
    if reason:
        raise ValidationError(reason)


def _refuse_system(policy: Policy, action: str) -> None:
    if policy.account_id is None:
        raise ActionDenied(action)


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


def _check_document(document: Any) -> None:
    found = policies.problems(document)
    if found:
        raise ValidationError({"document": [said(error) for error in found]})


def _locked(user: User) -> User:
    """Return the RAM user as they are now, for this transaction alone; the owner of an account is none."""
    return User.objects.select_for_update().get(pk=user.pk, is_account_owner=False)


def _values(user: User) -> dict[str, Any]:
    return {"display_name": user.first_name, "login": user.is_active}


def _contents(policy: Policy) -> dict[str, Any]:
    return {"description": policy.description, "document": policy.document}


def _policy_names(user: User) -> list[str]:
    return list(user.policies.values_list("name", flat=True))


def _note(action: str, user: User, by: User, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Write down what changed about a user; nothing where nothing did."""
    changed = changes.difference(before, after)
    if changed:
        changes.note(action, "User", str(user.pk), by=by, account_id=user.account_id, values=changed)


def _note_policy(
    action: str, policy: Policy, by: User, before: dict[str, Any], after: dict[str, Any]
) -> None:
    changed = changes.difference(before, after)
    if changed:
        changes.note(action, "Policy", str(policy.pk), by=by, account_id=policy.account_id, values=changed)
