"""The one place that answers "may this user do this here".

The owner of an account may do everything in it, a RAM user what their policies allow, and nobody anything
in another account. The gates that stand before the first flow log are answered here too.
"""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from console import actions, policies
from console.models import DELIVERY_POLICY, DELIVERY_ROLE, Account, Role, User

log = logging.getLogger(__name__)

P = ParamSpec("P")
View = Callable[Concatenate[Any, P], HttpResponseBase]

SYSTEM = "system"
"""Stands for the account in the names of system policies, which everybody may be given."""


class ActionDenied(PermissionDenied):
    """A user lacks the permission for an action."""

    def __init__(self, action: str) -> None:
        super().__init__(action)
        self.action = action


class Reason(Enum):
    """Why a user may do something or may not."""

    STATEMENT = "a statement of a policy decides"
    NOTHING = "no policy allows it"
    OWNER = "the owner of an account may do everything in it"
    ELSEWHERE = "the resource is of another account"
    DISABLED = "the user cannot log in"
    BROKEN = "a policy cannot be followed, so all is denied"


NOT_ASKED = policies.Decision()


@dataclass(frozen=True)
class Answer:
    """Whether a user may do something, why, and what their policies say of it."""

    allowed: bool
    reason: Reason
    decision: policies.Decision = NOT_ASKED


OWNER = Answer(True, Reason.OWNER)
ELSEWHERE = Answer(False, Reason.ELSEWHERE)


def explain(user: User | AnonymousUser, action: str, resource: str = "*") -> Answer:
    """Tell whether the user may do this action on this resource, and why.

    The documents that the answer counts are those of the user's policies in their order.
    """
    if not isinstance(user, User) or not user.is_active or user.account_id is None:
        return Answer(False, Reason.DISABLED)
    if resource != "*" and _account_of(resource) not in ("*", "", SYSTEM, user.account_id):
        return ELSEWHERE
    if user.is_account_owner:
        return OWNER
    try:
        decision = policies.decide(user.policy_statements, action, resource)
    except policies.PolicyError as error:
        log.warning("a policy of user %s cannot be followed, so all is denied: %s", user.pk, error)
        return Answer(False, Reason.BROKEN)
    return Answer(decision.allowed, Reason.STATEMENT if decision.matches else Reason.NOTHING, decision)


def may(user: User | AnonymousUser, action: str, resource: str = "*") -> bool:
    """Tell whether the user may do this action, such as `vpc:CreateFlowLog`, on this resource."""
    return explain(user, action, resource).allowed


def resource_name(service: str, region: str, account: str, path: str = "*") -> str:
    """Return the name of a resource as policies write it, such as `acs:vpc:cn-hangzhou:1…1:flowlog/fl-…`."""
    return f"acs:{service}:{region}:{account}:{path}"


def allowed_here(request: Any, action: str) -> bool:
    """Tell whether the user of a request may do an action on all its resources of the region it is in."""
    return allowed_in(request, action, request.region.id if request.region else "*")


def allowed_in(request: Any, action: str, region_id: str) -> bool:
    """Tell whether the user of a request may do an action on all its resources of a region."""
    if request.account is None:
        return False
    service = action.partition(":")[0]
    # RAM is the same in all regions
    region = region_id if service != "ram" else "*"
    return may(
        request.user, action, resource_name(service, region, request.account.id, actions.path_of(action))
    )


def forbids(user: User, action: str, resource: str) -> bool:
    """Tell whether a policy of the user denies an action on a resource outright, whatever others allow."""
    found = explain(user, action, resource)
    return not found.allowed and (found.reason is not Reason.NOTHING)


def require(user: User | AnonymousUser, action: str, resource: str = "*") -> None:
    """Raise ActionDenied, which becomes the 403 page naming the action, unless the user may do it."""
    if not may(user, action, resource):
        raise ActionDenied(action)


def requires(action: str) -> Callable[[View[P]], View[P]]:
    """Let only logged-in users of an account into a view who may do the action in the region of the page."""

    def decorate(view: View[P]) -> View[P]:
        @functools.wraps(view)
        def guarded(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return login_first(request)
            if not allowed_here(request, action):
                raise ActionDenied(action)
            return view(request, *args, **kwargs)

        guarded.required_action = action  # type: ignore[attr-defined]
        return guarded

    return decorate


def login_first(request: HttpRequest) -> HttpResponse:
    """Send the visitor to the login page and back; a fragment request reloads the whole page for it."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=401, headers={"HX-Refresh": "true"})
    return redirect_to_login(request.get_full_path())


ACTIVATE = "activate"
AUTHORIZE = "authorize"
LOG_SERVICE = "log-service"


def delivery_authorized(account: Account) -> bool:
    """Tell whether flow logs of the account may deliver: activated, and the role there with its policy."""
    return account.flow_log_activated_at is not None and _role_is_whole(account)


def gates(account: Account) -> list[str]:
    """Return what is missing before a flow log can be created, in the order to do it."""
    passed = {
        ACTIVATE: account.flow_log_activated_at is not None,
        AUTHORIZE: _role_is_whole(account),
        LOG_SERVICE: account.log_service_activated_at is not None,
    }
    return [gate for gate, is_passed in passed.items() if not is_passed]


def _role_is_whole(account: Account) -> bool:
    return Role.objects.filter(account=account, name=DELIVERY_ROLE, policy_name=DELIVERY_POLICY).exists()


def _account_of(resource: str) -> str:
    parts = resource.split(":", 4)
    return parts[3] if len(parts) == 5 else "*"
