"""Who may do what where, and what stands before the first flow log."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from console import access
from console.access import ActionDenied, gates, may, resource_name
from console.models import Account, Policy, Region, Role, User

CREATE = "vpc:CreateFlowLog"
READ = "vpc:DescribeFlowLogs"


def test_owner_may_do_everything_in_own_account_only(owner: User, stranger: User) -> None:
    theirs = resource_name("vpc", "cn-hangzhou", stranger.account_id or "", "flowlog/fl-1")
    assert may(owner, CREATE)
    assert may(owner, CREATE, resource_name("vpc", "cn-hangzhou", owner.account_id or ""))
    assert not may(owner, CREATE, theirs)


def test_ram_user_may_do_what_policies_allow(reader: User) -> None:
    assert may(reader, READ)
    assert not may(reader, CREATE)


def test_ram_user_may_do_nothing_in_another_account(reader: User, stranger: User) -> None:
    assert not may(reader, READ, resource_name("vpc", "cn-hangzhou", stranger.account_id or ""))


def test_nobody_else_may_do_anything(owner: User, db: None) -> None:
    owner.is_active = False
    without_account = User.objects.create_user("carol", is_superuser=True)
    assert not may(AnonymousUser(), READ)
    assert not may(owner, READ)
    assert not may(without_account, READ)


def test_a_policy_that_cannot_be_followed_denies_all(reader: User) -> None:
    broken = Policy.objects.create(
        account=reader.account, name="broken", document={"Statement": [{"Effect": "Deny", "Condition": {}}]}
    )
    reader.policies.add(broken)
    assert not may(reader, READ)


def test_an_answer_says_why(owner: User, reader: User, stranger: User) -> None:
    theirs = resource_name("vpc", "cn-hangzhou", stranger.account_id or "")
    assert access.explain(owner, CREATE) == access.Answer(True, access.Reason.OWNER)
    assert access.explain(owner, CREATE, theirs) == access.Answer(False, access.Reason.ELSEWHERE)
    assert access.explain(AnonymousUser(), CREATE) == access.Answer(False, access.Reason.DISABLED)
    assert access.explain(reader, CREATE).reason is access.Reason.NOTHING
    answer = access.explain(reader, READ)
    assert (answer.allowed, answer.reason) == (True, access.Reason.STATEMENT)
    [match] = answer.decision.deciding
    assert reader.policies.all()[match.document].name == "AliyunVPCReadOnlyAccess"


def test_a_policy_that_cannot_be_followed_is_refused_by_its_model(account: Account) -> None:
    with pytest.raises(ValidationError, match="exactly the elements"):
        Policy(account=account, name="broken", document={"Statement": [{"Effect": "Deny"}]}).full_clean()


def test_policies_are_read_once_a_request(reader: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        for _ in range(5):
            may(reader, READ)


@access.requires(CREATE)
def view(request: HttpRequest) -> HttpResponse:
    """A view for these tests."""
    return HttpResponse("done")


def ask(user: Any, region: Region, **headers: str) -> HttpRequest:
    request: Any = RequestFactory().get("/cn-hangzhou/x/", headers=headers)
    request.user, request.region = user, region
    request.account = getattr(user, "account", None)
    return request


def test_requires_lets_the_permitted_in(owner: User, region: Region) -> None:
    assert view(ask(owner, region)).status_code == 200


def test_requires_sends_visitors_to_the_login_page_and_back(region: Region) -> None:
    response = view(ask(AnonymousUser(), region))
    assert response.status_code == 302
    assert response["Location"] == "/login/?next=/cn-hangzhou/x/"


def test_requires_reloads_the_page_of_a_fragment_whose_session_ended(region: Region) -> None:
    response = view(ask(AnonymousUser(), region, **{"HX-Request": "true"}))
    assert (response.status_code, response["HX-Refresh"]) == (401, "true")


def test_requires_names_the_action_that_is_missing(reader: User, region: Region) -> None:
    with pytest.raises(ActionDenied, match=CREATE):
        view(ask(reader, region))


def test_requires_asks_for_the_region_of_the_page(reader: User, region: Region) -> None:
    only_here = {"Statement": [{"Effect": "Allow", "Action": CREATE, "Resource": "acs:vpc:cn-hangzhou:*:*"}]}
    reader.policies.add(Policy.objects.create(account=reader.account, name="here", document=only_here))
    assert view(ask(reader, region)).status_code == 200
    with pytest.raises(ActionDenied):
        view(ask(reader, Region.objects.get(id="cn-beijing")))


def test_gates_are_missing_in_their_order(stranger: User) -> None:
    assert stranger.account is not None
    assert gates(stranger.account) == ["activate", "authorize", "log-service"]


def test_no_gate_is_missing(account: Account) -> None:
    assert gates(account) == []
    assert access.delivery_authorized(account)


def test_a_detached_policy_closes_the_gate(account: Account) -> None:
    Role.objects.filter(account=account).update(policy_name="")
    assert gates(account) == ["authorize"]
    assert not access.delivery_authorized(account)


@pytest.mark.parametrize(
    ("action", "path"),
    [
        ("vpc:DescribeFlowLogs", "vpc:cn-hangzhou:{account}:flowlog/*"),
        ("vpc:DescribeVpcs", "vpc:cn-hangzhou:{account}:vpc/*"),
        ("ecs:DescribeNetworkInterfaces", "ecs:cn-hangzhou:{account}:eni/*"),
        ("log:ListProject", "log:cn-hangzhou:{account}:project/*"),
        ("log:GetLogStoreLogs", "log:cn-hangzhou:{account}:project/*/logstore/*"),
        ("ram:ListUsers", "ram:*:{account}:user/*"),
    ],
)
def test_a_page_of_all_asks_for_all_resources_of_their_kind(
    reader: User, region: Region, action: str, path: str
) -> None:
    request = ask(reader, region)
    reader.policies.clear()
    name = f"acs:{path.format(account=reader.account_id)}"
    for effects, expected in ((["Allow"], True), (["Allow", "Deny"], False)):
        reader = User.objects.get(pk=reader.pk)
        for effect in effects:
            document = {"Statement": [{"Effect": effect, "Action": action, "Resource": name}]}
            reader.policies.add(
                Policy.objects.create(account=reader.account, name=f"{effect}-{expected}", document=document)
            )
        request.user = User.objects.get(pk=reader.pk)
        assert access.allowed_here(request, action) is expected
