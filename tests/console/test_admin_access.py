"""Users and policies in the admin site: the services of the pages write them, under the rules of the pages."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from console.models import Account, Change, Policy, User
from console.ram import administrators
from console.reference import VPC_FULL
from tests.console.test_admin import edit, root, site

__all__ = ["root", "site"]

ALLOW = '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "vpc:*", "Resource": "*"}]}'
PASSWORD = "battery staple 9"
USERS = "/admin/console/user/"
POLICIES = "/admin/console/policy/"


@pytest.fixture
def helper(db: None) -> Client:
    """The browser of somebody who may do everything in the administration but administers nothing."""
    user = User.objects.create_user("helper", password="correct horse", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client = Client()
    client.force_login(user)
    return client


def told(**found: Any) -> list[tuple[str, dict[str, Any], str]]:
    changes = Change.objects.filter(**found).order_by("pk")
    return [(change.action, change.values, change.user_name) for change in changes]


def made(site: Client, **values: Any) -> Any:
    """Send the form of a new user."""
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    return site.post(f"{USERS}add/", {"username": "carol", "first_name": "", **passwords, **values})


def errors(page: Any) -> dict[str, list[str]]:
    assert page.status_code == 200
    return {field: list(found) for field, found in page.context["adminform"].form.errors.items()}


def test_a_user_is_made_by_the_service_and_changes_the_password_first(site: Client, account: Account) -> None:
    assert made(site, account=account.pk, first_name="Carol").status_code == 302
    carol = User.objects.get(username="carol")
    assert (carol.account, carol.first_name, carol.must_change_password) == (account, "Carol", True)
    assert carol.check_password(PASSWORD)
    assert not (carol.is_staff or carol.is_superuser or carol.is_account_owner)
    [(action, values, by)] = told(resource_type="User")
    assert (action, by) == ("ram:CreateUser", "root")
    assert values["name"] == [None, "carol"]
    assert PASSWORD not in str(values)


@pytest.mark.parametrize(
    ("given", "field", "error"),
    [
        ({"username": "a b"}, "username", "A user name has 1 to 64 letters"),
        ({"username": "BOB"}, "username", "This name is taken."),
        ({"username": ""}, "username", "This field is required."),
        ({"password1": "short", "password2": "short"}, "password1", "This password is too short."),
        ({"password2": "another one 9"}, "password2", "The two password fields"),
        ({"is_account_owner": "on"}, "is_account_owner", "The account has an owner already."),
        ({"account": ""}, "account", "Choose the account."),
        ({"account": "", "is_superuser": "on", "is_account_owner": "on"}, "account", "Choose the account"),
    ],
    ids=["name", "taken", "no name", "short", "mistyped", "second owner", "no account", "owner of nothing"],
)
def test_a_new_user_is_held_to_the_rules_of_the_pages(
    site: Client, account: Account, owner: User, reader: User, given: dict[str, str], field: str, error: str
) -> None:
    before = User.objects.count()
    found = errors(made(site, **{"account": account.pk, **given}))
    assert found.keys() == {field}
    assert found[field][0].startswith(error)
    assert User.objects.count() == before
    assert not Change.objects.exists()


def test_an_account_gets_an_owner_and_the_installation_an_administrator(
    site: Client, account: Account
) -> None:
    assert made(site, account=account.pk, is_account_owner="on").status_code == 302
    assert User.objects.get(username="carol").is_account_owner
    assert made(site, username="dave", is_superuser="on").status_code == 302
    dave = User.objects.get(username="dave")
    assert (dave.is_staff, dave.is_superuser, dave.account) == (True, True, None)


def test_a_user_is_changed_by_the_services_and_each_change_is_noted(
    site: Client, account: Account, reader: User
) -> None:
    mine = Policy.objects.create(account=account, name="mine", document={})
    read = sorted(reader.policies.values_list("name", flat=True))
    answer = edit(site, reader, first_name="Bob", is_active=None, policies=[mine.pk])
    assert answer.status_code == 302
    assert told(resource_id=str(reader.pk)) == [
        ("ram:UpdateUser", {"display_name": ["", "Bob"]}, "root"),
        ("ram:UpdateLoginProfile", {"login": [True, False]}, "root"),
        ("ram:AttachPolicyToUser", {"policies": [read, ["mine", *read]]}, "root"),
        ("ram:DetachPolicyFromUser", {"policies": [["mine", *read], ["mine", read[1]]]}, "root"),
        ("ram:DetachPolicyFromUser", {"policies": [["mine", read[1]], ["mine"]]}, "root"),
    ]
    reader.refresh_from_db()
    assert (reader.first_name, reader.is_active) == ("Bob", False)


def test_saving_a_user_as_they_are_is_no_change(site: Client, reader: User) -> None:
    assert edit(site, reader).status_code == 302
    assert not Change.objects.exists()


def test_who_somebody_is_stays(site: Client, owner: User, reader: User, stranger: User) -> None:
    edit(site, reader, username="eve", account=stranger.account_id, is_account_owner="on", is_staff="on")
    edit(site, owner, username="eve", account="", is_account_owner=None)
    for user in (owner, reader):
        name, account, is_owner = user.username, user.account_id, user.is_account_owner
        user.refresh_from_db()
        assert (user.username, user.account_id, user.is_account_owner) == (name, account, is_owner)
        assert not user.is_staff


def test_a_user_is_offered_policies_of_their_account_only(site: Client, reader: User, stranger: User) -> None:
    theirs = Policy.objects.create(account=stranger.account, name="theirs", document={})
    assert errors(edit(site, reader, policies=[theirs.pk])).keys() == {"policies"}
    assert not reader.policies.filter(pk=theirs.pk).exists()


def test_an_administrator_is_made_and_unmade_and_it_is_noted(site: Client, reader: User) -> None:
    edit(site, reader, is_superuser="on")
    reader.refresh_from_db()
    assert reader.is_staff
    assert reader.is_superuser
    edit(site, reader, is_superuser=None)
    reader.refresh_from_db()
    assert not (reader.is_staff or reader.is_superuser)
    assert [values for _action, values, _by in told()] == [
        {"administrator": [None, True]}, {"administrator": [True, None]}
    ]  # fmt: skip


def test_nobody_locks_themself_out(site: Client, root: User) -> None:
    edit(site, root, is_active=None, is_superuser=None)
    root.refresh_from_db()
    assert (root.is_active, root.is_superuser) == (True, True)
    assert site.post(f"{USERS}{root.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    page = site.post(USERS, chosen, follow=True)
    assert [str(each) for each in page.context["messages"]] == ["root: Nobody can do this to themself."]
    assert User.objects.filter(pk=root.pk).exists()


def test_the_owner_of_an_account_is_not_removed(site: Client, owner: User) -> None:
    assert site.post(f"{USERS}{owner.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [owner.pk], "post": "yes"}
    page = site.post(USERS, chosen, follow=True)
    [message] = page.context["messages"]
    assert str(message).startswith("alice: The owner of an account cannot be deleted.")
    assert User.objects.filter(pk=owner.pk).exists()


def test_a_user_is_deleted_and_it_is_noted(site: Client, reader: User) -> None:
    key = str(reader.pk)
    assert site.post(f"{USERS}{key}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(username="bob").exists()
    [(action, values, by)] = told(resource_id=key)
    assert (action, values["name"], by) == ("ram:DeleteUser", ["bob", None], "root")


def test_a_password_is_set_by_the_service_and_changed_at_the_next_login(site: Client, reader: User) -> None:
    url = reverse("admin:auth_user_password_change", args=[reader.pk])
    weak = site.post(url, {"password1": "bob", "password2": "bob"})
    assert "too short" in weak.content.decode()
    assert site.post(url, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 302
    reader.refresh_from_db()
    assert reader.check_password(PASSWORD)
    assert reader.must_change_password
    expected = {"password": [None, "******"], "must_change_password": [None, True]}
    assert told() == [("ram:UpdateLoginProfile", expected, "root")]


def test_ones_own_password_needs_the_old_one(site: Client, root: User) -> None:
    url = reverse("admin:auth_user_password_change", args=[root.pk])
    answer = site.post(url, {"password1": PASSWORD, "password2": PASSWORD})
    assert answer["Location"] == "/password/"
    root.refresh_from_db()
    assert not root.check_password(PASSWORD)


def test_whoever_administers_nothing_makes_nobody_an_administrator(
    helper: Client, reader: User, root: User
) -> None:
    assert edit_refused(helper, reader, is_superuser="on")
    assert helper.post(f"{USERS}add/", {"username": "carol"}).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    assert helper.post(password, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 403
    assert helper.post(f"{USERS}{reader.pk}/delete/", {"post": "yes"}).status_code == 403
    assert helper.post(f"{POLICIES}add/", {"name": "x"}).status_code == 403
    assert not Change.objects.exists()


def edit_refused(browser: Client, row: User, **values: Any) -> bool:
    answer = browser.post(f"{USERS}{row.pk}/change/", {"first_name": "", **values})
    return answer.status_code == 403


# ---- policies ----------------------------------------------------------------------------------------


def entered(owned_by: Account, **values: Any) -> dict[str, Any]:
    return {"account": owned_by.pk, "name": "mine", "description": "", "document": ALLOW, **values}


@pytest.mark.parametrize(
    ("given", "field", "error"),
    [
        ({"name": "a b"}, "name", "A policy name has 1 to 128 letters"),
        ({"name": VPC_FULL}, "name", "There is a system policy of this name."),
        ({"name": "theirs"}, "name", "The account has a policy of this name already."),
        ({"document": "["}, "document", "Line 1, column 2"),
        ({"document": "{}"}, "document", ""),
        ({"account": ""}, "account", "This field is required."),
    ],
    ids=["name", "system", "taken", "no JSON", "no policy", "no account"],
)
def test_a_policy_is_held_to_the_rules_of_the_pages(
    site: Client, account: Account, given: dict[str, str], field: str, error: str
) -> None:
    Policy.objects.create(account=account, name="theirs", document={})
    found = errors(site.post(f"{POLICIES}add/", entered(account, **given)))
    assert found.keys() == {field}
    assert found[field][0].startswith(error)
    assert not Change.objects.exists()


def test_a_policy_is_made_changed_and_deleted_by_the_service(
    site: Client, account: Account, reader: User
) -> None:
    assert site.post(f"{POLICIES}add/", entered(account)).status_code == 302
    policy = Policy.objects.get(name="mine")
    assert (policy.account, policy.kind) == (account, Policy.Kind.CUSTOM)
    assert edit(site, policy, description="Mine").status_code == 302
    reader.policies.add(policy)
    url = f"{POLICIES}{policy.pk}/delete/"
    assert "The policy is attached to 1 user. Detach it first." in site.get(url).content.decode()
    site.post(url, {"post": "yes"})
    assert Policy.objects.filter(pk=policy.pk).exists()
    reader.policies.remove(policy)
    assert site.post(url, {"post": "yes"}).status_code == 302
    assert not Policy.objects.filter(pk=policy.pk).exists()
    actions = [(action, by) for action, _values, by in told(resource_type="Policy")]
    assert actions == [
        (action, "root") for action in ("ram:CreatePolicy", "ram:CreatePolicyVersion", "ram:DeletePolicy")
    ]


def test_a_system_policy_is_only_shown(site: Client) -> None:
    policy = Policy.objects.get(account=None, name=VPC_FULL)
    page = site.get(f"{POLICIES}{policy.pk}/change/").content.decode()
    assert "vpc:*" in page
    assert "<textarea" not in page
    assert site.post(f"{POLICIES}{policy.pk}/change/", {"document": ALLOW}).status_code == 403
    assert site.post(f"{POLICIES}{policy.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [policy.pk], "post": "yes"}
    told_so = site.post(POLICIES, chosen, follow=True).content.decode()
    assert f"{VPC_FULL}: System policies cannot be changed." in told_so
    assert Policy.objects.filter(pk=policy.pk).exists()


def test_setting_the_same_policies_again_is_no_change(reader: User) -> None:
    administrators.set_policies(reader, list(reader.policies.all()))
    assert not Change.objects.exists()
