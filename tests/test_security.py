"""What a hostile visitor tries, on every address of the console; generated where an address is enough to know."""

import csv
import io
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, models, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from console.models import Account, Region, User
from flowlogs.models import FlowLog
from flowlogs.networks import drafts
from flowlogs.networks.kind import KINDS
from flowlogs.views import network_import
from tests.places import HERE, SENT, Place, Scene, ask, make_scene, places

ROOT = Path(__file__).resolve().parent.parent
ATTACK = "<img src=x onerror=alert(1)>\"'"
FORMULA = "=cmd|' /C calc'!A0"
CONSTRAINED = {
    "flowlogs.FlowLog.resource_id": "an identifier of the inventory",
    "flowlogs.FlowLog.project_name": "a checked name, part of an address",
    "flowlogs.FlowLog.logstore_name": "a checked name, part of an address",
    "flowlogs.Project.name": "a checked name, part of an address",
    "flowlogs.Logstore.name": "a checked name, part of an address",
    "flowlogs.VSwitch.cidr_block": "parsed as a CIDR block",
    "flowlogs.VSwitch.ipv6_cidr_block": "parsed as a CIDR block",
    "flowlogs.VpcCidrBlock.cidr": "parsed as a CIDR block",
    "flowlogs.RouteEntry.destination": "parsed as a CIDR block",
    "flowlogs.NetworkAclRule.cidr": "parsed as a CIDR block",
    "flowlogs.SecurityGroupRule.cidr": "parsed as a CIDR block",
    "flowlogs.Part.path": "a file of ours",
    "flowlogs.SampleFile.path": "a file of ours",
    "console.User.password": "a hash",
    "console.Role.name": "the name of a role of ours",
}
"""Text fields in which no such text can stand, and why."""

EXTRA = {
    "flowlogs.FlowLog.tags": lambda text: {text: text},
    "console.Change.values": lambda text: {
        text: [text, text],
        "name": [text, text],
        "tags": [{text: text}, text],
    },
    "console.Policy.document": lambda text: {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": [text], "Resource": text}],
    },
}
"""Fields with texts inside."""


@pytest.fixture
def scene(account: Account, owner: User, region: Region, home: Any) -> Scene:
    """One of everything of the account."""
    return make_scene(account, owner, region)


@pytest.fixture
def browser_of(owner: User) -> Client:
    """The browser of the owner."""
    client = Client()
    client.force_login(owner)
    return client


def poison(text: str) -> set[str]:
    """Put a text into every text field of everything there is; return the fields that took it."""
    taken = set()
    for model in (
        *apps.get_app_config("console").get_models(),
        *apps.get_app_config("flowlogs").get_models(),
    ):
        for field in model._meta.concrete_fields:
            name = f"{model._meta.label}.{field.name}"
            if name in EXTRA:
                _put(model, field, EXTRA[name](text))
            elif type(field) in (models.CharField, models.TextField) and _is_free(field, name):
                if not _put(model, field, text[: field.max_length]):
                    pytest.fail(f"{name} does not take a text: put it into CONSTRAINED and say why.")
            else:
                continue
            taken.add(name)
    return taken


def _is_free(field: Any, name: str) -> bool:
    return not (field.primary_key or field.choices or name in CONSTRAINED)


def _put(model: Any, field: Any, value: Any) -> bool:
    rows = getattr(model, "everything", model._default_manager)
    try:
        with transaction.atomic():
            for row in rows.all():
                # Unique fields take the text with something of the row's own after it.
                own = f"{value}{row.pk}"[: field.max_length] if isinstance(value, str) else value
                model._base_manager.filter(pk=row.pk).update(**{field.name: own})
    except IntegrityError:
        return False
    return True


class Suspect(HTMLParser):
    """Reads a page as a browser does, and notes what the attack would have added."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note pictures of ours and handlers of events."""
        for name, value in attrs:
            if (
                name.startswith("on")
                or (name == "src" and value == "x")
                or (value or "").lower().startswith("javascript:")
            ):
                self.found.append(f"<{tag} {name}={value}>")


def suspicious(page: str) -> list[str]:
    """Return what a page has that it must not have."""
    parser = Suspect()
    parser.feed(page)
    return parser.found


def readable(scene: Scene) -> Iterator[tuple[Place, str]]:
    """Yield every address with what follows it: as it is, with each tab, and with something searched for."""
    for place in places():
        url = scene.url(place)
        yield place, url
        if place.name == "flowlogs:flow-log-detail":
            yield from ((place, f"{url}?tab={tab}") for tab in ("deliveries", "ledger", "history"))
        if place.name == "console:find":
            yield place, f"{url}?q=img"
        if place.name == "console:ram-simulator":
            user, action = scene.user.username, "vpc:DeleteFlowLog"
            yield place, f"{url}?user={user}&action={action}"


def test_no_text_of_anybody_becomes_part_of_a_page(scene: Scene, browser_of: Client) -> None:
    poisoned = poison(ATTACK)
    wrong, pages_with = [], set()
    for (place, url), headers in itertools.product(readable(scene), ({}, {"HX-Request": "true"})):
        response = ask(browser_of, "GET", scene, place, url, **headers)
        assert response.status_code != 500, url
        if not response.get("Content-Type", "").startswith("text/html"):
            assert response.get("X-Content-Type-Options") == "nosniff", url
            continue
        page = response.content.decode()
        if "<img src=x" in page or suspicious(page):
            wrong.append((url, suspicious(page)))
        if "&lt;img src=x" in page or "\\u003Cimg" in page:
            pages_with.add(place.name)
    assert wrong == []
    assert len(poisoned) > 25
    # The test would see nothing on pages that show nothing.
    assert {
        *(
            "flowlogs:flow-log-list",
            "flowlogs:flow-log-detail",
            "flowlogs:exporter-list",
            "flowlogs:vpc-list",
        ),
        *("console:ram-user-list", "console:ram-user-detail", "console:ram-policy-detail", "console:find"),
        *("console:ram-simulator", "flowlogs:eni-detail", "flowlogs:overview"),
    } <= pages_with


def test_no_parameter_of_an_address_becomes_part_of_a_page(scene: Scene, browser_of: Client) -> None:
    names = (
        *(
            "search",
            "q",
            "sort",
            "page",
            "page_size",
            "status",
            "kind",
            "tab",
            "columns",
            "from",
            "to",
            "next",
        ),
        *("vpc", "draft", "user", "action", "resource", "tag", "month", "unit", "after", "before", "region"),
    )
    wrong = []
    for place in places():
        response = browser_of.get(scene.url(place), dict.fromkeys(names, ATTACK))
        assert response.status_code != 500, place.name
        if response.get("Content-Type", "").startswith("text/html"):
            page = response.content.decode()
            if "<img src=x" in page or suspicious(page):
                wrong.append((place.name, suspicious(page)))
    assert wrong == []


def test_what_a_form_refuses_comes_back_as_text(scene: Scene, browser_of: Client) -> None:
    wrong = []
    for place in places():
        url = scene.url(place)
        form = getattr(browser_of.get(url), "context", None)
        fields = list(form["form"].fields) if form and "form" in form else []
        with transaction.atomic():
            response = browser_of.post(url, dict.fromkeys([*fields, "name", "text", "search"], ATTACK))
            transaction.set_rollback(True)
        assert response.status_code != 500, place.name
        if "Content-Type" in response and response["Content-Type"].startswith("text/html"):
            page = response.content.decode()
            if "<img src=x" in page or suspicious(page):
                wrong.append((place.name, suspicious(page)))
    assert wrong == []


def test_no_cell_of_any_file_is_a_formula(scene: Scene, browser_of: Client) -> None:
    poison(FORMULA)
    files, wrong = set(), []
    for place in places():
        response = ask(browser_of, "GET", scene, place)
        if not response.get("Content-Type", "").startswith("text/csv"):
            continue
        files.add(place.name)
        assert response["Content-Disposition"].startswith("attachment"), place.name
        text = response.content.decode()
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        wrong += [(place.name, cell) for cell in cells if cell[:1] in "=+-@\t\r\x00" and not _is_plain(cell)]
    assert wrong == []
    assert {
        "flowlogs:flow-log-export",
        "flowlogs:usage-export",
        "flowlogs:vpc-export",
        "analytics:download",
    } <= files


def _is_plain(cell: str) -> bool:
    """Tell whether a cell is nothing, a number, or a dash for what does not apply."""
    return cell in ("", "-") or cell.lstrip("+-").replace(".", "", 1).isdigit()


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["form", "htmx"])
def test_without_its_token_no_form_does_anything(scene: Scene, owner: User, headers: dict[str, str]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)
    wrong = []
    for place in places():
        with CaptureQueriesContext(connection) as queries:
            response = strict.post(scene.url(place), headers=headers)
        writes = [
            query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))
        ]
        if response.status_code != 403 or "This form has expired" not in response.content.decode() or writes:
            wrong.append((place.name, response.status_code, writes))
    assert wrong == []


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["script", "htmx"])
def test_with_the_token_in_the_header_that_htmx_sends_a_form_is_taken(
    scene: Scene, owner: User, headers: dict[str, str]
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)
    page = strict.get("/password/").content.decode()
    token = page.partition('hx-headers=\'{"X-CSRFToken": "')[2].partition('"')[0]
    assert len(token) == 64
    url = reverse("flowlogs:flow-log-stop", args=[HERE, scene.flow_log.pk])
    assert strict.post(url, headers={**headers, "X-CSRFToken": token}).status_code == 302
    scene.flow_log.refresh_from_db()
    assert scene.flow_log.status == FlowLog.Status.DEACTIVATING


def test_a_token_of_another_session_is_refused(scene: Scene, owner: User, stranger: User) -> None:
    theirs, ours = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    theirs.force_login(stranger)
    ours.force_login(owner)
    page = theirs.get("/password/").content.decode()
    token = page.partition('hx-headers=\'{"X-CSRFToken": "')[2].partition('"')[0]
    url = reverse("flowlogs:flow-log-stop", args=[HERE, scene.flow_log.pk])
    assert ours.post(url, headers={"X-CSRFToken": token}).status_code == 403


HOSTILE = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "https://testserver@evil.example/",
    "/\t/evil.example",
    "\t//evil.example",
    "/\r\nX-Evil: 1",
)
HONEST = "/password/?from=here"


def test_no_parameter_leads_to_another_site(scene: Scene, owner: User) -> None:
    leads, wrong = set(), []
    for place, method in itertools.product(places(), ("GET", "POST")):
        if HONEST not in _leads(scene, owner, place, method, HONEST):
            continue
        leads.add(place.name)
        for target in HOSTILE:
            found = _leads(scene, owner, place, method, target)
            wrong += [(place.name, method, target, each) for each in found if not _is_ours(each)]
    assert wrong == []
    assert {"console:theme", "console:language", "flowlogs:flow-log-stop", "flowlogs:flow-log-edit"} <= leads


def _leads(scene: Scene, owner: User, place: Place, method: str, target: str) -> list[str]:
    """Return where an answer leads when every parameter that could say so says it."""
    client = Client()
    client.force_login(owner)
    names = ("next", "back", "return", "return_to", "redirect", "url", "to", "region")
    sent = {**dict.fromkeys(names, target), **(SENT[place.name](scene) if place.name in SENT else {})}
    url = scene.url(place)
    with transaction.atomic():
        response = client.get(url, sent) if method == "GET" else client.post(url, sent)
        transaction.set_rollback(True)
    return [
        response[name] for name in ("Location", "HX-Redirect", "HX-Location", "Refresh") if name in response
    ]


def _is_ours(address: str) -> bool:
    """Tell whether a browser stays with us at this address."""
    parts = urlsplit(address.replace("\\", "/").strip())
    return (
        parts.scheme == ""
        and parts.netloc == ""
        and address.startswith(("/", "?"))
        and address[1:2] not in "/\\"
    ) or address == "/"


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_login_leads_to_no_other_site(owner: User, target: str) -> None:
    for client, url in ((Client(), "/login/"), (Client(), f"/login/?next={target}")):
        response = client.post(url, {"username": "alice", "password": "correct horse", "next": target})
        assert response["Location"] == "/"
        assert client.get(url)["Location"] == "/"


def test_every_answer_carries_the_headers_that_protect_it(scene: Scene, browser_of: Client) -> None:
    wrong = []
    for place in places():
        response = ask(browser_of, "GET", scene, place)
        expected = {"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff"}
        missing = {name for name, value in expected.items() if response.get(name) != value}
        if "frame-ancestors 'none'" not in response.get("Content-Security-Policy", ""):
            missing.add("Content-Security-Policy")
        if "no-store" not in response.get("Cache-Control", "") and "no-cache" not in response.get(
            "Cache-Control", ""
        ):
            missing.add("Cache-Control")
        if missing:
            wrong.append((place.name, missing))
    assert wrong == []


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "testserver:80@evil.example", "[::1"]
)
@pytest.mark.parametrize("path", ["/login/", "/", "/cn-hangzhou/flow-logs/"])
def test_a_host_that_is_not_ours_gets_nothing(browser_of: Client, host: str, path: str) -> None:
    response = browser_of.get(path, headers={"Host": host})
    assert response.status_code == 400
    assert "evil.example" not in response.content.decode()


def test_a_forwarded_host_is_not_believed(owner: User) -> None:
    response = Client().get("/password/", headers={"X-Forwarded-Host": "evil.example"})
    assert response["Location"] == "/login/?next=/password/"


def test_a_login_begins_a_session_of_its_own(owner: User) -> None:
    client = Client()
    client.cookies["flowlog_session"] = "planted-by-somebody-else-0000000"
    client.post("/login/", {"username": "alice", "password": "correct horse"})
    first = client.cookies["flowlog_session"].value
    assert first != "planted-by-somebody-else-0000000"
    assert client.cookies["flowlog_session"]["httponly"]
    assert client.cookies["flowlog_session"]["samesite"] == "Lax"
    client.post("/logout/")
    stale = Client()
    stale.cookies["flowlog_session"] = first
    assert stale.get("/password/").status_code == 302


def test_another_user_in_the_same_browser_gets_another_session(owner: User, reader: User) -> None:
    client = Client()
    client.post("/login/", {"username": "alice", "password": "correct horse"})
    first = client.cookies["flowlog_session"].value
    client.post("/logout/")
    client.post("/login/", {"username": "bob", "password": "correct horse"})
    assert client.cookies["flowlog_session"].value != first


def test_a_changed_password_ends_the_other_sessions(owner: User) -> None:
    here, there = Client(), Client()
    here.force_login(owner)
    there.force_login(owner)
    new = "battery staple 9"
    here.post("/password/", {"old_password": "correct horse", "new_password1": new, "new_password2": new})
    assert here.get("/password/").status_code == 200
    assert there.get("/password/").status_code == 302


@pytest.mark.parametrize("name", ["alice", "nobody", "erin"])
def test_a_login_that_fails_costs_one_hash_whoever_it_names(
    owner: User, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Counted instead of timed: who is not there, or is disabled, takes as long as who is."""
    User.objects.create_user("erin", password="correct horse", is_active=False)
    hashed = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, *args: Any, **kwargs: Any) -> str:
        hashed.append(1)
        return encode(self, *args, **kwargs)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    Client().post("/login/", {"username": name, "password": "wrong"})
    assert len(hashed) == 1


def test_an_address_cannot_hide_behind_a_header(owner: User) -> None:
    client = Client()
    for number in range(5):
        spoofed = {"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": f"198.51.100.{number}"}
        response = client.post("/login/", {"username": "alice", "password": "wrong"}, headers=spoofed)
    assert response.status_code == 429


def test_fifty_real_failures_of_an_address_lock_out_every_name(owner: User, settings: Any) -> None:
    settings.FAILURES_PER_ADDRESS = 12
    client = Client()
    answers = [
        client.post("/login/", {"username": f"user-{number // 3}", "password": "wrong"}).status_code
        for number in range(13)
    ]
    assert answers[:12] == [200] * 12
    assert answers[12] == 429
    right = {"username": "alice", "password": "correct horse"}
    assert client.post("/login/", right).status_code == 429
    assert client.post("/login/", right, REMOTE_ADDR="192.0.2.77").status_code == 302


def test_names_in_odd_letters_count_as_one(owner: User) -> None:
    client = Client()
    for name in ("alice", "ALICE", "alice ", "Alice", " alice"):
        response = client.post("/login/", {"username": name, "password": "wrong"})
    assert response.status_code in (200, 429)
    assert get_user_model().objects.filter(username__iexact="alice").count() == 1


IMPORTS = ("vpc", "vswitch", "eni", "instance", "security-group", "network-acl", "gateway", "route")


def send(client: Client, slug: str, content: bytes, name: str = "file.csv") -> Any:
    url = reverse(f"flowlogs:{slug}-import", args=[HERE])
    return client.post(url, {"file": SimpleUploadedFile(name, content)}, follow=True)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xff\xfe\x00\x01", id="not UTF-8"),
        pytest.param(b"id,name\n\x00\x00,x\n", id="NUL"),
        pytest.param(b"[" * 100_000, id="nested 100 000 deep"),
        pytest.param(b'[{"id": ' + b'{"a":' * 50_000, id="objects nested 50 000 deep"),
        pytest.param(b'[{"id": 1e999999}]', id="a number beyond numbers"),
        pytest.param(b'[{"id": ' + b"9" * 10_000 + b"}]", id="a number of 10 000 digits"),
        pytest.param(b"id," * 100_000, id="100 000 columns"),
        pytest.param(b"id\n" + b'"' + b"x" * 200_000, id="a quote that never ends"),
        pytest.param(b"\x1f\x8b\x08\x00" + b"\x00" * 100, id="gzip"),
        pytest.param(b"PK\x03\x04" + b"\x00" * 100, id="zip"),
        pytest.param(b"id\r=cmd|x\n", id="a formula"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'[null, 1, "x", [], {}]', id="no objects"),
        pytest.param(b'[{"id": {"a": 1}, "name": ["x"], "vpc_id": null}]', id="values of other kinds"),
        pytest.param(b'[{"id": "\\ud800", "name": "\\ud800"}]', id="half a character"),
        pytest.param(b"id,name\n../../etc/passwd,<script>\n", id="a path"),
    ],
)
def test_a_hostile_file_is_refused_and_nothing_is_half_done(
    scene: Scene, browser_of: Client, content: bytes
) -> None:
    browser_of.raise_request_exception = False
    wrong = []
    for slug in IMPORTS:
        before = KINDS[slug].model.objects.count()
        response = send(browser_of, slug, content)
        answers = [response]
        draft = response.wsgi_request.GET.get("draft")
        if draft:
            url = reverse(f"flowlogs:{slug}-import", args=[HERE])
            answers.append(browser_of.post(url, {"draft": draft}))
        for answer in answers:
            is_fine = answer.status_code in (200, 302, 400, 422) and not suspicious(answer.content.decode())
            if not is_fine or KINDS[slug].model.objects.count() != before:
                wrong.append((slug, answer.status_code))
    assert wrong == []


def test_a_file_that_is_too_large_is_refused(
    scene: Scene, browser_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_import, "MEGABYTES", 1)
    page = send(browser_of, "vpc", b"id,name\n" + b"x" * 2**20).content.decode()
    assert "1 MB" in page or "1 MiB" in page


def test_a_form_that_is_too_large_is_refused(scene: Scene, browser_of: Client) -> None:
    url = reverse("flowlogs:vpc-import", args=[HERE])
    assert browser_of.post(url, {"text": "x" * 3_000_000}).status_code == 400
    assert browser_of.post(url, {f"field-{number}": "x" for number in range(2000)}).status_code == 400


@pytest.mark.parametrize(
    "draft", ["../../secret-key", "/etc/passwd", "..%2f..%2fsecret-key", "a" * 32, "A" * 32, "\x00"]
)
def test_a_draft_names_no_other_file(scene: Scene, browser_of: Client, draft: str) -> None:
    url = reverse("flowlogs:vpc-import", args=[HERE])
    assert "no longer kept" in browser_of.get(url, {"draft": draft}).content.decode()
    assert "no longer kept" in browser_of.post(url, {"draft": draft}).content.decode()


def test_a_draft_of_another_account_is_not_there(scene: Scene, stranger: User) -> None:
    token = drafts.keep(scene.account, KINDS["vpc"], "id,name\nvpc-confidential,x\n")
    client = Client()
    client.force_login(stranger)
    url = reverse("flowlogs:vpc-import", args=[HERE])
    for response in (client.get(url, {"draft": token}), client.post(url, {"draft": token})):
        assert "no longer kept" in response.content.decode()
        assert "vpc-confidential" not in response.content.decode()


def test_what_a_form_names_must_be_of_the_account(scene: Scene, stranger: User) -> None:
    """Not only addresses name things: a batch, a binding and a new flow log do, too."""
    client = Client()
    client.force_login(stranger)
    before = FlowLog.objects.values().get(pk=scene.flow_log.pk)
    batch = reverse("flowlogs:flow-log-batch", args=[HERE])
    for act in ("start", "stop", "delete"):
        response = client.post(batch, {"act": act, "ids": scene.flow_log.pk, "confirmation": "1"})
        assert "confidential" not in response.content.decode()
    assert FlowLog.objects.values().get(pk=scene.flow_log.pk) == before
    create = reverse("flowlogs:flow-log-create", args=[HERE])
    for kind, resource in (
        ("VPC", "vpc-1"),
        ("VSwitch", "vsw-vpc-1-a"),
        ("NetworkInterface", "eni-vsw-vpc-1-a-1"),
    ):
        sent = {"resource_type": kind, "resource_id": resource, "resource_search": "confidential"}
        page = client.post(create, {**sent, "refresh": "1"}).content.decode()
        assert page.count("confidential") <= 2  # what was searched for comes back in its field
        client.post(create, sent)
    assert FlowLog.objects.count() == 1
    for slug in ("vswitch", "eni", "instance", "security-group", "network-acl", "gateway", "route"):
        model = KINDS[slug].model
        there = model.objects.count()
        sent = {
            "vpc_id": "vpc-1",
            "id": "",
            "name": "mine",
            "cidr_block": "10.0.9.0/24",
            "destination": "10.9.0.0/16",
        }
        sent |= {
            "kind": "natGateway",
            "gateway_id": "ngw-1",
            "vswitch_id": "vsw-vpc-1-a",
            "instance_type": "ecs.g7.large",
        }
        client.post(reverse(f"flowlogs:{slug}-create", args=[HERE]), sent)
        assert model.objects.count() == there, slug


def deployed(home: Path, **names: str) -> subprocess.CompletedProcess[str]:
    """Check the settings as they are shipped, in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWLOG_", "DJANGO_"))}
    environ = {**kept, "FLOW_SYSTEM_PYTHON": "1", "FLOWLOG_HOME": str(home), "FLOWLOG_SECURE": "1", **names}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)


def test_a_deployment_that_believes_any_host_is_warned_of(tmp_path: Path) -> None:
    done = deployed(tmp_path, FLOWLOG_ALLOWED_HOSTS="*")
    assert done.returncode == 1
    assert "console.W002" in done.stderr
    assert deployed(tmp_path, FLOWLOG_ALLOWED_HOSTS="flowlog.example.org").returncode == 0
