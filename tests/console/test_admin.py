"""The admin site of the console: settings are changed there, each change is written down with who made it."""

import html
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.text import capfirst

from console import changes, names
from console.models import Account, Change, Policy, Region, Role, User
from console.reference import VPC_FULL


@pytest.fixture
def root(db: None) -> User:
    """Someone who administers the installation and is in no account."""
    return User.objects.create_superuser("root", password="correct horse")


@pytest.fixture
def site(client: Client, root: User) -> Client:
    """Their browser."""
    client.force_login(root)
    return client


def edit(site: Client, row: Any, **values: Any) -> Any:
    """Save the change form of a row with other values."""
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    form = site.get(url).context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    kept = {name: value for name, value in data.items() if value is not None and value is not False}
    wanted = {name: value for name, value in {**kept, **values}.items() if value is not None}
    return site.post(url, wanted)


def told(resource_type: str) -> Change:
    """The only change of a type of resource."""
    return Change.objects.get(resource_type=resource_type)


def test_every_model_is_registered() -> None:
    assert set(apps.get_app_config("console").get_models()) <= set(admin.site._registry)


@pytest.mark.parametrize(
    ("values", "changed"),
    [
        ({"flow_log_quota": "25"}, {"flow_log_quota": [10, 25]}),
        ({"blocks_old_families": None}, {"blocks_old_families": [True, False]}),
        ({"name": "Beta"}, {"name": ["Alpha", "Beta"]}),
        ({"index_price": "0.050000"}, {"index_price": ["0.000000", "0.050000"]}),
        ({"flow_log_quota": "10"}, None),
    ],
    ids=["quota", "old families", "name", "price", "nothing"],
)
def test_settings_of_an_account_are_noted(
    site: Client, root: User, account: Account, values: dict[str, Any], changed: dict[str, Any] | None
) -> None:
    assert edit(site, account, **values).status_code == 302
    if changed is None:
        assert not Change.objects.exists()
        return
    change = told("Account")
    assert change.values == changed
    assert (change.user, change.user_name, change.account) == (root, "root", account)
    account.refresh_from_db()
    assert {name: str(getattr(account, name)) for name in changed} == {
        name: str(pair[1]) for name, pair in changed.items()
    }


def test_a_price_against_the_rule_is_refused_beside_its_field(site: Client, account: Account) -> None:
    page = edit(site, account, index_price="-1", flow_log_quota="30")
    assert page.context["adminform"].form.errors == {
        "index_price": ["Enter a price from 0 to 999,999.999999 USD, with at most 6 decimal places."]
    }
    account.refresh_from_db()
    assert account.flow_log_quota == 10
    assert not Change.objects.exists()


def test_an_account_is_made_with_its_prices_and_stays(site: Client, db: None) -> None:
    entered = {"id": "1000000000000077", "name": "New", "flow_log_quota": "10", "storage_price": "0.02"}
    prices = {"index_price": "0", "transformation_price": "0"}
    page = site.post(reverse("admin:console_account_add"), {**entered, **prices})
    assert page.status_code == 302
    account = Account.objects.get(name="New")
    assert str(account.storage_price) == "0.020000"
    actions = Change.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["admin:CreateAccount", "log:ModifyPrices"]
    assert (
        site.post(reverse("admin:console_account_delete", args=[account.pk]), {"post": "yes"}).status_code
        == 403
    )


@pytest.mark.parametrize("field", ["flow_logs_available", "ipv6_available"])
def test_what_is_available_in_a_region_is_noted(site: Client, region: Region, field: str) -> None:
    assert edit(site, region, **{field: None}).status_code == 302
    change = told("Region")
    assert (change.action, change.resource_id, change.values) == (
        *("admin:ModifyRegion", region.pk),
        {field: [True, False]},
    )


@pytest.mark.parametrize(
    ("path", "field", "documents"),
    [
        (
            "account",
            "flow_log_quota",
            ["Flow logs, concepts (about 2019)", "VPC flow log pages (end of 2025)"],
        ),
        ("account", "blocks_old_families", ["Create a flow log (about 2020)"]),
        ("account", "index_price", ["Create a flow log, reseller edition (about 2019)"]),
        ("region", "flow_logs_available", ["Flow logs, concepts (about 2019)"]),
        ("region", "ipv6_available", ["Flow logs, overview and management (2024)"]),
    ],
)
def test_a_setting_names_the_documents_that_it_is_from(
    site: Client, account: Account, region: Region, path: str, field: str, documents: list[str]
) -> None:
    row = {"account": account, "region": region}[path]
    form = site.get(reverse(f"admin:console_{path}_change", args=[row.pk])).context["adminform"].form
    for document in documents:
        assert f"{document}: " in str(form.fields[field].help_text)


@pytest.mark.parametrize("name", ["admin", "xss-1", "Bad Region/..", "cn-"])
def test_a_region_whose_pages_could_not_be_reached_is_refused(site: Client, name: str) -> None:
    row = {"id": name, "name": "Somewhere", "area": "China", "order": "0"}
    assert site.post(reverse("admin:console_region_add"), row).status_code == 200
    assert not Region.objects.filter(name="Somewhere").exists()


def test_a_region_whose_pages_can_be_reached_is_made(site: Client) -> None:
    row = {"id": "ap-south-9", "name": "Somewhere", "area": "China", "order": "0"}
    assert site.post(reverse("admin:console_region_add"), row).status_code == 302
    assert Region.objects.get(id="ap-south-9").name == "Somewhere"


def test_regions_and_areas_are_named_in_the_language_of_the_page(site: Client, region: Region) -> None:
    url = reverse("admin:console_region_changelist") + "?area=Asia+Pacific"
    page = site.get(url, headers={"accept-language": "zh-hans"}).content.decode()
    for said in ("新加坡", ">亚太</td>", ">欧洲与美洲</a>"):
        assert said in page
    assert "cn-hangzhou" not in page
    assert "Singapore" not in page
    assert "Asia Pacific<" not in page


@pytest.mark.parametrize(
    ("path", "shown", "stored"),
    [
        ("region/cn-hangzhou/change/", "华东1（杭州）", "China (Hangzhou)"),
        ("policy/?kind__exact=System", "管理 VPC 和流日志。", "Manage VPCs and flow logs."),
        ("policy/{policy}/change/", "管理 VPC 和流日志。", "Manage VPCs and flow logs."),
    ],
)
def test_what_comes_with_a_release_is_in_the_language_of_the_page(
    site: Client, path: str, shown: str, stored: str
) -> None:
    policy = Policy.objects.get(account=None, name=VPC_FULL)
    url = f"/admin/console/{path.format(policy=policy.pk)}"
    page = site.get(url, headers={"accept-language": "zh-hans"}).content.decode()
    assert shown in page
    assert stored not in page
    assert stored in html.unescape(site.get(url).content.decode())


def test_names_that_were_given_other_words_are_in_the_catalogue() -> None:
    assert {"display name", "administrator", "user name"} <= names.derived()


# ---- the audit ---------------------------------------------------------------------------------------


def test_what_is_done_in_somebodys_name_ends_with_it(db: None, root: User, owner: User) -> None:
    def note(action: str, by: User | None = None) -> str:
        changes.note(action, "Vpc", "vpc-1", by=by, account_id=None)
        return Change.objects.get(action=action).user_name

    with changes.acting_as(root):
        assert note("one") == "root"
        assert note("two", owner) == "alice"
    assert note("three") == ""


@pytest.fixture
def audit(account: Account, owner: User) -> None:
    """A few changes."""
    for number in range(3):
        changes.note(
            *("vpc:CreateVpc", "Vpc", f"vpc-{number}"), by=owner, account_id=account.pk,
            region_id="cn-hangzhou", values={"name": (None, f"<b>{number}</b>")},
        )  # fmt: skip
    changes.note("log:DeleteProject", "Project", "logs", by=None, account_id=None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 4),
        ("?action=vpc:CreateVpc", 3),
        ("?resource_type=Project", 1),
        ("?resource_type=Vpc&resource_id=vpc-1", 1),
        ("?account__id__exact=1000000000000042", 3),
        ("?region__id__exact=cn-beijing", 0),
        ("?at__gte=2100-01-01+00:00:00%2B00:00", 0),
        ("?q=vpc-2", 1),
        ("?q=alice", 3),
        ("?resource_type=Nothing", 0),
    ],
)
def test_changes_are_filtered(site: Client, audit: None, query: str, found: int) -> None:
    page = site.get(reverse("admin:console_change_changelist") + query)
    assert page.status_code == 200
    assert page.context["cl"].result_count == found


def test_a_change_tells_what_was_before_and_after_and_nobody_edits_it(site: Client, audit: None) -> None:
    change = Change.objects.filter(resource_type="Vpc").first()
    assert change is not None
    url = reverse("admin:console_change_change", args=[change.pk])
    page = site.get(url).content.decode()
    assert "&lt;b&gt;" in page
    assert "<b>2</b>" not in page
    assert f"/admin/flowlogs/vpc/?q={change.resource_id}" in page
    assert f"/admin/console/change/?resource_type=Vpc&amp;resource_id={change.resource_id}" in page
    assert "alice" in page
    assert site.post(url, {"action": "x"}).status_code == 403
    assert (
        site.post(reverse("admin:console_change_delete", args=[change.pk]), {"post": "yes"}).status_code
        == 403
    )
    assert site.get(reverse("admin:console_change_add")).status_code == 403


def test_the_page_of_a_thing_leads_to_its_changes(site: Client, account: Account, region: Region) -> None:
    role = Role.objects.get()
    for row, asked in (
        (account, f"resource_type=Account&amp;resource_id={account.pk}"),
        (region, f"resource_type=Region&amp;resource_id={region.pk}"),
        (role, f"resource_type=Account&amp;resource_id={account.pk}"),
    ):
        url = reverse(f"admin:console_{row._meta.model_name}_change", args=[row.pk])
        assert f"/admin/console/change/?{asked}" in site.get(url).content.decode()


# ---- words and large tables --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/admin/", ">vSwitches</a>"),
        ("/admin/", ">VPCs</a>"),
        ("/admin/", ">ENIs</a>"),
        ("/admin/flowlogs/vswitch/", "&rsaquo; vSwitches"),
        ("/admin/flowlogs/exporterbinding/add/", ">vSwitch:<"),
        ("/admin/flowlogs/exporterbinding/add/", ">VPC:<"),
        ("/admin/console/region/", ">IPv6 available<"),
    ],
)
def test_names_are_written_as_on_the_pages(site: Client, path: str, heading: str) -> None:
    page = site.get(path).content.decode()
    assert heading in page
    assert "VSwitch" not in page
    assert "Vpc" not in page


def test_a_name_is_kept_at_the_beginning_and_another_is_not() -> None:
    assert [capfirst(names.kept(name)) for name in ("vSwitch", "flow log", "VPC", "", "v")] == [
        *("vSwitch", "Flow log", "VPC", "", "V"),
    ]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("q=vpc-1", "resource_id"),
        ("q=alice", "user_name"),
        ("q=vpc:CreateVpc", "action"),
        ("q=1000000000000042", "account_id"),
        ("action=vpc:CreateVpc", "action"),
        ("resource_type=Vpc", "resource_type"),
        ("region__id__exact=cn-hangzhou", "region_id"),
        ("at__gte=2020-01-01+00:00:00%2B00:00", "at"),
    ],
)
def test_the_audit_is_searched_and_filtered_in_an_index(
    site: Client, audit: None, query: str, index: str
) -> None:
    shown = site.get(f"{reverse('admin:console_change_changelist')}?{query}").context["cl"].queryset
    plan = str(shown[:50].explain())
    assert "USE TEMP B-TREE" not in plan
    if connection.vendor == "sqlite":
        assert f"({index}" in plan
        assert "SCAN" not in plan


def test_a_search_for_several_words_narrows_and_one_that_is_nowhere_finds_nothing(
    site: Client, audit: None
) -> None:
    page = reverse("admin:console_change_changelist")
    for asked, found in (("alice vpc-1", 1), ("alice nothing", 0), ("a " * 200, 0)):
        assert site.get(f"{page}?q={asked}").context["cl"].result_count == found
