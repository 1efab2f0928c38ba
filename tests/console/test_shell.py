"""What every page has: headers, navigation, regions, static files, error pages."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path

from console import hooks, reference, urls
from console.context import Shell
from console.hooks import NavItem
from console.models import Account, Policy, Region, User
from console.reference import VPC_FULL


def broken(request: HttpRequest) -> HttpResponse:
    """A view with a fault."""
    raise RuntimeError("secret detail")


def plain(request: HttpRequest, region_id: str) -> HttpResponse:
    """A view below a region."""
    return HttpResponse(request.region.name)  # type: ignore[attr-defined]


handler400, handler403, handler404, handler500 = (
    urls.handler400,
    urls.handler403,
    urls.handler404,
    urls.handler500,
)
urlpatterns = [
    path("broken/", broken),
    path("<region:region_id>/plain/", plain, name="plain"),
    *urls.urlpatterns,
]


def test_security_headers(client: Client, db: None) -> None:
    response = client.get("/login/")
    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Request-Id"]


def test_pages_of_an_account_are_not_stored_and_vary_with_htmx(client: Client, owner: User) -> None:
    assert "Cache-Control" not in client.get("/theme/")
    client.force_login(owner)
    response = client.get("/authorize/done/")
    assert response["Cache-Control"] == "no-store"
    assert "HX-Request" in response["Vary"]


def test_admin_alone_may_have_style_elements(admin_client: Client) -> None:
    policy = admin_client.get("/admin/")["Content-Security-Policy"]
    assert "style-src-elem 'self' 'unsafe-inline'" in policy
    assert "script-src 'self';" in policy + ";"


def test_admin_names_its_icon(admin_client: Client) -> None:
    assert "console/favicon" in admin_client.get("/admin/").content.decode().partition("</head>")[0]


def test_only_the_demo_account_is_called_so(client: Client, owner: User, account: Account) -> None:
    client.force_login(owner)
    assert "Demo account" not in client.get("/password/").content.decode()
    account.is_demo = True
    account.save()
    assert "Demo account" in client.get("/password/").content.decode()


def test_admin_is_for_administrators(client: Client, owner: User) -> None:
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/login/?next=/admin/"
    client.force_login(owner)
    assert client.get("/admin/", follow=True).status_code == 403


@pytest.mark.urls(__name__)
def test_region_is_that_of_the_address_and_is_remembered(client: Client, owner: User) -> None:
    client.force_login(owner)
    response = client.get("/cn-beijing/plain/")
    assert response.content.decode() == "China (Beijing)"
    assert response.cookies["flowlog_region"].value == "cn-beijing"
    assert "flowlog_region" not in client.get("/cn-beijing/plain/").cookies


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("region", ["cn-nowhere", "xx-hangzhou", "cn-hangzhou--"])
def test_unknown_region_is_not_found(client: Client, owner: User, region: str) -> None:
    client.force_login(owner)
    assert client.get(f"/{region}/plain/").status_code == 404


@pytest.mark.urls(__name__)
def test_error_page_tells_the_request_but_not_the_fault(client: Client, db: None) -> None:
    client.raise_request_exception = False
    response = client.get("/broken/")
    page = response.content.decode()
    assert response.status_code == 500
    assert response["X-Request-Id"] in page
    assert "secret detail" not in page


def test_not_found_page_is_in_the_shell(client: Client, owner: User) -> None:
    client.force_login(owner)
    response = client.get("/nothing/here/")
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()
    assert "alice" in response.content.decode()


def test_foreign_host_is_a_bad_request(client: Client, db: None) -> None:
    assert client.get("/login/", headers={"host": "example.com"}).status_code == 400


def shell_of(user: User, region: Region, path: str = "/authorize/") -> Shell:
    request: Any = RequestFactory().get(path)
    request.user, request.region, request.account = user, region, user.account
    request.resolver_match = None
    return Shell(request)


def test_navigation_shows_what_the_user_may_see(
    owner: User, reader: User, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [
        NavItem("Network", "Change", "console:password", 2, "vpc:CreateFlowLog"),
        NavItem("Network", "Authorization", "console:authorize", 1, "vpc:DescribeFlowLogs"),
    ]
    monkeypatch.setattr(hooks, "_nav", {item.url_name: item for item in items})
    [section] = shell_of(owner, region).sections()
    assert [entry["label"] for entry in section["entries"]] == ["Authorization", "Change"]
    assert section["entries"][0]["current"]
    [section] = shell_of(reader, region).sections()
    assert [entry["label"] for entry in section["entries"]] == ["Authorization"]


def test_region_menu_is_grouped_by_area(owner: User, region: Region) -> None:
    areas = {area["label"]: area["links"] for area in shell_of(owner, region).areas()}
    assert set(areas) == {"China", "Asia Pacific", "Europe & Americas", "Middle East"}
    assert '<a class="menu-item" href="/?region=me-east-1">' in areas["Middle East"]
    assert areas["China"].count(' aria-current="true"') == 1
    assert f' aria-current="true">{region.label}<small>{region.id}</small>' in areas["China"]


def test_an_address_in_the_region_menu_cannot_become_markup(owner: User, region: Region) -> None:
    shell = shell_of(owner, region, "/cn-hangzhou/{x}<b>/")
    shell.request.path = '/cn-hangzhou/{x}"><b>/'
    shell.request.resolver_match = SimpleNamespace(kwargs={"region_id": "cn-hangzhou"})  # type: ignore[assignment]
    [first, *_others] = shell.areas()
    assert "{x}&quot;&gt;&lt;b&gt;" in first["links"]
    assert "<b>" not in first["links"]


def test_home_leads_to_the_asked_or_the_last_region(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert client.get("/?region=eu-west-1")["Location"].startswith("/eu-west-1/")
    client.cookies["flowlog_region"] = "us-east-1"
    assert client.get("/")["Location"].startswith("/us-east-1/")
    client.cookies["flowlog_region"] = "gone"
    assert client.get("/")["Location"].startswith("/cn-hangzhou/")


def test_home_is_the_first_page_of_the_navigation_that_the_user_may_see(
    client: Client, owner: User, reader: User
) -> None:
    client.force_login(owner)
    assert client.get("/")["Location"] == "/cn-hangzhou/overview/"
    allow(reader, "ecs:DescribeInstances", "acs:ecs:cn-beijing:*:*")
    client.force_login(reader)
    assert client.get("/")["Location"] == "/cn-beijing/instances/"
    page = client.get("/?region=cn-hangzhou")
    assert (page.status_code, "In this region, no policy allows you any page." in page.content.decode()) == (
        200,
        True,
    )


def test_who_may_see_no_page_learns_why_and_whom_to_ask(
    client: Client,
    owner: User,
    reader: User,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    reader.policies.clear()
    client.force_login(reader)
    assert client.get("/cn-hangzhou/flow-logs/").status_code == 403
    client.get("/")
    with django_assert_num_queries(7):
        page = client.get("/")
    assert page.status_code == 200
    assert (
        "Ask alice, the owner of the account, for a policy that allows vpc:DescribeFlowLogs."
        in page.content.decode()
    )
    main = page.content.decode().partition("<main")[2].partition("</main>")[0]
    assert 'action="/logout/"' in main
    assert 'href="/password/"' in main
    assert 'href="/"' not in main


@pytest.mark.parametrize("path", ["/find/", "/authorize/done/", "/ram/users/", "/password/", "/nothing/"])
def test_pages_without_a_region_have_the_region_menu_with_the_last_one(
    client: Client, owner: User, path: str
) -> None:
    client.force_login(owner)
    client.cookies["flowlog_region"] = "cn-beijing"
    page = client.get(path).content.decode()
    assert '<span class="region-name">China (Beijing)</span>' in page
    assert '<a class="menu-item" href="/?region=cn-shanghai">' in page
    assert '<a class="side-link" href="/cn-beijing/overview/">' in page


def test_the_navigation_of_a_page_without_a_region_is_that_of_the_last_one(
    client: Client, reader: User
) -> None:
    allow(reader, "vpc:DescribeVpcs", "acs:vpc:cn-beijing:*:*")
    client.force_login(reader)
    client.cookies["flowlog_region"] = "cn-beijing"
    assert 'href="/cn-beijing/vpcs/"' in client.get("/password/").content.decode()
    client.cookies["flowlog_region"] = "cn-hangzhou"
    assert "/vpcs/" not in client.get("/password/").content.decode()


def allow(user: User, action: str, resource: str) -> None:
    """Let a user do nothing but this."""
    document = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
    user.policies.set([Policy.objects.create(account=user.account, name="only", document=document)])


def test_reference_data_is_added_once_and_changes_are_kept(db: None) -> None:
    Region.objects.filter(id="cn-hangzhou").update(flow_logs_available=False)
    reference.ensure()
    assert Region.objects.count() == len(reference.REGIONS)
    assert not Region.objects.get(id="cn-hangzhou").flow_logs_available
    assert Policy.objects.filter(account=None).count() == len(reference.SYSTEM_POLICIES)


def test_reference_data_of_an_older_release_is_brought_up_to_date(
    account: Account, django_assert_num_queries: Any
) -> None:
    old = {"Version": "1", "Statement": []}
    Policy.objects.filter(account=None, name=VPC_FULL).update(document=old, description="Old.")
    Policy.objects.create(account=account, name="mine", kind=Policy.Kind.CUSTOM, document=old)
    Region.objects.filter(id="cn-qingdao").update(name="Old", area="Old", order=99, ipv6_available=False)
    reference.ensure()
    policy = Policy.objects.get(account=None, name=VPC_FULL)
    assert (policy.description, policy.document) == reference.SYSTEM_POLICIES[VPC_FULL]
    assert Policy.objects.get(name="mine").document == old
    region = Region.objects.get(id="cn-qingdao")
    assert (region.name, region.area, region.order) == ("China (Qingdao)", reference.CHINA, 2)
    assert not region.ipv6_available
    with django_assert_num_queries(2):
        reference.ensure()


def test_static_files_carry_a_version_and_are_kept(client: Client, db: None) -> None:
    url = staticfiles_storage.url("console/base.css")
    response = client.get(url)
    assert "?v=" in url
    assert response.status_code == 200
    assert "max-age=31536000" in response["Cache-Control"]


def test_chart_library_is_served_out_of_its_package(client: Client, db: None) -> None:
    assert client.get(staticfiles_storage.url("plotly/plotly.min.js")).status_code == 200


def test_a_page_costs_a_fixed_number_of_queries(
    client: Client, owner: User, django_assert_num_queries: Any
) -> None:
    client.force_login(owner)
    with django_assert_num_queries(6):
        client.get("/authorize/done/")
