"""Who may see and do what: every address of the console for every kind of visitor, generated from the resolver.

A new address is in here by itself. One that names something new fails until ``VALUES`` in tests/places.py says
what stands there; one that needs no permission fails until it is listed below.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.models import Account, Policy, Region, User
from console.reference import LOG_READ_ONLY, RAM_READ_ONLY, VPC_READ_ONLY
from tests.places import ELSEWHERE, HERE, SECRET, SENT, Place, Scene, ask, make_scene, places

PUBLIC = {
    "console:login": "the login page",
    "console:logout": "nobody is logged in, so nothing happens",
    "console:theme": "a cookie of the visitor's own",
    "console:keys": "a cookie of the visitor's own",
    "console:language": "a cookie of the visitor's own",
    "console:healthz": "asked by the operator's tools",
    "console:readyz": "asked by the operator's tools",
    "console:metrics": "asked by the operator's tools",
}
"""Addresses for visitors without a session, and why."""

PERSONAL = {
    "console:home": "sends the user on",
    "console:password": "the user's own password",
    "console:find": "finds what the user may see",
    "console:shortcuts": "tells what the keys do",
    "console:authorize": "sends the user on",
    "console:authorize-step": "shows who must pass the gates; passing them is the owner's",
    "console:authorize-revoke": "shows who may revoke; revoking is the owner's",
}
"""Addresses for every user of an account without any permission, and why."""

METHODS = pytest.mark.parametrize("method", ["GET", "POST"])
READING = re.compile(r"[a-z]+:(Describe|Get|List|Query)\w*")
WRITING = re.compile(r"INSERT INTO|UPDATE |DELETE FROM|REPLACE INTO")
ACTION = re.compile(r"action ([a-z]+:[A-Za-z]+)")


@pytest.fixture
def scene(account: Account, owner: User, region: Region, home: Any) -> Scene:
    """One of everything of the account."""
    return make_scene(account, owner, region)


@pytest.fixture
def auditor(reader: User) -> User:
    """A RAM user with the read-only policies of everything."""
    names = [VPC_READ_ONLY, LOG_READ_ONLY, RAM_READ_ONLY]
    reader.policies.set(Policy.objects.filter(account=None, name__in=names))
    return reader


@pytest.fixture
def nobody(account: Account) -> User:
    """A RAM user without any policy."""
    return User.objects.create_user("carol", account=account)


def guarded() -> list[Place]:
    """Return the addresses that take a permission."""
    return [place for place in places() if place.name not in PUBLIC | PERSONAL]


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def written(ask_it: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Return an answer, and the statements that wrote into the database for it."""
    with CaptureQueriesContext(connection) as queries:
        response = ask_it()
    return response, [query["sql"][:80] for query in queries if WRITING.match(query["sql"])]


def undone(ask_it: Callable[[], Any]) -> Any:
    """Return an answer and undo what came of it, so that the next address finds everything as it was."""
    with transaction.atomic():
        response = ask_it()
        transaction.set_rollback(True)
    return response


def answers(
    user: User, scene: Scene, method: str, chosen: list[Place], region: str = HERE, **headers: str
) -> Iterator[tuple[Place, Any, list[str]]]:
    """Ask for each address as a user; yield it with the answer and what was written."""
    client = logged_in(user)
    for place in chosen:
        url = scene.url(place, region)
        yield (
            place,
            *written(
                lambda place=place, url=url: undone(lambda: ask(client, method, scene, place, url, **headers))
            ),
        )  # type: ignore[misc]


def tells(response: Any) -> str:
    """Return the action that a refusal names."""
    found = ACTION.search(response.content.decode())
    return found[1] if found else ""


_accepted: dict[str, set[str]] = {}


def accepted(scene: Scene, method: str) -> set[str]:
    """Return the names of the addresses that take a method at all; it is the same in every test.

    A visitor without a session is told the least, and that of every address before anything is done.
    """
    if method not in _accepted:
        found = ((place, ask(Client(), method, scene, place)) for place in guarded())
        _accepted[method] = {place.name for place, response in found if response.status_code != 405}
    return _accepted[method]


def test_every_exception_is_an_address() -> None:
    assert (PUBLIC | PERSONAL).keys() <= {place.name for place in places()}
    assert len(guarded()) > 60


@METHODS
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_without_a_session_there_is_the_login_page(
    scene: Scene, owner: User, method: str, headers: dict[str, str]
) -> None:
    takes = accepted(scene, method)
    client, wrong = Client(), []
    for place in places():
        if place.name in PUBLIC:
            continue
        url = scene.url(place)
        response, writes = written(
            lambda place=place, url=url: ask(client, method, scene, place, url, **headers)
        )  # type: ignore[misc]
        is_sent = response.status_code == 302 and response["Location"].startswith("/login/?next=")
        is_reloaded = response.status_code == 401 and bool(headers) and "HX-Refresh" in response
        is_untaken = response.status_code == 405 and (place.name in PERSONAL or place.name not in takes)
        if writes or not (is_sent or is_reloaded or is_untaken):
            wrong.append((place.name, response.status_code, writes))
    assert wrong == []


@METHODS
def test_the_owner_of_another_account_finds_nothing_of_this_one(
    scene: Scene, owner: User, stranger: User, method: str
) -> None:
    takes = accepted(scene, method)
    wrong = []
    for place, response, writes in answers(stranger, scene, method, guarded()):
        leaks = SECRET in response.content.decode()
        if place.names_something:
            is_ok = response.status_code == (404 if place.name in takes else 405) and not writes
        else:
            is_ok = response.status_code not in (403, 500)
        if leaks or not is_ok:
            wrong.append((place.name, response.status_code, leaks, writes))
    assert wrong == []


@METHODS
def test_in_another_region_there_is_nothing_of_this_one(scene: Scene, owner: User, method: str) -> None:
    takes = accepted(scene, method)
    regional = [place for place in guarded() if place.is_regional]
    wrong = []
    for place, response, writes in answers(owner, scene, method, regional, ELSEWHERE):
        leaks = SECRET in response.content.decode()
        if place.names_something:
            is_ok = response.status_code == (404 if place.name in takes else 405) and not writes
        else:
            is_ok = response.status_code not in (403, 500)
        if leaks or not is_ok:
            wrong.append((place.name, response.status_code, leaks, writes))
    assert wrong == []


@METHODS
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_without_any_policy_each_refusal_names_the_action(
    scene: Scene, owner: User, nobody: User, method: str, headers: dict[str, str]
) -> None:
    takes = accepted(scene, method)
    wrong = []
    for place, response, writes in answers(nobody, scene, method, guarded(), **headers):
        leaks = SECRET in response.content.decode()
        refused = response.status_code == 403 and tells(response)
        is_ok = refused or (response.status_code == 405 and place.name not in takes)
        if leaks or writes or not is_ok:
            wrong.append((place.name, response.status_code, leaks, writes))
    assert wrong == []


@METHODS
def test_who_may_only_read_reads_and_changes_nothing(
    scene: Scene, owner: User, nobody: User, auditor: User, method: str
) -> None:
    takes = accepted(scene, method)
    needs = {place.name: tells(response) for place, response, _ in answers(nobody, scene, method, guarded())}
    wrong = []
    for place, response, writes in answers(auditor, scene, method, guarded()):
        reads = READING.fullmatch(needs[place.name])
        if place.name not in takes:
            is_ok = response.status_code == 405
        elif reads:
            is_ok = response.status_code in (200, 302)
        else:
            is_ok = response.status_code == 403 and tells(response) == needs[place.name]
        if writes or not is_ok:
            wrong.append((place.name, needs[place.name], response.status_code, writes))
    assert wrong == []


@METHODS
def test_who_belongs_to_no_account_gets_nothing_and_no_error(scene: Scene, owner: User, method: str) -> None:
    takes = accepted(scene, method)
    administrator = User.objects.create_superuser("root", password=None)
    wrong = []
    for place, response, writes in answers(administrator, scene, method, guarded()):
        leaks = SECRET in response.content.decode()
        is_empty = response.status_code == 302 and place.name in SENT
        is_ok = (
            is_empty
            or response.status_code in (403, 404)
            or (response.status_code == 405 and place.name not in takes)
        )
        if leaks or writes or not is_ok:
            wrong.append((place.name, response.status_code, leaks, writes))
    assert wrong == []


@METHODS
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_the_owner_is_refused_nothing(
    scene: Scene, owner: User, method: str, headers: dict[str, str]
) -> None:
    wrong = []
    for place, response, writes in answers(owner, scene, method, guarded(), **headers):
        fine = {200, 204, 302, 405, 422} | ({400} if method == "POST" else set())
        if response.status_code not in fine or (method == "GET" and writes):
            wrong.append((place.name, response.status_code, writes))
    assert wrong == []


def test_reading_changes_nothing_on_any_page(scene: Scene, owner: User) -> None:
    client, wrong = logged_in(owner), []
    for place in places():
        _response, writes = written(lambda place=place: ask(client, "GET", scene, place))  # type: ignore[misc]
        if writes:
            wrong.append((place.name, writes))
    assert wrong == []


def test_everybody_sees_the_pages_that_are_personal(scene: Scene, nobody: User) -> None:
    client = logged_in(nobody)
    found = {place.name: ask(client, "GET", scene, place) for place in places() if place.name in PERSONAL}
    assert {
        name: response.status_code
        for name, response in found.items()
        if response.status_code not in (200, 302)
    } == {}
    assert [name for name, response in found.items() if SECRET in response.content.decode()] == []


def test_a_ram_user_passes_no_gate_and_revokes_nothing(scene: Scene, auditor: User) -> None:
    client, wrong = logged_in(auditor), []
    for place in places():
        if place.name.startswith("console:authorize"):
            _response, writes = written(lambda place=place: ask(client, "POST", scene, place))  # type: ignore[misc]
            wrong += [(place.name, sql) for sql in writes]
    assert wrong == []
