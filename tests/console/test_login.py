"""Login, its lockout, logout, password and theme."""

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from console.models import User

LOGIN = "/login/"
RIGHT = {"username": "alice", "password": "correct horse"}
WRONG = {"username": "alice", "password": "wrong"}


def attempt(client: Client, data: dict[str, str], address: str = "192.0.2.1") -> HttpResponse:
    return client.post(LOGIN, data, REMOTE_ADDR=address)  # type: ignore[return-value]


def test_login_leads_to_the_asked_page(client: Client, owner: User) -> None:
    response = client.post(LOGIN + "?next=/password/", {**RIGHT, "next": "/password/"})
    assert (response.status_code, response["Location"]) == (302, "/password/")


def test_login_leads_nowhere_else(client: Client, owner: User) -> None:
    response = client.post(LOGIN, {**RIGHT, "next": "https://example.com/"})
    assert response["Location"] == reverse("console:home")


def test_wrong_password_says_so_beside_the_form(client: Client, owner: User) -> None:
    response = attempt(client, WRONG)
    assert response.status_code == 200
    assert "correct user name and password" in response.content.decode()


def test_unknown_user_reads_the_same(client: Client, owner: User) -> None:
    known = attempt(client, WRONG).content.decode()
    unknown = attempt(client, {"username": "nobody", "password": "wrong"}).content.decode()
    error = "correct user name and password"
    assert known.count(error) == unknown.count(error) == 1


def test_five_failures_lock_out_the_right_password_too(client: Client, owner: User) -> None:
    answers = [attempt(client, WRONG).status_code for _ in range(5)]
    response = attempt(client, RIGHT)
    assert answers == [200, 200, 200, 200, 429]
    assert response.status_code == 429
    assert response["Retry-After"] == "300"


def test_another_address_and_another_user_are_not_locked_out(
    client: Client, owner: User, reader: User
) -> None:
    for _ in range(5):
        attempt(client, WRONG)
    assert attempt(client, RIGHT, address="192.0.2.2").status_code == 302
    client.logout()
    assert attempt(client, {**RIGHT, "username": "bob"}).status_code == 302


def test_fifty_failures_of_an_address_lock_out_every_name(client: Client, owner: User) -> None:
    AccessAttempt.objects.create(
        username="many", ip_address="192.0.2.1", failures_since_start=settings.FAILURES_PER_ADDRESS
    )
    assert attempt(client, RIGHT).status_code == 429
    assert attempt(client, RIGHT, address="192.0.2.2").status_code == 302


def test_success_forgets_the_failures(client: Client, owner: User) -> None:
    for _ in range(4):
        attempt(client, WRONG)
    attempt(client, RIGHT)
    client.logout()
    assert attempt(client, WRONG).status_code == 200


def test_logout_is_by_post_only(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").status_code == 302
    assert client.get("/password/").status_code == 302


def test_password_changes(client: Client, owner: User) -> None:
    client.force_login(owner)
    new = "battery staple 9"
    data = {"old_password": "correct horse", "new_password1": new, "new_password2": new}
    assert client.post("/password/", data).status_code == 302
    owner.refresh_from_db()
    assert owner.check_password(new)


def test_weak_password_is_refused(client: Client, owner: User) -> None:
    client.force_login(owner)
    data = {"old_password": "correct horse", "new_password1": "short", "new_password2": "short"}
    assert "too short" in client.post("/password/", data).content.decode()


@pytest.mark.parametrize(
    ("back", "location"),
    [("/password/", "/password/"), ("https://example.com/", "/"), ("//example.com", "/"), ("", "/")],
)
def test_theme_is_kept_and_leads_back_to_our_own_pages(
    client: Client, db: None, back: str, location: str
) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": back})
    assert response["Location"] == location
    assert response.cookies["flowlog_theme"].value == "dark"
    assert 'data-theme="dark"' in client.get(LOGIN).content.decode()


def test_unknown_theme_is_not_kept(client: Client, db: None) -> None:
    response = client.post("/theme/", {"theme": '"><script>'})
    assert "flowlog_theme" not in response.cookies
    client.cookies["flowlog_theme"] = "neon"
    assert 'data-theme="system"' in client.get(LOGIN).content.decode()


@pytest.mark.parametrize("path", ["/login/", "/logout/", "/password/", "/theme/", "/authorize/activate/"])
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_post_without_token_is_refused(owner: User, path: str, headers: dict[str, str]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)
    response = strict.post(path, headers=headers)
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()
