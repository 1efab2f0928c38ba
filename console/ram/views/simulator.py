"""The simulator: may this user do this, and which statement of which policy says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from console import actions
from console.access import Reason, explain, require, requires
from console.models import Policy
from console.ram.forms import SimulatorForm, pretty
from console.ram.services import LIST_POLICIES, LIST_USERS
from console.requests import ConsoleRequest

OFFERED_USERS = 200


@dataclass(frozen=True)
class ShownStatement:
    """A statement that speaks of what was asked."""

    policy: Policy
    number: int
    allows: bool
    decides: bool
    text: str


@require_safe
@requires(LIST_POLICIES)
def simulate(request: ConsoleRequest) -> HttpResponse:
    """Ask what the address says, and explain the answer."""
    require(request.user, LIST_USERS, f"acs:ram:*:{request.account.pk}:*")
    users = request.account.users.order_by("username")
    form = SimulatorForm(request.GET if "action" in request.GET else None, users=users)
    if not form.is_bound:
        form.initial = {name: request.GET.get(name, "") for name in form.fields}
    context: dict[str, Any] = {
        "form": form,
        "names": users.values_list("username", flat=True)[:OFFERED_USERS],
        "actions": actions.known(),
    }
    if form.is_valid():
        context |= _result(request, **form.cleaned_data)
        action = form.cleaned_data["action"]
        is_known = action.lower() in map(str.lower, actions.known())
        context["warning"] = actions.said([] if is_known else [action])
    return render(request, "console/ram/simulator.html", context)


def _result(request: ConsoleRequest, user: Any, action: str, resource: str) -> dict[str, Any]:
    service = action.partition(":")[0]
    asked = resource or f"acs:{service}:*:{request.account.pk}:*"
    attached = list(user.policies.all())
    answer = explain(user, action, asked)
    statements = [
        ShownStatement(
            policy=attached[match.document],
            number=match.statement + 1,
            allows=match.allows,
            decides=match in answer.decision.deciding,
            text=pretty(attached[match.document].document["Statement"][match.statement]),
        )
        for match in answer.decision.matches
    ]
    return {
        "answer": answer,
        "asked": asked,
        "simulated": user,
        "statements": statements,
        "why": _why(answer.reason, answer.allowed, [each for each in statements if each.decides]),
    }


def _why(reason: Reason, allowed: bool, deciding: list[ShownStatement]) -> str:
    """Say why, in a sentence."""
    words = {
        Reason.NOTHING: _(
            "No statement of the attached policies speaks of it, and what nothing allows is denied."
        ),
        Reason.OWNER: _("The owner of an account may do everything in it."),
        Reason.ELSEWHERE: _("The resource is of another account."),
        Reason.DISABLED: _("The login of this user is disabled."),
        Reason.BROKEN: _("One of the attached policies cannot be followed, so everything is denied."),
    }
    if reason in words:
        return words[reason]
    said = {"number": deciding[0].number, "policy": deciding[0].policy.name}
    if allowed:
        return _("Statement %(number)s of %(policy)s allows it, and nothing denies it.") % said
    return _("Statement %(number)s of %(policy)s denies it. An explicit Deny wins over every Allow.") % said
