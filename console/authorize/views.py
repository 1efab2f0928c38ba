"""The authorization wizard: the gates before the first flow log, each a step with its own address."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from console import access, hooks, services
from console.access import ActionDenied
from console.models import DELIVERY_POLICY, DELIVERY_ROLE, Account, User

DONE = "done"


@dataclass(frozen=True)
class Step:
    """One gate: what it is called, what passing it takes, and who says that it has been passed."""

    key: str
    title: Any
    button: Any
    passed: Any
    act: Callable[[Account, User], None]


STEPS = (
    Step(
        access.ACTIVATE,
        _("Activate"),
        _("Activate Now"),
        _("Flow logs are activated."),
        services.activate_flow_logs,
    ),
    Step(
        access.AUTHORIZE,
        _("Authorize"),
        _("Confirm Authorization Policy"),
        _("Delivery is authorized."),
        services.authorize_delivery,
    ),
    Step(
        access.LOG_SERVICE,
        _("Activate Log Service"),
        _("Activate Log Service"),
        _("Log Service is activated."),
        services.activate_log_service,
    ),
)


@login_required
def start(request: HttpRequest) -> HttpResponse:
    """Go to the first step that is missing, or to the end."""
    missing = access.gates(_account(request))
    return redirect("console:authorize-step", key=missing[0] if missing else DONE)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def step(request: HttpRequest, key: str) -> HttpResponse:
    """Show a step, or pass it; a step that others come before leads to the first that is missing."""
    account = _account(request)
    missing = access.gates(account)
    if key == DONE:
        return start(request) if missing else _page(request, account, DONE, missing)
    current = next((each for each in STEPS if each.key == key), None)
    if current is None:
        raise Http404(_("There is no such step."))
    if key in missing and missing[0] != key:
        return start(request)
    if request.method == "POST":
        current.act(account, _user(request))
        messages.success(request, current.passed)
        return start(request)
    return _page(request, account, key, missing)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def revoke(request: HttpRequest) -> HttpResponse:
    """Show what will stop, and after the name of the role has been typed, revoke."""
    account = _account(request)
    typed = request.POST.get("role", "").strip()
    if request.method == "POST" and typed == DELIVERY_ROLE:
        services.revoke_delivery(account, _user(request))
        messages.success(request, _("Delivery is no longer authorized."))
        return start(request)
    context = {
        "role": DELIVERY_ROLE,
        "owner": _owner(account),
        "dependents": hooks.dependents(account),
        "authorized": access.delivery_authorized(account),
        "typed": typed,
        "mistyped": request.method == "POST",
    }
    return render(
        request, "console/authorize/revoke.html", context, status=422 if context["mistyped"] else 200
    )


def _page(request: HttpRequest, account: Account, key: str, missing: list[str]) -> HttpResponse:
    context = {
        "steps": [{"step": each, "passed": each.key not in missing} for each in STEPS],
        "key": key,
        "current": next((each for each in STEPS if each.key == key), None),
        "passed": key not in missing,
        "owner": _owner(account),
        "role": DELIVERY_ROLE,
        "policy": DELIVERY_POLICY,
        "policy_document": json.dumps(services.DELIVERY_DOCUMENT, indent=2),
        "trust_document": json.dumps(services.TRUST_DOCUMENT, indent=2),
    }
    return render(request, "console/authorize/step.html", context)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _account(request: HttpRequest) -> Account:
    """Return the account of the user; without one there is nothing to authorize."""
    account = _user(request).account
    if account is None:
        raise ActionDenied("vpc:OpenFlowLogService")
    return account


def _owner(account: Account) -> User | None:
    return account.users.filter(is_account_owner=True).first()
