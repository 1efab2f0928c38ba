"""The authorization wizard: steps in their order, for the owner; RAM users see whom to ask."""

import pytest
from django.test import Client

from console import access, hooks
from console.models import DELIVERY_ROLE, Account, Role, User


def test_owner_walks_through(client: Client, stranger: User) -> None:
    client.force_login(stranger)
    for step in ("activate", "authorize", "log-service"):
        assert client.get("/authorize/")["Location"] == f"/authorize/{step}/"
        assert client.get(f"/authorize/{step}/").status_code == 200
        assert client.post(f"/authorize/{step}/").status_code == 302
    assert client.get("/authorize/")["Location"] == "/authorize/done/"
    assert client.get("/authorize/done/").status_code == 200
    assert stranger.account is not None
    stranger.account.refresh_from_db()
    assert access.gates(stranger.account) == []


@pytest.mark.parametrize("step", ["authorize", "log-service", "done"])
def test_a_later_step_leads_to_the_first_that_is_missing(client: Client, stranger: User, step: str) -> None:
    client.force_login(stranger)
    assert client.get(f"/authorize/{step}/", follow=True).redirect_chain[-1][0] == "/authorize/activate/"
    client.post(f"/authorize/{step}/")
    assert not Role.objects.filter(account=stranger.account).exists()


def test_the_policy_of_the_role_is_shown(client: Client, stranger: User) -> None:
    client.force_login(stranger)
    client.post("/authorize/activate/")
    page = client.get("/authorize/authorize/").content.decode()
    for word in (DELIVERY_ROLE, "AliyunVPCLogArchiveRolePolicy", "log:PostLogStoreLogs", "vpc.aliyuncs.com"):
        assert word in page


def test_ram_user_sees_whom_to_ask_and_may_not(
    client: Client, owner: User, reader: User, account: Account
) -> None:
    Role.objects.filter(account=account).delete()
    client.force_login(reader)
    page = client.get("/authorize/authorize/").content.decode()
    assert "Ask alice" in page
    response = client.post("/authorize/authorize/")
    assert response.status_code == 403
    assert "ram:CreateRole" in response.content.decode()
    assert access.gates(account) == ["authorize"]


def test_revoking_needs_the_name_of_the_role(client: Client, owner: User, account: Account) -> None:
    client.force_login(owner)
    wrong = client.post("/authorize/revoke/", {"role": "something"})
    assert "That is not the name of the role" in wrong.content.decode()
    assert access.gates(account) == []
    client.post("/authorize/revoke/", {"role": DELIVERY_ROLE})
    assert access.gates(account) == ["authorize"]


def test_revoking_says_what_will_stop(client: Client, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(hooks._dependents, "test", lambda account: ["3 flow logs in cn-hangzhou"])
    client.force_login(owner)
    page = client.get("/authorize/revoke/").content.decode()
    assert "3 flow logs in cn-hangzhou" in page
    assert "are delivered once delivery is authorized again." in page


def test_ram_user_may_not_revoke(client: Client, owner: User, reader: User, account: Account) -> None:
    client.force_login(reader)
    assert client.post("/authorize/revoke/", {"role": DELIVERY_ROLE}).status_code == 403
    assert access.gates(account) == []


def test_unknown_step_is_not_found(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert client.get("/authorize/nothing/").status_code == 404


def test_user_without_account_may_not(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("carol"))
    assert client.get("/authorize/").status_code == 403


def test_visitor_logs_in_first(client: Client, db: None) -> None:
    assert client.get("/authorize/")["Location"] == "/login/?next=/authorize/"
