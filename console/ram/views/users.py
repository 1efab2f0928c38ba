"""RAM users: the list, creating one, and what can be done to one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.access import requires
from console.htmx import go_to
from console.models import User
from console.ram import services
from console.ram.forms import AttachForm, ConfirmationForm, NewUserForm, PasswordForm, UserForm
from console.ram.services import (
    ATTACH,
    CREATE_USER,
    DELETE_USER,
    DETACH,
    LIST_POLICIES,
    LIST_USERS,
    UPDATE_LOGIN,
    UPDATE_USER,
)
from console.ram.views.access import Act, account_of, on_user, policies_of, refusal
from console.ram.views.shown import SIZES, described, history, page_of, searched
from console.requests import ConsoleRequest

LIST = "console:ram-user-list"
DETAIL = "console:ram-user-detail"


@require_safe
@requires(LIST_USERS)
def listing(request: ConsoleRequest) -> HttpResponse:
    """List the RAM users of the account."""
    text = searched(request)
    found = services.ram_users(request.account).order_by("username").prefetch_related("policies")
    if text:
        found = found.filter(Q(username__icontains=text) | Q(first_name__icontains=text))
    page = page_of(request, found)
    context = {
        "page": page,
        "rows": [(user, _acts(request, user)) for user in page.object_list],
        "search": text,
        "sizes": ",".join(map(str, SIZES)),
        "owner": request.account.users.filter(is_account_owner=True).first(),
        "create": Act(resolve_url("console:ram-user-create"), refusal(request, CREATE_USER)),
        "policies": Act(resolve_url("console:ram-policy-list"), refusal(request, LIST_POLICIES)),
    }
    return render(request, "console/ram/users.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(CREATE_USER)
def create(request: ConsoleRequest) -> HttpResponse:
    """Create a RAM user; a generated password is in this answer and nowhere else."""
    form = NewUserForm(request.POST or None)
    if form.is_valid():
        values = form.cleaned_data
        try:
            user = services.create_user(
                request.account,
                request.user,
                name=values["name"],
                display_name=values["display_name"],
                password=values["password"],
                must_change=values["must_change"],
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _done(request, form, user, _("RAM user %(name)s is created."))
    return render(request, "console/ram/user_create.html", {"form": form})


@require_safe
@on_user(LIST_USERS)
def detail(request: ConsoleRequest, user: User) -> HttpResponse:
    """Show a RAM user: who they are, what is attached to them, and what was changed."""
    attached = list(user.policies.all())
    context = {
        "ram_user": user,
        "acts": _acts(request, user),
        "attached": [(policy, described(policy), _detach(request, user, policy)) for policy in attached],
        **history(request, "User", user.pk),
    }
    return render(request, "console/ram/user.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@on_user(UPDATE_USER)
def edit(request: ConsoleRequest, user: User) -> HttpResponse:
    """Change what a RAM user is called."""
    form = UserForm(
        request.POST if request.method == "POST" else None, initial={"display_name": user.first_name}
    )
    if form.is_valid():
        services.change_user(user, request.user, display_name=form.cleaned_data["display_name"])
        messages.success(request, _("RAM user %(name)s is changed.") % {"name": user.username})
        return go_to(request, DETAIL, user_id=user.pk)
    return render(request, "console/ram/user_edit.html", {"ram_user": user, "form": form})


@require_POST
@on_user(UPDATE_LOGIN)
def login(request: ConsoleRequest, user: User) -> HttpResponse:
    """Let a RAM user log in, or no longer."""
    enabled = request.POST.get("enabled") == "1"
    try:
        services.set_login(user, request.user, enabled=enabled)
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        text = _("%(name)s can log in.") if enabled else _("%(name)s can no longer log in.")
        messages.success(request, text % {"name": user.username})
    return redirect(DETAIL, user_id=user.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@on_user(UPDATE_LOGIN)
def password(request: ConsoleRequest, user: User) -> HttpResponse:
    """Give a RAM user another password; a generated one is in this answer and nowhere else."""
    form = PasswordForm(request.POST or None)
    if form.is_valid():
        try:
            values = form.cleaned_data
            services.reset_password(user, request.user, values["password"], must_change=values["must_change"])
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _done(request, form, user, _("The password of %(name)s is reset."))
    context = {"ram_user": user, "form": form, "refused": services.untouchable(user, request.user)}
    return render(request, "console/ram/user_password.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@on_user(DELETE_USER)
def delete(request: ConsoleRequest, user: User) -> HttpResponse:
    """Show what deleting means, and delete once the name has been typed."""
    form = ConfirmationForm(request.POST or None, name=user.username)
    if form.is_valid():
        try:
            services.delete_user(user, request.user)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("RAM user %(name)s is deleted.") % {"name": user.username})
            return go_to(request, LIST)
    context = {
        "ram_user": user,
        "form": form,
        "attached": user.policies.count(),
        "refused": services.untouchable(user, request.user),
    }
    return render(request, "console/ram/user_delete.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@on_user(ATTACH)
def attach(request: ConsoleRequest, user: User) -> HttpResponse:
    """Attach policies to a RAM user."""
    others = policies_of(request.account).exclude(users=user)
    form = AttachForm(request.POST if request.method == "POST" else None, queryset=others)
    if form.is_valid():
        services.attach(user, request.user, list(form.cleaned_data["policies"]))
        messages.success(request, _("The policies of %(name)s are changed.") % {"name": user.username})
        return go_to(request, DETAIL, user_id=user.pk)
    choices = [
        (policy, described(policy), refusal(request, ATTACH, services.policy_resource(policy)))
        for policy in others
    ]
    chosen = request.POST.getlist("policies")
    context = {"ram_user": user, "form": form, "choices": choices, "chosen": chosen}
    return render(request, "console/ram/user_attach.html", context)


@require_POST
@on_user(DETACH)
def detach(request: ConsoleRequest, user: User, policy_id: int) -> HttpResponse:
    """Detach a policy from a RAM user."""
    policy = policies_of(account_of(request, DETACH)).filter(pk=policy_id, users=user).first()
    if policy is None:
        raise Http404(_("No policy %(id)s is attached to the user.") % {"id": policy_id})
    services.detach(user, request.user, policy)
    messages.success(request, _("The policies of %(name)s are changed.") % {"name": user.username})
    return redirect(DETAIL, user_id=user.pk)


def _done(request: ConsoleRequest, form: PasswordForm, user: User, text: str) -> HttpResponse:
    """Go on to the user; a generated password is shown first, for it cannot be seen again."""
    text = text % {"name": user.username}
    if not form.is_generated:
        messages.success(request, text)
        return go_to(request, DETAIL, user_id=user.pk)
    context = {"ram_user": user, "done": text, "password": form.cleaned_data["password"]}
    response = render(request, "console/ram/user_password_shown.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _acts(request: ConsoleRequest, user: User) -> dict[str, Act]:
    """Return what can be done to a RAM user."""
    resource = services.user_resource(user)
    untouchable = services.untouchable(user, request.user)
    login = refusal(request, UPDATE_LOGIN, resource) or untouchable

    def act(name: str, refused: str) -> Act:
        return Act(resolve_url(f"console:ram-user-{name}", user_id=user.pk), refused)

    return {
        "detail": act("detail", ""),
        "edit": act("edit", refusal(request, UPDATE_USER, resource)),
        "login": act("login", login),
        "password": act("password", login),
        "delete": act("delete", refusal(request, DELETE_USER, resource) or untouchable),
        "attach": act("attach", refusal(request, ATTACH, resource)),
    }


def _detach(request: ConsoleRequest, user: User, policy: Any) -> Act:
    refused = refusal(request, DETACH, services.user_resource(user)) or refusal(
        request, DETACH, services.policy_resource(policy)
    )
    return Act(resolve_url("console:ram-user-detach", user_id=user.pk, policy_id=policy.pk), refused)
