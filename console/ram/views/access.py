"""Which RAM user or policy an address means, and whether the visitor may do this to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _

from console.access import ActionDenied, login_first, may, require
from console.models import Account, Policy, User
from console.ram import services
from console.requests import ConsoleRequest

P = ParamSpec("P")
UserView = Callable[Concatenate[ConsoleRequest, User, P], HttpResponse]
PolicyView = Callable[Concatenate[ConsoleRequest, Policy, P], HttpResponse]


@dataclass(frozen=True)
class Act:
    """Something that can be done: where, and why not, if so."""

    url: str
    refusal: str = ""


def on_user(action: str) -> Callable[[UserView[P]], Callable[..., HttpResponseBase]]:
    """Give a view the RAM user that its address names, to users who may do the action to them.

    One who is not there, is the owner, or belongs to another account is the same 404.
    """

    def decorate(view: UserView[P]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        def guarded(request: Any, user_id: int, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return login_first(request)
            user = services.ram_users(account_of(request, action)).filter(pk=user_id).first()
            if user is None:
                raise Http404(_("There is no RAM user %(id)s.") % {"id": user_id})
            require(request.user, action, services.user_resource(user))
            return view(request, user, *args, **kwargs)

        guarded.required_action = action  # type: ignore[attr-defined]
        return guarded

    return decorate


def on_policy(action: str) -> Callable[[PolicyView[P]], Callable[..., HttpResponseBase]]:
    """Give a view the policy that its address names, to users who may do the action to it.

    One that is not there or belongs to another account is the same 404.
    """

    def decorate(view: PolicyView[P]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        def guarded(request: Any, policy_id: int, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return login_first(request)
            policy = policies_of(account_of(request, action)).filter(pk=policy_id).first()
            if policy is None:
                raise Http404(_("There is no policy %(id)s.") % {"id": policy_id})
            require(request.user, action, services.policy_resource(policy))
            return view(request, policy, *args, **kwargs)

        guarded.required_action = action  # type: ignore[attr-defined]
        return guarded

    return decorate


def policies_of(account: Account) -> QuerySet[Policy]:
    """Return the policies that can be attached in an account: the system's and its own."""
    return Policy.objects.filter(Q(account=None) | Q(account=account))


def account_of(request: HttpRequest, action: str) -> Account:
    """Return the account of the visitor. Raises ActionDenied for those who are in none."""
    account: Account | None = request.account  # type: ignore[attr-defined]
    if account is None:
        raise ActionDenied(action)
    return account


def refusal(request: ConsoleRequest, action: str, resource: str = "") -> str:
    """Return why the visitor may not do this to a resource, or to all of the account, if so."""
    resource = resource or f"acs:ram:*:{request.account.pk}:*"
    return (
        ""
        if may(request.user, action, resource)
        else _("You need the permission %(action)s.") % {"action": action}
    )
