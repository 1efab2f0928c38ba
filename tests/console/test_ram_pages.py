"""The pages of RAM users and policies: what they show, what they refuse, what they cost."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console import actions, policies
from console.models import Account, Policy, User
from console.ram import services
from console.ram.places import of_statements
from console.reference import LOG_FULL, RAM_READ_ONLY, VPC_FULL, VPC_READ_ONLY

PASSWORD = "battery staple 9"
ALLOW = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "vpc:*", "Resource": "*"}]}
DENY = {"Version": "1", "Statement": [{"Effect": "Deny", "Action": "vpc:Delete*", "Resource": "*"}]}


@pytest.fixture
def custom(account: Account) -> Policy:
    """A custom policy that denies deleting."""
    return Policy.objects.create(account=account, name="no-delete", description="Never delete", document=DENY)


@pytest.fixture
def as_owner(client: Client, owner: User) -> Client:
    """The browser of the owner."""
    client.force_login(owner)
    return client


def text(response: Any) -> str:
    return response.content.decode()


def test_the_account_menu_leads_to_users(as_owner: Client) -> None:
    assert 'href="/ram/users/"' in text(as_owner.get("/password/"))


def test_the_account_menu_names_the_action_that_is_missing(client: Client, reader: User) -> None:
    client.force_login(reader)
    page = text(client.get("/password/"))
    assert "/ram/users/" not in page
    assert "ram:ListUsers" in page


def test_who_may_see_policies_alone_is_led_there(client: Client, account: Account) -> None:
    user = User.objects.create_user("dave", account=account)
    document = {"Statement": [{"Effect": "Allow", "Action": "ram:ListPolicies", "Resource": "*"}]}
    user.policies.add(Policy.objects.create(account=account, name="see", document=document))
    client.force_login(user)
    assert 'href="/ram/policies/"' in text(client.get("/password/"))


def test_users_are_listed_without_the_owner_and_others(
    as_owner: Client, reader: User, stranger: User
) -> None:
    page = text(as_owner.get("/ram/users/")).partition('id="users"')[2]
    assert "bob" in page
    assert VPC_READ_ONLY in page
    assert "mallory" not in page
    assert "alice" not in page.partition("</section>")[0]


@pytest.mark.parametrize(
    ("search", "found"),
    [("BO", True), ("builder", True), ("bob x", False), ("%", False), ("\x00", True)],
)
def test_users_are_searched(as_owner: Client, reader: User, search: str, found: bool) -> None:
    User.objects.filter(pk=reader.pk).update(first_name="The Builder")
    assert (">bob<" in text(as_owner.get("/ram/users/", {"search": search}))) is found


def test_users_come_in_pages(as_owner: Client, account: Account) -> None:
    for number in range(12):
        User.objects.create_user(f"user-{number:02}", account=account)
    second = text(as_owner.get("/ram/users/?page_size=10&page=2"))
    assert "user-11" in second
    assert "user-05" not in second


def test_a_generated_password_is_shown_once(as_owner: Client, account: Account) -> None:
    response = as_owner.post(
        "/ram/users/create/", {"name": "carol", "password_mode": "generate", "password": ""}
    )
    found = re.search(r'<dt>Password</dt>.*?data-copy="([^"]{16})"', text(response))
    assert found is not None
    carol = User.objects.get(username="carol")
    assert carol.check_password(found[1])
    assert response["Cache-Control"] == "no-store"
    assert found[1] not in text(as_owner.get(f"/ram/users/{carol.pk}/"))
    browser = Client()
    assert browser.post("/login/", {"username": "carol", "password": found[1]}).status_code == 302


def test_a_typed_password_is_not_shown(as_owner: Client) -> None:
    data = {"name": "carol", "password_mode": "type", "password": PASSWORD}
    response = as_owner.post("/ram/users/create/", data, follow=True)
    assert response.redirect_chain[-1][0].startswith("/ram/users/")
    assert PASSWORD not in text(response)
    assert User.objects.get(username="carol").check_password(PASSWORD)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"name": "bob"}, "This name is taken"),
        ({"name": "a b"}, "A user name has"),
        ({"name": ""}, "This field is required"),
        ({"password": "short"}, "too short"),
        ({"password": ""}, "Type the password"),
        ({"password_mode": "other"}, "Select a valid choice"),
        ({"name": "carolcarol", "password": "carolcarol"}, "too similar"),
    ],
)
def test_a_new_user_that_cannot_be_is_told_beside_the_field(
    as_owner: Client, reader: User, given: dict[str, str], error: str
) -> None:
    data = {"name": "carol", "password_mode": "type", "password": PASSWORD, **given}
    response = as_owner.post("/ram/users/create/", data)
    assert response.status_code == 200
    assert error in text(response)
    assert PASSWORD not in text(response)
    assert not User.objects.filter(username__startswith="carol").exists()


def test_disabling_the_login_ends_the_session_at_once(as_owner: Client, reader: User) -> None:
    theirs = Client()
    theirs.force_login(reader)
    assert theirs.get("/password/").status_code == 200
    as_owner.post(f"/ram/users/{reader.pk}/login/", {"enabled": "0"})
    assert theirs.get("/password/").status_code == 302
    assert "Login disabled" in text(as_owner.get(f"/ram/users/{reader.pk}/"))
    as_owner.post(f"/ram/users/{reader.pk}/login/", {"enabled": "1"})
    reader.refresh_from_db()
    assert reader.is_active


def test_another_password_ends_the_session_at_once(as_owner: Client, reader: User) -> None:
    theirs = Client()
    theirs.force_login(reader)
    as_owner.post(f"/ram/users/{reader.pk}/password/", {"password_mode": "generate"})
    assert theirs.get("/password/").status_code == 302


def test_detaching_counts_for_the_next_page(as_owner: Client, reader: User) -> None:
    theirs = Client()
    theirs.force_login(reader)
    policy = Policy.objects.get(account=None, name=VPC_READ_ONLY)
    assert theirs.get("/cn-hangzhou/flow-logs/").status_code == 200
    as_owner.post(f"/ram/users/{reader.pk}/policies/{policy.pk}/detach/")
    assert theirs.get("/cn-hangzhou/flow-logs/").status_code == 403


def test_attaching_offers_what_is_not_attached(as_owner: Client, reader: User, custom: Policy) -> None:
    url = f"/ram/users/{reader.pk}/attach/"
    page = text(as_owner.get(url))
    assert VPC_FULL in page
    assert VPC_READ_ONLY not in page
    assert as_owner.post(url, {"policies": [custom.pk]}).status_code == 302
    assert custom in reader.policies.all()
    assert "Choose at least one policy" in text(as_owner.post(url, {}))


@pytest.mark.parametrize("value", ["0", "x", "999999", "9" * 25, "-" + "9" * 25])
def test_a_policy_that_is_not_offered_is_not_attached(as_owner: Client, reader: User, value: str) -> None:
    before = reader.policies.count()
    response = as_owner.post(f"/ram/users/{reader.pk}/attach/", {"policies": [value]})
    assert response.status_code == 200
    assert reader.policies.count() == before


def test_deleting_a_user_needs_the_name(as_owner: Client, reader: User) -> None:
    url = f"/ram/users/{reader.pk}/delete/"
    assert "their policies are detached" in text(as_owner.get(url))
    assert "That is not the name" in text(as_owner.post(url, {"confirmation": "Bob"}))
    assert as_owner.post(url, {"confirmation": "bob"})["Location"] == "/ram/users/"
    assert not User.objects.filter(username="bob").exists()


def test_the_owner_has_no_page_here(as_owner: Client, owner: User) -> None:
    assert as_owner.get(f"/ram/users/{owner.pk}/").status_code == 404
    assert as_owner.post(f"/ram/users/{owner.pk}/login/", {"enabled": "0"}).status_code == 404


def test_administrators_are_refused_with_the_reason(as_owner: Client, account: Account) -> None:
    admin = User.objects.create_user("root", account=account, is_staff=True)
    assert "managed in the admin site" in text(as_owner.get(f"/ram/users/{admin.pk}/password/"))
    response = as_owner.post(f"/ram/users/{admin.pk}/login/", {"enabled": "0"}, follow=True)
    assert "managed in the admin site" in text(response)
    admin.refresh_from_db()
    assert admin.is_active


def test_what_a_reader_may_not_do_is_disabled_with_the_action(
    client: Client, account: Account, reader: User, custom: Policy
) -> None:
    auditor = User.objects.create_user("dave", account=account)
    auditor.policies.set(Policy.objects.filter(account=None, name=RAM_READ_ONLY))
    client.force_login(auditor)
    page = text(client.get(f"/ram/users/{reader.pk}/"))
    for action in ("UpdateUser", "DeleteUser", "AttachPolicyToUser", "DetachPolicyFromUser"):
        assert f">You need the permission ram:{action}.</span>" in page
    page = text(client.get(f"/ram/policies/{custom.pk}/"))
    for action in ("CreatePolicyVersion", "DeletePolicy"):
        assert f">You need the permission ram:{action}.</span>" in page


def test_policies_are_listed_with_how_many_have_them(
    as_owner: Client, reader: User, custom: Policy, stranger: User
) -> None:
    theirs = Policy.objects.create(account=stranger.account, name="theirs", document=ALLOW)
    User.objects.create_user("eve", account=stranger.account).policies.set(
        Policy.objects.filter(account=None, name=VPC_READ_ONLY)
    )
    page = text(as_owner.get("/ram/policies/"))
    assert "no-delete" in page
    assert theirs.name not in page.partition('id="policies"')[2]
    row = page.partition(VPC_READ_ONLY)[2].partition("</tr>")[0]
    assert 'data-label="Users">1<' in row


@pytest.mark.parametrize(
    ("query", "there", "gone"),
    [
        ("kind=Custom", "no-delete", VPC_FULL),
        ("kind=System", VPC_FULL, "no-delete"),
        ("search=never", "no-delete", VPC_FULL),
        ("search=ALIYUNVPC&kind=System", VPC_FULL, LOG_FULL),
    ],
)
def test_policies_are_filtered(as_owner: Client, custom: Policy, query: str, there: str, gone: str) -> None:
    page = text(as_owner.get(f"/ram/policies/?{query}")).partition('id="policies"')[2]
    assert there in page
    assert gone not in page


def test_a_policy_shows_its_document_and_who_has_it(as_owner: Client, reader: User, custom: Policy) -> None:
    reader.policies.add(custom)
    page = text(as_owner.get(f"/ram/policies/{custom.pk}/"))
    assert "&quot;Action&quot;: &quot;vpc:Delete*&quot;" in page
    assert f"/ram/users/{reader.pk}/" in page


def test_a_policy_is_created_and_changed(as_owner: Client) -> None:
    data = {"name": "mine", "description": "All of it", "document": json.dumps(ALLOW)}
    response = as_owner.post("/ram/policies/create/", data)
    policy = Policy.objects.get(name="mine")
    assert response["Location"] == f"/ram/policies/{policy.pk}/"
    assert policy.document == ALLOW
    as_owner.post(f"/ram/policies/{policy.pk}/edit/", {"description": "", "document": json.dumps(DENY)})
    policy.refresh_from_db()
    assert (policy.document, policy.name) == (DENY, "mine")
    assert "Created" in text(as_owner.get(f"/ram/policies/{policy.pk}/"))


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
@pytest.mark.parametrize("word", ["vpc:Nonsense", "vpc:Nonsense*", "zzz:Foo"])
def test_an_action_that_the_console_does_not_have_is_warned_of_while_writing_and_when_saved(
    as_owner: Client, custom: Policy, effect: str, word: str
) -> None:
    said = f"This console has no action {word}."
    document = json.dumps(
        {"Version": "1", "Statement": [{"Effect": effect, "Action": word, "Resource": "*"}]}
    )
    checked = as_owner.post("/ram/policies/create/", {"check": "1", "name": "x", "document": document})
    assert f'<p class="banner-title">{said}</p>' in text(checked)
    for path, name in (("create/", "mine"), (f"{custom.pk}/edit/", "")):
        sent = {"name": name, "description": "", "document": document}
        page = text(as_owner.post(f"/ram/policies/{path}", sent, follow=True))
        toasts = page.partition('id="toasts"')[2]
        assert f"{said} What policies say of that has no effect here." in toasts


def test_an_action_that_the_console_does_not_have_is_warned_of_and_saved(as_owner: Client) -> None:
    document = {
        "Version": "1",
        "Statement": [{"Effect": "Allow", "Action": ["zzz:Foo", "vpc:*"], "Resource": "*"}],
    }
    data = {"name": "mine", "description": "", "document": json.dumps(document)}
    as_owner.post("/ram/policies/create/", data)
    policy = Policy.objects.get(name="mine")
    said = "This console has no action zzz:Foo."
    assert said in text(as_owner.get(f"/ram/policies/{policy.pk}/"))
    assert said in text(as_owner.get(f"/ram/policies/{policy.pk}/edit/"))
    assert said in text(as_owner.post("/ram/policies/create/", data))
    as_owner.post(f"/ram/policies/{policy.pk}/edit/", {"document": json.dumps(ALLOW)})
    for page in ("", "edit/"):
        assert "This console has no" not in text(as_owner.get(f"/ram/policies/{policy.pk}/{page}"))


@pytest.mark.parametrize(("action", "is_known"), [("vpc:CreatFlowLog", False), ("vpc:createflowlog", True)])
def test_the_simulator_warns_of_an_action_that_the_console_does_not_have(
    as_owner: Client, action: str, is_known: bool
) -> None:
    page = text(as_owner.get("/ram/simulator/", {"user": "alice", "action": action}))
    assert (f"This console has no action {action}." in page) is not is_known


ASKED_OF_OTHERS = {"log:GetProject", "log:GetLogStore", "log:PostLogStoreLogs"}
"""What the role of deliveries is allowed: the console asks for none of it."""


def test_every_action_in_the_code_is_known_and_no_other() -> None:
    root = Path(__file__).resolve().parent.parent.parent
    written = {
        action
        for app in ("console", "flowlogs", "analytics")
        for path in (root / app).rglob("*.py")
        if path.name != "actions.py"
        for action in re.findall(r'"((?:vpc|ecs|log|ram):[A-Z][A-Za-z]+)"', path.read_text())
    }
    assert set(actions.known()) == written - ASKED_OF_OTHERS


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ('{\n  "Version": "1",\n  "Statement": [}', "Line 3, column 17: This is no JSON"),
        ('{"Version": "1", "Statement": []}', "with at least one member"),
        (
            '{"Version": "1", "Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]}',
            "Line 1, column 32, statement 1: Effect is Allow or Deny.",
        ),
        ('{"Version": "1", "Version": "1"}', "stands twice"),
        ("[" * 3000, "nested too deeply"),
        ("null", "A policy is an object"),
        ("", "This field is required"),
        ("x" * 7000, "at most 6144 characters"),
    ],
)
def test_a_document_that_cannot_be_is_told_by_its_place(as_owner: Client, document: str, error: str) -> None:
    data = {"name": "mine", "description": "", "document": document}
    response = as_owner.post("/ram/policies/create/", data)
    assert response.status_code == 200
    assert error in text(response)
    assert not Policy.objects.filter(name="mine").exists()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (json.dumps(ALLOW), "The document is right: 1 statement."),
        ('{\n"Version": 1,', "Line 2, column 14: This is no JSON: a name in double quotes is missing here."),
        ('{"Version": "1", "Statement": [{\n"Effect": 1}]}', "Line 1, column 32, statement 1:"),
        (json.dumps(ALLOW).replace("vpc:", "vpcs:"), "This console has no action"),
        ("", "This field is required"),
    ],
)
def test_a_document_is_checked_while_it_is_written_and_nothing_is_saved(
    as_owner: Client, custom: Policy, document: str, said: str
) -> None:
    before = list(Policy.objects.order_by("pk").values())
    for path in ("create/", f"{custom.pk}/edit/"):
        sent = {"check": "1", "name": "mine", "document": document}
        answer = text(as_owner.post(f"/ram/policies/{path}", sent))
        assert said in answer
        assert "<form" not in answer
    assert list(Policy.objects.order_by("pk").values()) == before


def test_the_editor_offers_every_known_action_and_the_resources_of_the_account(
    as_owner: Client, owner: User
) -> None:
    offered = re.findall(r"<code>(.*?)</code>", text(as_owner.get("/ram/policies/create/")))
    assert set(actions.known()) <= set(offered)
    assert f"acs:vpc:*:{owner.account_id}:flowlog/*" in offered
    assert {"vpc:*", "vpc:Describe*", "*"} <= set(offered)
    document = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": offered, "Resource": offered}]}
    assert policies.problems(document) == []


@pytest.mark.parametrize(
    ("document", "places"),
    [
        pytest.param('{"Statement": [{"a": [{}]}, {}]}', [(1, 16), (1, 29)], id="one line"),
        pytest.param('{\n "Statement":\n [\n  {"x": "]}"},\n  {}\n ]}', [(4, 3), (5, 3)], id="lines"),
        pytest.param(
            '{"x": ["Statement", [{}]], "Statement": [1, "a,b", {}]}',
            [(1, 42), (1, 45), (1, 52)],
            id="no objects",
        ),
        pytest.param('{"St\\u0061tement": [{"a\\"": 1}]}', [(1, 21)], id="escapes"),
        pytest.param('{"Version": "Statement", "x": [{}]}', [], id="a value of that name"),
    ],
)
def test_where_statements_stand(document: str, places: list[tuple[int, int]]) -> None:
    assert of_statements(document) == places


def test_deleting_a_policy_that_somebody_has_is_refused(
    as_owner: Client, reader: User, custom: Policy
) -> None:
    reader.policies.add(custom)
    url = f"/ram/policies/{custom.pk}/delete/"
    assert "attached to 1 user" in text(as_owner.get(url))
    assert "attached to 1 user" in text(as_owner.post(url, {"confirmation": "no-delete"}))
    reader.policies.remove(custom)
    assert as_owner.post(url, {"confirmation": "no-delete"})["Location"] == "/ram/policies/"
    assert not Policy.objects.filter(pk=custom.pk).exists()


@pytest.mark.parametrize("page", ["edit", "delete"])
def test_system_policies_cannot_be_changed(as_owner: Client, page: str) -> None:
    policy = Policy.objects.get(account=None, name=VPC_FULL)
    assert as_owner.get(f"/ram/policies/{policy.pk}/{page}/").status_code == 403
    assert as_owner.post(f"/ram/policies/{policy.pk}/{page}/", {"confirmation": VPC_FULL}).status_code == 403
    assert "System policies cannot be changed" in text(as_owner.get(f"/ram/policies/{policy.pk}/"))


@pytest.mark.parametrize(
    ("user", "action", "resource", "answer", "why"),
    [
        ("bob", "vpc:DescribeFlowLogs", "", "Allowed", f"Statement 1 of {VPC_READ_ONLY} allows it"),
        ("bob", "vpc:DeleteFlowLog", "", "Denied", "Statement 1 of no-delete denies it"),
        ("bob", "vpc:CreateFlowLog", "", "Denied", "what nothing allows is denied"),
        ("bob", "vpc:DescribeFlowLogs", "acs:vpc:*:1000000000000099:*", "Denied", "of another account"),
        ("alice", "vpc:CreateFlowLog", "", "Allowed", "The owner of an account may do everything"),
        ("erin", "vpc:DescribeFlowLogs", "", "Denied", "The login of this user is disabled"),
    ],
)
def test_the_simulator_says_what_decides(
    as_owner: Client,
    account: Account,
    reader: User,
    custom: Policy,
    user: str,
    action: str,
    resource: str,
    answer: str,
    why: str,
) -> None:
    reader.policies.add(custom)
    User.objects.create_user("erin", account=account, is_active=False)
    page = text(as_owner.get("/ram/simulator/", {"user": user, "action": action, "resource": resource}))
    assert f">{answer}<" in page
    assert why in page


def test_the_simulator_and_the_pages_agree_on_a_policy_that_cannot_be_followed(
    as_owner: Client, account: Account, reader: User
) -> None:
    reader.policies.add(Policy.objects.create(account=account, name="broken", document={"Statement": 1}))
    page = text(as_owner.get("/ram/simulator/", {"user": "bob", "action": "vpc:DescribeFlowLogs"}))
    assert "cannot be followed, so everything is denied" in page


@pytest.mark.parametrize(
    "given", [{"user": "mallory"}, {"user": ""}, {"action": "flow"}, {"resource": "x" * 301}]
)
def test_a_question_that_cannot_be_is_told(as_owner: Client, stranger: User, given: dict[str, str]) -> None:
    response = as_owner.get("/ram/simulator/", {"user": "alice", "action": "vpc:X", "resource": "", **given})
    assert response.status_code == 200
    assert "aria-invalid" in text(response)


def test_the_simulator_offers_the_actions_of_the_pages(as_owner: Client) -> None:
    page = text(as_owner.get("/ram/simulator/?user=bob"))
    for action in ("vpc:CreateFlowLog", "ram:DeleteUser", "log:GetLogStoreLogs"):
        assert f'<option value="{action}">' in page
    assert 'value="bob"' in page


@pytest.mark.parametrize("page", ["users/create/", "policies/create/"])
def test_forms_are_panels_for_htmx_and_pages_without(as_owner: Client, page: str) -> None:
    fragment = text(as_owner.get(f"/ram/{page}", headers={"HX-Request": "true"}))
    assert fragment.lstrip().startswith("<dialog")
    assert "<html" in text(as_owner.get(f"/ram/{page}"))


def test_a_panel_goes_on_by_a_header(as_owner: Client) -> None:
    data = {"name": "carol", "password_mode": "type", "password": PASSWORD}
    response = as_owner.post("/ram/users/create/", data, headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == f"/ram/users/{User.objects.get(username='carol').pk}/"


def count(ask: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert ask().status_code == 200
    return len(queries)


@pytest.mark.parametrize("by", ["owner", "auditor"])
@pytest.mark.parametrize(
    "path",
    [
        "/ram/users/?page_size=50",
        "/ram/policies/?page_size=50",
        "/ram/users/{user}/",
        "/ram/policies/{policy}/",
    ],
)
def test_pages_cost_the_same_queries_whatever_there_is(
    client: Client, owner: User, reader: User, account: Account, custom: Policy, path: str, by: str
) -> None:
    auditor = User.objects.create_user("auditor", account=account)
    auditor.policies.set(Policy.objects.filter(account=None, name=RAM_READ_ONLY))
    client.force_login(owner if by == "owner" else auditor)
    reader.policies.add(custom)
    services.change_user(reader, owner, display_name="one")
    services.change_policy(custom, owner, description="one", document=DENY)
    url = path.format(user=reader.pk, policy=custom.pk)
    few = count(lambda: client.get(url))
    for number in range(40):
        policy = Policy.objects.create(account=account, name=f"policy-{number}", document=ALLOW)
        user = User.objects.create_user(f"user-{number}", account=account)
        user.policies.add(policy, custom)
        reader.policies.add(policy)
        services.change_user(reader, owner, display_name=str(number))
    response = client.get(url)
    assert count(lambda: client.get(url)) == few
    assert few <= 13
    assert len(response.content) <= 60_000
