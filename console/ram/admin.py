"""Users and policies in the admin site: the services of the pages write them, whoever's they are."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, SetPasswordMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, Q, QuerySet
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from console.models import Policy, User
from console.ram import administrators
from console.ram import services as ram
from console.ram.forms import EXAMPLE, DocumentField, pretty
from console.ram.views.shown import described
from console.served_admin import ServedAdmin, ServedForm

NEW_PASSWORD = forms.PasswordInput(attrs={"autocomplete": "new-password"})


class AccessAdmin(ServedAdmin):
    """Who may do what. Only administrators change that, whatever else somebody in the administration may do."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Leave adding to administrators."""
        return _administers(request) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave changing to administrators."""
        return _administers(request) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave deleting to administrators."""
        return _administers(request) and super().has_delete_permission(request, obj)

    def changes_of(self, obj: Any) -> tuple[str, str] | None:
        """Return what the audit knows a row by."""
        return type(obj).__name__, str(obj.pk)


def _administers(request: HttpRequest) -> bool:
    user: Any = request.user
    return user.is_active and user.is_superuser


class CustomPolicyForm(ServedForm):
    """A custom policy; its document is read as on the pages of the account."""

    document = DocumentField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        adding = self.instance._state.adding
        if "document" in self.fields:
            self.initial["document"] = pretty(EXAMPLE if adding else self.instance.document)
        if "account" in self.fields:
            self.fields["account"].required = True


@admin.register(Policy)
class PolicyAdmin(AccessAdmin):
    """Policies: those of accounts are changed by the service of the pages, those of the system by nobody."""

    form = CustomPolicyForm
    list_display = ("name", "kind", "account", "told", "holder_count")
    list_filter = ("kind", ("account", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("account",)
    search_fields = ("name", "description", "account__id", "account__name")
    raw_id_fields = ("account",)

    def get_fields(self, request: HttpRequest, obj: Policy | None = None) -> list[Any]:
        """Return what is entered of a new one, or all there is."""
        if obj is None:
            return ["account", "name", "description", "document"]
        can_change = self.has_change_permission(request, obj)
        shown = ["description", "document"] if can_change else ["told", "as_text"]
        return ["name", "kind", "account", *shown]

    def get_readonly_fields(self, request: HttpRequest, obj: Policy | None = None) -> list[str]:
        """Fix what the policy is called and whose it is."""
        return ["name", "kind", "account", "told", "as_text"] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        """Only show system policies."""
        return not _is_of_the_system(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        """Keep system policies."""
        return not _is_of_the_system(obj) and super().has_delete_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        """Count the users with the policies."""
        return super().get_queryset(request).annotate(holders=Count("users"))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, ...]:
        """Keep what somebody has."""
        rows, counts, needed, _protected = super().get_deleted_objects(objs, request)
        held = [f"{policy}: {ram.still_attached(policy.holders)}" for policy in objs if policy.holders]
        return rows, counts, needed, held

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        """Have the service create or change it."""
        values = form.cleaned_data
        said = {"description": values["description"], "document": values["document"]}
        if change:
            ram.change_policy(Policy.objects.get(pk=obj.pk), None, **said)
            return
        obj.pk = ram.create_policy(values["account"], None, name=values["name"], **said).pk

    def delete_model(self, request: HttpRequest, obj: Policy) -> None:
        """Have the service delete it."""
        ram.delete_policy(obj, None)

    @admin.display(description=_("users"), ordering="holders")
    def holder_count(self, policy: Any) -> int:
        """Return how many users have the policy."""
        return policy.holders

    @admin.display(description=_("description"), ordering="description")
    def told(self, policy: Policy) -> str:
        """Return the description, of system policies in the language of the page."""
        return described(policy)

    @admin.display(description=_("document"))
    def as_text(self, policy: Policy) -> str:
        """Return the document as people read it."""
        return format_html("<pre>{}</pre>", pretty(policy.document))


def _is_of_the_system(policy: Policy | None) -> bool:
    return policy is not None and policy.account_id is None


class UserForm(ServedForm):
    """A user, who gets system policies and those of their own account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "policies" in self.fields:
            offered = Policy.objects.filter(Q(account=None) | Q(account=self.instance.account_id))
            field: Any = self.fields["policies"]
            field.queryset = offered
            field.widget.can_add_related = False


class NewUserForm(ServedForm):
    """A new user, with the password that they log in with first."""

    fields_of = {"name": "username", "password": "password1"}
    password1 = forms.CharField(label=_("Password"), strip=False, max_length=128, widget=NEW_PASSWORD)
    password2 = forms.CharField(
        label=_("Password confirmation"),
        strip=False,
        max_length=128,
        widget=NEW_PASSWORD,
        help_text=_("At the first login they choose one of their own."),
    )

    def clean_password2(self) -> str:
        """Compare what was typed twice."""
        first, second = self.cleaned_data.get("password1"), self.cleaned_data["password2"]
        if first is not None and first != second:
            raise ValidationError(SetPasswordMixin.error_messages["password_mismatch"])
        return second


class SetPasswordForm(AdminPasswordChangeForm):
    """Another password for somebody, who then chooses one of their own."""

    usable_password = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password2"].help_text = _("At the next login they choose one of their own.")

    def save(self, commit: bool = True) -> Any:
        """Have the service set it."""
        ram.reset_password(self.user, None, self.cleaned_data["password1"], must_change=True)
        return self.user


@admin.register(User)
class ConsoleUserAdmin(AccessAdmin, UserAdmin):
    """Users: owners of accounts, RAM users with their policies, and administrators. Services write them."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = SetPasswordForm
    help_texts = {
        "username": _("To log in with."),
        "is_active": _("Whether they can log in."),
        "is_superuser": _("May do everything in the administration, for every account."),
    }
    list_display = (
        *("username", "first_name", "account", "is_account_owner", "is_superuser", "is_active"),
        "last_login",
    )
    list_filter = ("is_account_owner", "is_superuser", "is_active", "must_change_password")
    list_select_related = ("account",)
    search_fields = ("username", "first_name", "account__id", "account__name")
    raw_id_fields = ("account",)
    date_hierarchy = "date_joined"
    # Checkboxes, because the two-list widget of the admin is not accessible.
    filter_horizontal = ()
    formfield_overrides: ClassVar = {models.ManyToManyField: {"widget": CheckboxSelectMultiple}}
    fieldsets = (
        (None, {"fields": ("username", "first_name", "account", "is_account_owner")}),
        (_("Policies"), {"fields": ("policies",)}),
        (_("Login"), {"fields": ("is_active", "is_superuser", "must_change_password")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "first_name", "account", "is_account_owner", "is_superuser")}),
        (_("Login"), {"fields": ("password1", "password2")}),
    )
    always_shown = (
        "username",
        "account",
        "is_account_owner",
        "must_change_password",
        "last_login",
        "date_joined",
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Use the words of the pages."""
        return super().get_form(request, obj, change, help_texts=self.help_texts, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Leave out the policies of whoever is no RAM user: they would say nothing."""
        shown = super().get_fieldsets(request, obj)
        is_ram_user = obj is not None and obj.account_id and not obj.is_account_owner
        return shown if is_ram_user else [each for each in shown if "policies" not in each[1]["fields"]]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Fix who somebody is; nobody locks themself out or in."""
        if obj is None:
            return []
        return [*self.always_shown, *(["is_active", "is_superuser"] if obj == request.user else [])]

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Keep owners of accounts, and oneself."""
        stays = obj is not None and (obj.is_account_owner or obj == request.user)
        return not stays and super().has_delete_permission(request, obj)

    def links_of(self, obj: User) -> list[tuple[Any, str]]:
        """Link to setting a password, too."""
        return [
            (_("Set a password"), reverse("admin:auth_user_password_change", args=[obj.pk])),
            *super().links_of(obj),
        ]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Have the services create the user, or change what was changed."""
        values = form.cleaned_data
        if not change:
            obj.pk = administrators.create(
                values["account"],
                name=values["username"],
                display_name=values["first_name"],
                password=values["password1"],
                is_owner=values["is_account_owner"],
                is_administrator=values["is_superuser"],
            ).pk
            return
        user = User.objects.get(pk=obj.pk)
        ram.change_user(user, None, display_name=values["first_name"])
        if "is_active" in form.changed_data:
            ram.set_login(user, None, enabled=values["is_active"])
        if "is_superuser" in form.changed_data:
            administrators.set_administrator(user, is_administrator=values["is_superuser"])
        if "policies" in values:
            administrators.set_policies(user, list(values["policies"]))

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Have the service delete the user."""
        ram.delete_user(obj, None)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Set the password of somebody else; one's own needs the old one, which the console's page asks for."""
        if id == str(request.user.pk):
            return redirect("console:password")
        return super().user_change_password(request, id, form_url)
