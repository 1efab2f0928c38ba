"""What changes custom policies, and who has which policy."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from console import changes, policies
from console.access import ActionDenied, resource_name
from console.models import Account, Policy, User
from console.ram.services.asking import (
    ATTACH,
    CREATE_POLICY,
    DELETE_POLICY,
    DETACH,
    EDIT_POLICY,
    ask,
    policy_resource,
    user_resource,
)
from console.ram.services.users import note_user, ram_user
from console.wording import in_words

POLICY_NAME = re.compile(r"[A-Za-z0-9-]{1,128}")


def attach(user: User, by: User | None, chosen: list[Policy]) -> None:
    """Attach policies to a RAM user; those that are attached already stay. Needs the action on each of them."""
    ask(by, ATTACH, user_resource(user))
    for policy in chosen:
        _same_account(policy, user, ATTACH)
        ask(by, ATTACH, policy_resource(policy))
    with transaction.atomic():
        user = ram_user(user)
        there = Policy.objects.select_for_update().filter(pk__in=[each.pk for each in chosen])
        new = list(there.exclude(users=user))
        before = _policy_names(user)
        user.policies.add(*new)
        note_user(ATTACH, user, by, {"policies": before}, {"policies": _policy_names(user)})


def detach(user: User, by: User | None, policy: Policy) -> None:
    """Detach a policy from a RAM user, if it is attached. Needs the action on both."""
    ask(by, DETACH, user_resource(user))
    ask(by, DETACH, policy_resource(policy))
    with transaction.atomic():
        user = ram_user(user)
        before = _policy_names(user)
        user.policies.remove(policy)
        note_user(DETACH, user, by, {"policies": before}, {"policies": _policy_names(user)})


def create_policy(account: Account, by: User | None, *, name: str, description: str, document: Any) -> Policy:
    """Create a custom policy. Raises ValidationError."""
    ask(by, CREATE_POLICY, resource_name("ram", "*", account.pk, f"policy/{name}"))
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
    ask(by, EDIT_POLICY, policy_resource(policy))
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
    ask(by, DELETE_POLICY, policy_resource(policy))
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
    if error.statement and error.line:
        return _("Line %(line)s, column %(column)s, statement %(number)s: %(text)s") % {
            "line": error.line,
            "column": error.column,
            "number": error.statement,
            "text": text,
        }
    if error.statement:
        return _("Statement %(number)s: %(text)s") % {"number": error.statement, "text": text}
    if error.line:
        return _("Line %(line)s, column %(column)s: %(text)s") % {
            "line": error.line,
            "column": error.column,
            "text": text,
        }
    return text


def system_stays() -> str:
    """Return why a system policy cannot be changed or deleted."""
    return _("System policies cannot be changed.")


def _refuse_system(policy: Policy, by: User | None, action: str) -> None:
    if policy.account_id is None:
        raise ActionDenied(action) if by else ValidationError(system_stays())


def _same_account(policy: Policy, user: User, action: str) -> None:
    if policy.account_id not in (None, user.account_id):
        raise ActionDenied(action)


def _check_document(document: Any) -> None:
    found = policies.problems(document)
    if found:
        raise ValidationError({"document": [said(error) for error in found]})


def _contents(policy: Policy) -> dict[str, Any]:
    return {"description": policy.description, "document": policy.document}


def _policy_names(user: User) -> list[str]:
    return list(user.policies.values_list("name", flat=True))


def _note_policy(
    action: str, policy: Policy, by: User | None, before: dict[str, Any], after: dict[str, Any]
) -> None:
    changed = changes.difference(before, after)
    if changed:
        changes.note(action, "Policy", str(policy.pk), by=by, account_id=policy.account_id, values=changed)
