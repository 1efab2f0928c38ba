"""A password of one's own: who must choose one sees no other page, and guessing the old one is as slow as at login."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from console.middleware import OwnPasswordFirst
from console.models import Change, User
from console.ram import services
from tests.console.test_login import LOGIN

PASSWORD, NEW = "correct horse", "battery staple 9"
PAGE = "/password/"


@pytest.fixture
def due(client: Client, reader: User, owner: User) -> Client:
    """The browser of somebody whose password was set by somebody else."""
    services.reset_password(reader, owner, PASSWORD, must_change=True)
    Change.objects.all().delete()
    client.force_login(User.objects.get(pk=reader.pk))
    return client


def sent(browser: Client, old: str = PASSWORD, new: str = NEW, **more: Any) -> Any:
    return browser.post(PAGE, {"old_password": old, "new_password1": new, "new_password2": new, **more})


@pytest.mark.parametrize("path", ["/", "/cn-hangzhou/flow-logs/?page=2", "/admin/", "/find/?q=1"])
def test_every_page_leads_to_the_password_first_and_back(due: Client, path: str) -> None:
    answer = due.get(path)
    assert (answer.status_code, answer["Location"].startswith(f"{PAGE}?next=%2F")) == (302, True)
    assert "Choose a password of your own" in due.get(answer["Location"]).content.decode()
    assert due.post(answer["Location"].partition("?")[0], {}).status_code == 200


def test_the_page_that_was_asked_for_comes_next_and_no_other_place(due: Client) -> None:
    assert sent(due, next="/cn-hangzhou/flow-logs/")["Location"] == "/cn-hangzhou/flow-logs/"
    assert due.get("/cn-hangzhou/flow-logs/").status_code == 200
    assert sent(due, NEW, "another staple 9", next="https://example.com/")["Location"] == "/"


def test_a_form_and_a_fragment_are_not_answered(due: Client) -> None:
    assert due.post("/ram/users/create/", {"name": "carol"})["Location"] == PAGE
    fragment = due.get("/cn-hangzhou/flow-logs/", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment["HX-Redirect"], fragment.content) == (200, PAGE, b"")


@pytest.mark.parametrize("name", sorted(OwnPasswordFirst.OPEN))
def test_what_stays_open_is_there(name: str) -> None:
    assert reverse(name)


def test_the_language_can_be_chosen_and_one_can_log_out(due: Client) -> None:
    assert due.post("/language/", {"language": "zh-hans", "next": PAGE})["Location"] == PAGE
    assert due.post("/logout/")["Location"] == LOGIN


def test_who_need_not_is_not_sent_there(client: Client, reader: User) -> None:
    client.force_login(reader)
    assert client.get("/cn-hangzhou/flow-logs/").status_code == 200
    assert "Choose a password of your own" not in client.get(PAGE).content.decode()


def test_a_change_is_noted_without_the_password(due: Client, reader: User) -> None:
    assert sent(due).status_code == 302
    reader.refresh_from_db()
    assert reader.check_password(NEW)
    change = Change.objects.get()
    assert (change.action, change.user_name, change.account) == ("ram:ChangePassword", "bob", reader.account)
    assert change.values == {"password": ["******", "******"], "must_change_password": [True, None]}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("wrong horse", NEW, "Your old password was entered incorrectly"),
        (PASSWORD, PASSWORD, "The new password is the old one."),
        (PASSWORD, "short", "This password is too short."),
        (PASSWORD, "1234567890123", "This password is entirely numeric."),
    ],
    ids=["wrong", "the same", "short", "numeric"],
)
def test_what_is_no_good_password_is_told_and_still_due(
    due: Client, reader: User, old: str, new: str, error: str
) -> None:
    answer = sent(due, old, new)
    assert answer.status_code == 200
    assert error in answer.content.decode()
    reader.refresh_from_db()
    assert reader.must_change_password
    assert not Change.objects.exists()


def test_whoever_guesses_the_old_password_waits_as_at_the_login(due: Client, reader: User) -> None:
    answers = [sent(due, "wrong horse").status_code for _guess in range(settings.AXES_FAILURE_LIMIT)]
    assert answers[-1] == 429
    assert sent(due).status_code == 429
    assert Client().post(LOGIN, {"username": "bob", "password": PASSWORD}).status_code == 429
    reader.refresh_from_db()
    assert reader.must_change_password


def test_a_right_password_forgets_the_wrong_ones(due: Client) -> None:
    for _round in range(2):
        for _guess in range(settings.AXES_FAILURE_LIMIT - 1):
            assert sent(due, "wrong horse", "another staple 9").status_code == 200
        assert (
            sent(due, PASSWORD if _round == 0 else NEW, NEW if _round == 0 else PASSWORD).status_code == 302
        )


@pytest.mark.parametrize("page", ["/ram/users/create/", "/ram/users/{}/password/"])
def test_whoever_sets_a_password_may_ask_for_another(
    client: Client, owner: User, reader: User, page: str
) -> None:
    client.force_login(owner)
    url = page.format(reader.pk)
    assert 'name="must_change"' in client.get(url).content.decode()
    assert client.get(url).context["form"]["must_change"].value() is True
    given = {"name": "carol", "password_mode": "type", "password": NEW}
    for asked in ({"must_change": "on"}, {}):
        client.post(url, {**given, **asked})
        user = User.objects.get(username="carol" if "create" in page else "bob")
        assert user.must_change_password is bool(asked)
        if "create" in page:
            user.delete()
