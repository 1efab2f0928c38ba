"""The form of a new flow log: what it offers, what it says, and what it creates."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.models import Account, Region, Role, User
from flowlogs import services
from flowlogs.models import FlowLog, Logstore, NetworkInterface, Part, Project, Vpc
from tests.flowlogs.conftest import make_interface, make_vpc
from tests.flowlogs.test_pages_flow_logs import CREATE, FRAGMENT, LIST, said, text

FORM = {
    "name": "production",
    "resource_type": "VPC",
    "resource_id": "vpc-1",
    "traffic_type": "All",
    "ip_version": "IPv4",
    "interval": "10",
    "path_mode": "all",
    "project_mode": "select",
    "project_name": "logs",
    "logstore_mode": "select",
    "logstore_name": "flows",
    "description": "",
}


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """A client that is logged in as the owner."""
    client.force_login(owner)
    return client


def test_it_goes_on_to_the_list(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    response = page.post(CREATE, FORM)
    flow_log = FlowLog.objects.get()
    assert response["Location"] == LIST
    assert said(response) == ["Flow log production is created."]
    assert (flow_log.status, flow_log.interval, flow_log.traffic_paths) == ("Activating", 10, [])


def test_a_panel_is_sent_on_as_a_whole(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    assert page.post(CREATE, FORM, headers=FRAGMENT)["HX-Redirect"] == LIST


def test_it_creates_project_and_logstore_too(page: Client, vpc: Vpc) -> None:
    target = {"project_name": "fresh", "logstore_name": "vpc-flows", "analysis_report": "on"}
    page.post(CREATE, FORM | target | {"project_mode": "create", "logstore_mode": "create"})
    logstore = Logstore.objects.get(project__name="fresh")
    assert (logstore.name, logstore.ttl, logstore.analysis_report) == ("vpc-flows", 7, True)
    assert FlowLog.objects.get().logstore_name == "vpc-flows"


def test_without_the_report_a_new_logstore_keeps_300_days(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    page.post(CREATE, FORM | {"logstore_mode": "create", "logstore_name": "other"})
    assert Logstore.objects.get(name="other").ttl == 300


def test_nothing_is_left_of_a_flow_log_that_breaks_a_rule(page: Client, vpc: Vpc) -> None:
    target = {"project_name": "fresh", "logstore_name": "vpc-flows"}
    response = page.post(CREATE, FORM | target | {"project_mode": "create", "name": "1"})
    assert response.status_code == 200
    assert not Project.objects.exists()
    assert not FlowLog.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        pytest.param({"name": "1"}, "name", "2 to 128 characters", id="name"),
        pytest.param({"description": "https://x"}, "description", "cannot start with", id="description"),
        pytest.param({"resource_id": ""}, "resource_id", "This parameter is required.", id="no resource"),
        pytest.param({"resource_id": "vpc-9"}, "resource_id", "does not exist", id="unknown resource"),
        pytest.param({"interval": "7"}, "interval", "Select a valid choice", id="interval"),
        pytest.param(
            {"path_mode": "single"}, "traffic_paths", "Choose at least one sampling path", id="no path"
        ),
        pytest.param(
            {"path_mode": "single", "traffic_paths": ["vbr"], "traffic_type": "Drop"},
            "traffic_paths",
            "do not record denied traffic",
            id="denied with a path",
        ),
        pytest.param(
            {"project_mode": "create", "project_name": "No"}, "project_name", "lowercase", id="project"
        ),
        pytest.param({"project_name": ""}, "project_name", "This parameter is required.", id="no project"),
        pytest.param({"logstore_name": "x9"}, "logstore_name", "does not exist", id="unknown Logstore"),
        pytest.param(
            {"logstore_mode": "create"}, "logstore_name", "already has a Logstore", id="Logstore taken"
        ),
    ],
)
def test_messages_stand_beside_their_fields(
    page: Client, vpc: Vpc, logstore: Logstore, changes: dict[str, Any], field: str, message: str
) -> None:
    response = page.post(CREATE, FORM | changes)
    assert list(response.context["form"].errors) == [field]
    assert message in str(response.context["form"].errors[field])
    found = re.search(rf'id="id_{field}_error">(.*?)</div>', response.content.decode(), re.DOTALL)
    assert found
    assert not FlowLog.objects.exists()


@pytest.mark.parametrize(
    "interval", ["1" * 5000, "٥", "", "-1"], ids=["5000 digits", "Arabic", "empty", "minus"]
)
def test_an_interval_that_is_none_of_the_three_is_the_default(
    page: Client, vpc: Vpc, logstore: Logstore, interval: str
) -> None:
    response = page.post(CREATE, FORM | {"interval": interval, "name": "1"})
    assert response.status_code == 200
    assert response.context["form"].values()["interval"] == 10


def test_everything_that_is_wrong_is_said_at_once(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    wrong = {"name": "1", "resource_id": "", "description": "x", "project_name": "", "interval": "7"}
    response = page.post(CREATE, FORM | wrong)
    assert set(response.context["form"].errors) == set(wrong)


def test_a_blocked_instance_is_named(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    vpc.instances.filter(pk="i-vsw-vpc-1-a-1").update(instance_type="ecs.n1.small")
    html = text(page.post(CREATE, FORM))
    assert "i-vsw-vpc-1-a-1 (ecs.n1.small)" in html


def test_the_quota_is_said_above_the_form(page: Client, many_flow_logs: Callable[[int], None]) -> None:
    many_flow_logs(10)
    assert "The quota of 10 flow logs in this region is used up." in text(page.post(CREATE, FORM))


def test_a_missing_gate_refuses(page: Client, account: Account, vpc: Vpc, logstore: Logstore) -> None:
    Role.objects.filter(account=account).delete()
    assert 'href="/authorize/"' in text(page.get(CREATE))
    assert "Delivery to Simple Log Service is not authorized" in text(page.post(CREATE, FORM))
    assert not FlowLog.objects.exists()


def test_the_resource_decides_its_type(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    page.post(CREATE, FORM | {"resource_id": "vsw-vpc-1-b"})
    assert FlowLog.objects.get().resource_type == "VSwitch"


def test_dual_stack_is_offered_where_the_region_has_it(page: Client, region: Region) -> None:
    assert "Dual-stack" in text(page.get(CREATE))
    Region.objects.filter(pk=region.pk).update(ipv6_available=False)
    assert "Dual-stack" not in text(page.get(CREATE))


def test_the_page_offers_resources_of_all_types_and_the_panel_those_of_one(page: Client, vpc: Vpc) -> None:
    whole, panel = page.get(CREATE), page.get(CREATE, headers=FRAGMENT)
    assert '<optgroup label="ENI">' in text(whole)
    assert "eni-vsw-vpc-1-a-1" in text(whole)
    assert "vpc-1 (vpc-1) · 10.0.0.0/8" in text(panel)
    assert "eni-vsw-vpc-1-a-1" not in text(panel)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("web-2", ["eni-vsw-vpc-1-a-2"]),
        ("10.0.1.", ["eni-vsw-vpc-1-b-1"]),
        ("i-vsw-vpc-1-a-1", ["eni-vsw-vpc-1-a-1"]),
        ("vsw-vpc-1-a", ["eni-vsw-vpc-1-a-1", "eni-vsw-vpc-1-a-2"]),
        ("vpc-8", []),
    ],
)
def test_resources_are_found_by_name_address_and_identifier(
    page: Client, stranger: User, region: Region, vpc: Vpc, words: str, expected: list[str]
) -> None:
    assert stranger.account is not None
    make_interface(make_vpc(stranger.account, region, "vpc-8").vswitches.earliest("pk"), 2)
    asked = FORM | {"resource_type": "NetworkInterface", "resource_id": "", "resource_search": words}
    html = page.post(CREATE, asked | {"refresh": "1"}, headers=FRAGMENT).content.decode()
    assert re.findall(r'<option value="(eni-[^"]*)"', html) == expected


def test_too_many_resources_are_cut_off_and_said_to_be(page: Client, vpc: Vpc) -> None:
    vswitch = vpc.vswitches.earliest("pk")
    NetworkInterface.objects.bulk_create(
        NetworkInterface(pk=f"eni-{number:03}", vpc=vpc, vswitch=vswitch) for number in range(200)
    )
    html = text(page.post(CREATE, {"resource_type": "NetworkInterface", "refresh": "1"}))
    assert "There are more." in html


def test_other_choices_keep_what_was_entered_and_create_nothing(
    page: Client, vpc: Vpc, logstore: Logstore
) -> None:
    asked = FORM | {"refresh": "1", "project_mode": "create", "interval": "1", "name": "kept"}
    response = page.post(CREATE, asked, headers=FRAGMENT)
    html = text(response)
    assert not FlowLog.objects.exists()
    assert 'value="kept"' in html
    assert re.search(r'<input[^>]*name="project_name"', html)
    assert re.search(r'<input[^>]*name="interval" value="1"[^>]*checked', html)
    assert not response.context["form"].is_bound


def test_what_is_wrong_is_said_before_the_form_is_sent(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    vpc.instances.filter(pk="i-vsw-vpc-1-a-1").update(instance_type="ecs.n1.small")
    asked = FORM | {"refresh": "1", "name": "1", "description": "", "project_name": ""}
    problems = page.post(CREATE, asked, headers=FRAGMENT).context["problems"]
    assert [problem[:40] for problem in problems] == [
        "The name must be 2 to 128 characters in ",
        "The name must start with a letter or Chi",
        "The VPC contains ECS instances of famili",
    ]
    assert page.get(CREATE).context["problems"] == []


def test_the_report_is_offered_only_where_the_logstore_lacks_it(
    page: Client, vpc: Vpc, logstore: Logstore
) -> None:
    old = int(timezone.now().timestamp()) - 30 * 86400
    Part.objects.create(
        logstore=logstore, path="old.parquet", rows=1200, size=1, hour=old // 3600, min_time=old, max_time=old
    )
    without = text(page.get(CREATE))
    assert 'name="analysis_report"' in without
    assert "The Logstore keeps records for 300 days. With the report it keeps records for 7 days." in without
    assert "This deletes 1,200 older records." in without
    services.enable_analysis_report(logstore, None)
    has = text(page.get(CREATE))
    assert 'name="analysis_report"' not in has
    assert "The Logstore keeps records for 7 days." in has


def test_the_report_is_off_for_a_logstore_with_records_and_on_for_a_new_one(
    page: Client, logstore: Logstore
) -> None:
    checked = r'name="analysis_report"[^>]*checked'
    assert not re.search(checked, text(page.get(CREATE)))
    asked = FORM | {"refresh": "1", "logstore_mode": "create", "report_for": "flows"}
    assert re.search(checked, text(page.post(CREATE, asked)))
    asked |= {"report_for": "create"}
    assert not re.search(checked, text(page.post(CREATE, asked)))
