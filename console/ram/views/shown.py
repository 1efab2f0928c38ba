"""What the pages of users and policies show alike: lists in pages, and what was changed, in words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console import changes
from console.models import Change, Policy
from console.ram import services
from console.wording import CREATED

SIZES = (10, 20, 50)
LONGEST_SEARCH = 200
ENTRIES = 20
LONGEST_VALUE = 200
ACTIONS = {
    services.CREATE_USER: CREATED,
    services.UPDATE_USER: _("Edited"),
    services.UPDATE_LOGIN: _("Login changed"),
    services.DELETE_USER: _("Deleted"),
    services.CHANGE_OWN: _("Password changed"),
    services.ATTACH: _("Policy attached"),
    services.DETACH: _("Policy detached"),
    services.CREATE_POLICY: CREATED,
    services.EDIT_POLICY: _("Edited"),
    services.DELETE_POLICY: _("Deleted"),
}
FIELDS = {
    "name": _("Name"),
    "display_name": _("Display name"),
    "login": _("Login"),
    "password": _("Password"),
    "must_change_password": _("New password at the next login"),
    "owner": _("Account owner"),
    "administrator": _("Administrator"),
    "policies": _("Policies"),
    "description": _("Description"),
    "document": _("Document"),
}


@dataclass(frozen=True)
class ShownValue:
    """A field that was changed, with its value before and after in words."""

    label: Any
    before: str
    after: str


@dataclass(frozen=True)
class ShownChange:
    """A change with its action and values in words."""

    change: Change
    action: Any
    values: list[ShownValue]


def searched(request: HttpRequest) -> str:
    """Return what the address searches for."""
    return request.GET.get("search", "").replace("\x00", "").strip()[:LONGEST_SEARCH]


def page_of(request: HttpRequest, found: QuerySet[Any]) -> Page[Any]:
    """Return the page of a list that the address asks for."""
    asked = request.GET.get("page_size", "")
    size = int(asked) if asked in map(str, SIZES) else SIZES[1]
    return Paginator(found, size).get_page(request.GET.get("page"))


def history(request: Any, resource_type: str, resource_id: int) -> dict[str, Any]:
    """Return the page of the change history that the address asks for."""
    mine = changes.history(str(resource_id)).filter(account=request.account, resource_type=resource_type)
    page = Paginator(mine, ENTRIES).get_page(request.GET.get("page"))
    return {"history_page": page, "history": [_change(each) for each in page.object_list]}


def described(policy: Policy) -> str:
    """Return the description of a policy; those of the system are in the language of the page."""
    is_translated = policy.account_id is None and policy.description
    return gettext(policy.description) if is_translated else policy.description


def _change(change: Change) -> ShownChange:
    values = [
        ShownValue(FIELDS.get(field, field), _text(field, before), _text(field, after))
        for field, (before, after) in change.values.items()
    ]
    return ShownChange(change, ACTIONS.get(change.action, change.action), values)


def _text(field: str, value: Any) -> str:
    if value is None or value == "" or value == []:
        return ""
    if field == "login":
        return gettext("Enabled") if value else gettext("Disabled")
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return Truncator(text).chars(LONGEST_VALUE)
