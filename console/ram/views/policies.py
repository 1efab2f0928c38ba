"""Policies: the list, the document of one, and what can be done to a custom one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render, resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from console import actions
from console.access import ActionDenied, requires
from console.htmx import go_to
from console.models import Policy, User
from console.policies import LONGEST
from console.ram import services, words
from console.ram.forms import EXAMPLE, ConfirmationForm, PolicyForm, pretty
from console.ram.services import CREATE_POLICY, DELETE_POLICY, EDIT_POLICY, LIST_POLICIES, LIST_USERS
from console.ram.views.access import Act, on_policy, policies_of, refusal
from console.ram.views.shown import SIZES, described, history, page_of, searched
from console.requests import ConsoleRequest
from console.wording import sentences

LIST = "console:ram-policy-list"
DETAIL = "console:ram-policy-detail"
SHOWN_USERS = 50


@require_safe
@requires(LIST_POLICIES)
def listing(request: ConsoleRequest) -> HttpResponse:
    """List the policies of the system and of the account."""
    text, kind = searched(request), request.GET.get("kind", "")
    found = policies_of(request.account).order_by("kind", "name").defer("document")
    if text:
        found = found.filter(Q(name__icontains=text) | Q(description__icontains=text))
    if kind in Policy.Kind.values:
        found = found.filter(kind=kind)
    page = page_of(request, found)
    holders = _holders(request, page.object_list)
    context = {
        "page": page,
        "rows": [
            (policy, described(policy), holders.get(policy.pk, 0), _acts(request, policy))
            for policy in page.object_list
        ],
        "search": text,
        "kind": kind,
        "kinds": _kinds(),
        "is_filtered": bool(text or kind),
        "sizes": ",".join(map(str, SIZES)),
        "create": Act(resolve_url("console:ram-policy-create"), refusal(request, CREATE_POLICY)),
        "users": Act(resolve_url("console:ram-user-list"), refusal(request, LIST_USERS)),
    }
    return render(request, "console/ram/policies.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(CREATE_POLICY)
def create(request: ConsoleRequest) -> HttpResponse:
    """Create a custom policy."""
    form = PolicyForm(request.POST or None, initial={"document": pretty(EXAMPLE)})
    if "check" in request.POST:
        return _checked(request, form)
    if form.is_valid():
        try:
            policy = services.create_policy(request.account, request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Policy %(name)s is created.") % {"name": policy.name})
            _warn(request, form.cleaned_data["document"])
            return go_to(request, DETAIL, policy_id=policy.pk)
    return _editor(request, form, {})


@require_safe
@on_policy(LIST_POLICIES)
def detail(request: ConsoleRequest, policy: Policy) -> HttpResponse:
    """Show a policy: its document, who has it, and what was changed."""
    holders = services.ram_users(request.account).filter(policies=policy).order_by("username")
    context = {
        "policy": policy,
        "description": described(policy),
        "kinds": _kinds(),
        "document": pretty(policy.document),
        "warning": actions.warning(policy.document) if policy.account_id else "",
        "holders": list(holders[: SHOWN_USERS + 1]),
        "most": SHOWN_USERS,
        "may_see_users": not refusal(request, LIST_USERS),
        "acts": _acts(request, policy),
        **history(request, "Policy", policy.pk),
    }
    return render(request, "console/ram/policy.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@on_policy(EDIT_POLICY)
def edit(request: ConsoleRequest, policy: Policy) -> HttpResponse:
    """Change what a custom policy says."""
    _only_custom(policy, EDIT_POLICY)
    initial = {"description": policy.description, "document": pretty(policy.document)}
    form = PolicyForm(request.POST or None, initial=initial)
    del form.fields["name"]
    if "check" in request.POST:
        return _checked(request, form)
    if form.is_valid():
        try:
            services.change_policy(policy, request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Policy %(name)s is changed.") % {"name": policy.name})
            _warn(request, form.cleaned_data["document"])
            return go_to(request, DETAIL, policy_id=policy.pk)
    return _editor(request, form, {"policy": policy, "holders": policy.users.count()})


@require_http_methods(["GET", "HEAD", "POST"])
@on_policy(DELETE_POLICY)
def delete(request: ConsoleRequest, policy: Policy) -> HttpResponse:
    """Show what deleting means, and delete once the name has been typed; not while somebody has the policy."""
    _only_custom(policy, DELETE_POLICY)
    form = ConfirmationForm(request.POST or None, name=policy.name)
    if form.is_valid():
        try:
            services.delete_policy(policy, request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Policy %(name)s is deleted.") % {"name": policy.name})
            return go_to(request, LIST)
    holders = policy.users.count()
    refused = services.still_attached(holders) if holders else ""
    context = {"policy": policy, "form": form, "refused": refused}
    return render(request, "console/ram/policy_delete.html", context)


def _editor(request: ConsoleRequest, form: PolicyForm, about: dict[str, Any]) -> HttpResponse:
    """Show the form with the words that a document may consist of beside it."""
    policy = about.get("policy")
    entered = form.cleaned_data.get("document") if form.is_bound else policy and policy.document
    context = {
        **about,
        "form": form,
        "most": LONGEST,
        "warning": actions.warning(entered),
        "groups": words.offered(request.account),
    }
    return render(request, "console/ram/policy_form.html", context)


def _checked(request: ConsoleRequest, form: PolicyForm) -> HttpResponse:
    """Say what is wrong with the document as it is written now."""
    document = None if form.errors.get("document") else form.cleaned_data.get("document")
    context: dict[str, Any] = {
        "errors": form.errors.get("document", []),
        "statements": len(document["Statement"]) if document else 0,
        "warning": actions.warning(document),
    }
    return render(request, "console/ram/policy_checked.html", context)


def _warn(request: ConsoleRequest, document: object) -> None:
    """Say which actions of a policy that was saved the console does not know, beside the news that it was."""
    warning = actions.warning(document)
    if warning:
        messages.warning(request, sentences(warning, _("What policies say of that has no effect here.")))


def _only_custom(policy: Policy, action: str) -> None:
    if policy.account_id is None:
        raise ActionDenied(action)


def _holders(request: ConsoleRequest, shown: Any) -> dict[int, int]:
    """Return how many users of the account have each of these policies."""
    mine = User.policies.through.objects.filter(
        user__account=request.account, policy__in=[each.pk for each in shown]
    )
    return dict(mine.order_by().values_list("policy").annotate(Count("user")))


def _acts(request: ConsoleRequest, policy: Policy) -> dict[str, Act]:
    """Return what can be done to a policy."""
    resource = services.policy_resource(policy)
    system = _("System policies cannot be changed.") if policy.account_id is None else ""

    def act(name: str, refused: str) -> Act:
        return Act(resolve_url(f"console:ram-policy-{name}", policy_id=policy.pk), refused)

    return {
        "detail": act("detail", ""),
        "edit": act("edit", system or refusal(request, EDIT_POLICY, resource)),
        "delete": act("delete", system or refusal(request, DELETE_POLICY, resource)),
    }


def _kinds() -> dict[str, str]:
    return {Policy.Kind.SYSTEM: _("System policy"), Policy.Kind.CUSTOM: _("Custom policy")}
