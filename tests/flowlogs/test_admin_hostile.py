"""Addresses of the admin site that nobody would type: none of them is a fault of the console."""

from typing import Any

import pytest
from axes.models import AccessLog
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from console.models import Change, Policy, User
from flowlogs.models import Delivery, FlowLog, Vpc
from tests.flowlogs.test_admin import one_of_each

__all__ = ["one_of_each"]

ADMINS = sorted(admin.site._registry, key=lambda model: model._meta.label)
MOMENTS = {
    AccessLog: "logout_time",
    Change: "at",
    FlowLog: "created_at",
    User: "date_joined",
    Vpc: "created_at",
}
"""One of every kind of list that asks for dates, and one of Django's own."""
HUGE = "9" * 30
ASKED = (
    *(f"p={value}" for value in ("-1", HUGE, "x", "%00")),
    *(f"o={value}" for value in ("-1.2.-99", HUGE, "x")),
    *(f"q={value}" for value in ("%00", "%FF", "a" * 3000, "a " * 300, "'\"")),
    *(
        "pk=x",
        f"id={HUGE}",
        "id__in=x,%00",
        "id__exact=%00",
        "id__isnull=x",
        "id__regex=(a%2B)%2B$",
        "nothing=1",
    ),
    *("user__password=x", "account__users__password__startswith=a", "_to_field=x", "e=2&p=x", "kept=%00"),
)


def address(model: type[Model], page: str, *keys: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=keys)


@pytest.fixture
def browser(admin_client: Client, one_of_each: FlowLog) -> Client:
    """A browser of an administrator, to which a fault is an answer."""
    admin_client.raise_request_exception = False
    return admin_client


@pytest.mark.parametrize("model", MOMENTS, ids=lambda model: model.__name__)
@pytest.mark.parametrize(
    "asked",
    [
        *("year=99999", "year=0", "year=-1", f"year={HUGE}", "year=x", "year=%00", "month=13"),
        *(
            "year=2026&{}__month=13",
            "year=2026&{}__month=2&{}__day=31",
            "gte=x",
            "gte=99999-01-01",
            "isnull=2",
        ),
        "year=0&e=1",
    ],
)
def test_a_date_that_no_calendar_has_is_a_bad_question(
    browser: Client, model: type[Model], asked: str
) -> None:
    name = MOMENTS[model]
    page = address(model, "changelist")
    answer = browser.get(f"{page}?{name}__{asked.replace('{}', name)}")
    assert answer.status_code in (200, 302, 400)
    if answer.status_code == 302:
        assert answer["Location"] == f"{page}?e=1"
        assert browser.get(answer["Location"]).status_code == 200


@pytest.mark.parametrize(
    "model", [AccessLog, Change, FlowLog, Policy, User], ids=lambda model: model.__name__
)
def test_no_question_to_a_list_is_a_fault(browser: Client, model: type[Model]) -> None:
    page = address(model, "changelist")
    answers = {asked: browser.get(f"{page}?{asked}").status_code for asked in ASKED}
    assert {asked: status for asked, status in answers.items() if status not in (200, 302, 400)} == {}
    assert answers["id__regex=(a%2B)%2B$"] != 200


@pytest.mark.parametrize("model", ADMINS, ids=lambda model: model._meta.label)
def test_no_row_that_is_not_there_is_a_fault(browser: Client, model: type[Model]) -> None:
    answers = {}
    for key in ("x", HUGE, "%00"):
        url = address(model, "change", "KEY").replace("KEY", key)
        answers[url] = browser.get(url).status_code
    chosen = {"action": "delete_selected", "_selected_action": ["x", HUGE, "\x00"], "post": "yes"}
    answers["action"] = browser.post(address(model, "changelist"), chosen).status_code
    assert {url: status for url, status in answers.items() if status not in (200, 302, 400, 404)} == {}


@pytest.mark.parametrize("model", [FlowLog, Policy, User, Vpc], ids=lambda model: model.__name__)
@pytest.mark.parametrize("value", ["\x00", "x" * 5000, HUGE, "[[[["])
def test_no_entry_is_a_fault(browser: Client, model: type[Model], value: str) -> None:
    row = model._default_manager.first()
    assert row is not None
    names = [field.name for field in model._meta.get_fields()]
    entered: dict[str, Any] = dict.fromkeys([*names, "password1", "password2", "cidr_blocks"], value)
    pages = [address(model, "change", str(row.pk)), *([] if model is FlowLog else [address(model, "add")])]
    assert {browser.post(page, entered).status_code for page in pages} <= {200, 302, 400, 403}


@pytest.mark.parametrize("asked", ["o=2", "o=-5", "o=3.4"])
def test_a_large_list_is_sorted_by_no_column_that_would_sort_all_of_it(browser: Client, asked: str) -> None:
    shown = browser.get(f"{address(Delivery, 'changelist')}?{asked}").context["cl"]
    assert set(shown.queryset.query.order_by) == {"-pk"}
