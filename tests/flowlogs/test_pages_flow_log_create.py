"""The form of a new flow log: what it offers, what it says, and what it creates."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from console.models import Account, Region, Role, User
from flowlogs import services
from flowlogs.estimates import Estimate
from flowlogs.models import FlowLog, Instance, Logstore, NetworkInterface, Part, Project, Vpc
from flowlogs.views import flow_log_create
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


NAMED = f"{CREATE}?project_name=logs&logstore_name=flows"


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


ASKED = "search=a&sort=name&page_size=50&columns=status.tags"


def test_it_goes_on_to_the_list_as_it_was_below_the_panel(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    below = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{LIST}?{ASKED}&page=2"}
    panel = page.get(CREATE, headers=below).content.decode()
    kept = f"{LIST}?{ASKED}".replace("&", "&amp;")
    assert f'name="next" value="{kept}"' in panel
    assert f'data-close href="{kept}"' in panel
    sent = FORM | {"next": f"{LIST}?{ASKED}"}
    again = page.post(CREATE, sent | {"name": "x"}, headers=FRAGMENT).content.decode()
    assert f'name="next" value="{kept}"' in again, "an error keeps it"
    assert page.post(CREATE, sent, headers=FRAGMENT)["HX-Redirect"] == f"{LIST}?{ASKED}"


def test_without_scripts_the_link_says_where_to_go_on(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    html = page.get(f"{LIST}?{ASKED}").content.decode()
    [link] = re.findall(rf'href="({CREATE}\?next=[^"]*)"', html)
    form = page.get(link).content.decode()
    assert f'name="next" value="{LIST}?{ASKED}"'.replace("&", "&amp;") in form


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/cn-hangzhou/overview/", "javascript:x"]
)
def test_it_goes_on_to_nothing_but_the_list(
    page: Client, vpc: Vpc, logstore: Logstore, elsewhere: str
) -> None:
    assert page.post(CREATE, FORM | {"next": elsewhere})["Location"] == LIST
    assert f'name="next" value="{LIST}"' in page.get(CREATE, {"next": elsewhere}).content.decode()


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
    found = re.search(rf'id="id_{field}_error"[^>]*>(.*?)</div>', response.content.decode(), re.DOTALL)
    assert found
    assert message in found[1]
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
    barred = r'value="DualStack"[^>]*disabled'
    assert not re.search(barred, text(page.get(CREATE)))
    Region.objects.filter(pk=region.pk).update(ipv6_available=False)
    html = text(page.get(CREATE))
    assert re.search(barred, html)
    assert "Not available in this region" in html


def test_dual_stack_is_refused_where_the_region_has_none(
    page: Client, region: Region, vpc: Vpc, logstore: Logstore
) -> None:
    Region.objects.filter(pk=region.pk).update(ipv6_available=False)
    response = page.post(CREATE, FORM | {"ip_version": "DualStack"})
    assert "Dual-stack flow logs are not available in this region." in text(response)
    assert not FlowLog.objects.exists()


def test_a_region_without_flow_logs_says_so_and_creates_none(
    page: Client, region: Region, vpc: Vpc, logstore: Logstore
) -> None:
    Region.objects.filter(pk=region.pk).update(flow_logs_available=False)
    html = text(page.get(CREATE))
    assert "Flow logs are not available in this region" in html
    assert re.search(r'<button class="button button-primary" disabled>OK', html)
    assert "Flow logs are not available in this region." in text(page.post(CREATE, FORM))
    assert not FlowLog.objects.exists()


def test_resources_of_the_chosen_type_are_offered(page: Client, vpc: Vpc) -> None:
    vpcs = text(page.get(CREATE))
    assert "vpc-1 (vpc-1) · 10.0.0.0/8" in vpcs
    assert "eni-vsw-vpc-1-a-1" not in vpcs
    interfaces = text(page.post(CREATE, {"refresh": "1", "resource_type": "NetworkInterface"}))
    assert "web-1 (eni-vsw-vpc-1-a-1) · 10.0.0.1" in interfaces
    instances = text(page.post(CREATE, {"refresh": "1", "resource_type": "Instance"}))
    assert "i-vsw-vpc-1-a-1 · 10.0.0.1" in instances


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
    assert re.findall(r'name="resource_id" value="(eni-[^"]*)"', html) == expected


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
    said = page.post(CREATE, asked, headers=FRAGMENT).context["form"].messages
    assert {field: [each[:40] for each in found] for field, found in said.items()} == {
        "name": ["The name must be 2 to 128 characters in ", "The name must start with a letter or Chi"],
        "resource_id": ["The VPC contains ECS instances of famili"],
    }
    assert page.get(CREATE).context["form"].messages == {}


def problems(html: str) -> str:
    """Return what the box beside the form says against it."""
    found = re.search(r'id="problems"[^>]*>(.*?)</div>', html, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("change", "asked", "message"),
    [
        pytest.param(
            lambda: Instance.objects.filter(pk="i-vsw-vpc-1-a-1").update(instance_type="ecs.n1.small"),
            {},
            "families that do not support flow logs: i-vsw-vpc-1-a-1 (ecs.n1.small).",
            id="family",
        ),
        pytest.param(
            lambda: Account.objects.update(flow_log_quota=0), {}, "The quota of 0 flow logs", id="quota"
        ),
        pytest.param(Role.objects.all().delete, {}, "the role or its policy is missing", id="gate"),
        pytest.param(
            lambda: Region.objects.update(flow_logs_available=False), {}, "not available", id="region"
        ),
        pytest.param(
            lambda: Region.objects.update(ipv6_available=False),
            {"ip_version": "DualStack"},
            "Dual-stack flow logs are not available",
            id="Dual-stack",
        ),
        pytest.param(
            lambda: None,
            {"path_mode": "single", "traffic_paths": ["vbr"], "traffic_type": "Drop"},
            "do not record denied traffic",
            id="denied with a path",
        ),
        pytest.param(lambda: None, {"resource_id": "vpc-9"}, "does not exist", id="resource"),
        pytest.param(
            lambda: None,
            {"path_mode": "single", "traffic_type": "Drop"},
            "do not record denied traffic",
            id="denied, no path yet",
        ),
        pytest.param(lambda: None, {"name": "1web"}, "The name must start with a letter", id="name"),
        pytest.param(
            lambda: None, {"description": "x"}, "The description must be 2 to 256", id="description"
        ),
        pytest.param(
            lambda: None,
            {"project_mode": "create", "project_name": "No"},
            "The project name must be",
            id="project",
        ),
    ],
)
def test_what_cannot_be_created_is_said_in_the_box_before_ok(
    page: Client,
    vpc: Vpc,
    logstore: Logstore,
    change: Callable[[], object],
    asked: dict[str, Any],
    message: str,
) -> None:
    change()
    address = f"{CREATE}?{urlencode({'resource_id': 'vpc-1', **asked}, doseq=True)}"
    for response in (
        page.get(address),
        page.post(CREATE, FORM | asked | {"refresh": "live"}, headers=FRAGMENT),
    ):
        assert message in problems(response.content.decode())


def test_nothing_is_said_against_what_can_be_created(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    chosen = f"{CREATE}?resource_id=vpc-1&project_name=logs&logstore_name=flows"
    assert problems(page.get(chosen).content.decode()).strip() == ""
    for address in (f"{CREATE}?resource_id=vpc-1", CREATE):
        assert "field-error" not in problems(page.get(address).content.decode())


@pytest.mark.parametrize(
    ("asked", "message", "suggested"),
    [
        pytest.param(
            {"logstore_mode": "create", "report_for": "create"}, "Logstore", "flows", id="Logstore typed"
        ),
        pytest.param(
            {"logstore_mode": "create", "report_for": "flows"}, "", "flow-logs", id="Logstore chosen before"
        ),
        pytest.param(
            {"project_mode": "create", "report_for": "new/new"}, "project", "logs", id="project typed"
        ),
        pytest.param(
            {"project_mode": "create", "report_for": "create"},
            "",
            "flowlog-1000000000000042-cn-hangzhou",
            id="project chosen before",
        ),
    ],
)
def test_a_taken_name_is_refused_where_it_was_typed_and_replaced_where_it_was_chosen(
    page: Client, vpc: Vpc, logstore: Logstore, asked: dict[str, str], message: str, suggested: str
) -> None:
    response = page.post(CREATE, FORM | asked | {"refresh": "target"}, headers=FRAGMENT)
    found = problems(response.content.decode())
    assert f'value="{suggested}"' in response.content.decode()
    assert ("already" in found and message in found) if message else (found.strip() == "")


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        pytest.param(
            {"resource_id": "", "logstore_name": ""}, "Resource instance, Logstore name", id="nothing yet"
        ),
        pytest.param(
            {"project_name": "", "logstore_name": ""}, "Project name, Logstore name", id="no project"
        ),
        pytest.param({"path_mode": "single"}, "Paths to record", id="no path"),
        pytest.param({}, "", id="all there"),
    ],
)
def test_what_is_still_to_choose_is_no_fault(
    page: Client,
    account: Account,
    region: Region,
    vpc: Vpc,
    logstore: Logstore,
    asked: dict[str, str],
    missing: str,
) -> None:
    services.create_project(account, region, None, "more")
    html = page.post(CREATE, FORM | asked | {"refresh": "live"}, headers=FRAGMENT).content.decode()
    found = problems(html)
    assert (f"Still to choose: {missing}<" in found) if missing else ("Still to choose" not in found)
    assert "field-error" not in found
    assert "required" not in html


def test_without_a_path_nothing_is_counted(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    """What all traffic comes to is not what single paths do."""
    for traffic_type, answer in (("All", "Nothing to count yet."), ("Drop", "Nothing: such a flow log")):
        asked = {"path_mode": "single", "traffic_type": traffic_type, "refresh": "live"}
        html = text(page.post(CREATE, FORM | asked, headers=FRAGMENT))
        assert answer in html
        assert '{"refresh": "cost"}' not in html
    sent = page.post(CREATE, FORM | {"path_mode": "single", "traffic_type": "Drop"})
    assert "do not record denied traffic" in text(sent)
    assert not FlowLog.objects.exists()


def test_while_the_engine_is_busy_the_page_asks_again_and_shows_no_numbers(
    page: Client, vpc: Vpc, logstore: Logstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        flow_log_create, "estimate", lambda *_args, **_values: Estimate(enis=3, is_waiting=True)
    )

    def cost(**more: str) -> str:
        return text(page.post(CREATE, FORM | {"refresh": "cost"} | more, headers=FRAGMENT))

    html = cost()
    assert "Still counting the traffic of the last day" in html
    assert '"refresh": "cost", "tries": "1"' in html
    assert 'hx-trigger="load delay:1s"' in html
    assert '"tries": "2"' in cost(tries="1"), "nothing is kept of it"
    assert '"tries": "1"' in cost(tries="x")
    assert "<table" not in html
    last = cost(tries="10")
    assert "what a month comes to is not known" in last
    assert "load delay" not in last
    assert "Try again" in last


@pytest.mark.parametrize(
    ("others", "asked", "project", "target"),
    [
        ([], "", "logs", ""),
        (["more"], "", "", ""),
        (["more"], "?project_name=logs", "logs", ""),
        (["more"], "?project_name=logs&logstore_name=flows", "logs", "flows"),
        (["more"], "?logstore_name=flows", "", ""),
    ],
    ids=["the only project", "several projects", "project named", "Logstore named", "Logstore alone"],
)
def test_a_target_is_preselected_only_where_it_is_named(
    page: Client,
    logstore: Logstore,
    others: list[str],
    asked: str,
    project: str,
    target: str,
) -> None:
    for name in others:
        services.create_project(logstore.project.account, logstore.project.region, None, name)
    form = page.get(CREATE + asked).context["form"]
    assert [form[name].value() for name in ("project_mode", "logstore_mode")] == ["select", "select"]
    assert [form[name].value() for name in ("project_name", "logstore_name")] == [project, target]


def test_the_report_is_offered_only_where_the_logstore_lacks_it(
    page: Client, vpc: Vpc, logstore: Logstore
) -> None:
    old = int(timezone.now().timestamp()) - 30 * 86400
    Part.objects.create(
        logstore=logstore, path="old.parquet", rows=1200, size=1, hour=old // 3600, min_time=old, max_time=old
    )
    without = text(page.get(NAMED))
    assert 'name="analysis_report"' in without
    assert "The Logstore keeps records for 300 days. With the report it keeps records for 7 days." in without
    assert "This deletes 1,200 older records." in without
    services.enable_analysis_report(logstore, None)
    has = text(page.get(NAMED))
    assert 'name="analysis_report"' not in has
    assert "The Logstore keeps records for 7 days." in has


def test_the_report_is_off_for_a_logstore_with_records_and_on_for_a_new_one(
    page: Client, logstore: Logstore
) -> None:
    checked = r'name="analysis_report"[^>]*checked'
    assert not re.search(checked, text(page.get(NAMED)))
    asked = FORM | {"refresh": "1", "logstore_mode": "create", "report_for": "flows"}
    assert re.search(checked, text(page.post(CREATE, asked)))
    asked |= {"report_for": "create"}
    assert not re.search(checked, text(page.post(CREATE, asked)))


ENIS = {"resource_type": "NetworkInterface", "resource_id": ["eni-vsw-vpc-1-a-1", "eni-vsw-vpc-1-a-2"]}


def test_several_enis_make_a_flow_log_each(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    response = page.post(CREATE, FORM | ENIS)
    assert said(response) == ["2 flow logs are created."]
    assert set(FlowLog.objects.values_list("name", "resource_id")) == {
        ("production-1", "eni-vsw-vpc-1-a-1"),
        ("production-2", "eni-vsw-vpc-1-a-2"),
    }


def test_numbers_follow_the_order_in_which_resources_were_shown(
    page: Client, vpc: Vpc, logstore: Logstore
) -> None:
    first, second = ENIS["resource_id"]
    NetworkInterface.objects.filter(pk=first).update(name="z")
    NetworkInterface.objects.filter(pk=second).update(name="a")
    html = page.get(f"{CREATE}?{urlencode(ENIS, doseq=True)}").content.decode()
    shown = re.findall(r'name="resource_id" value="(eni-[^"]*)"[^>]*? checked', html)
    assert shown == [second, first], "by name"
    page.post(CREATE, FORM | ENIS | {"resource_id": shown})
    assert list(FlowLog.objects.order_by("name").values_list("resource_id", flat=True)) == shown


def test_numbers_follow_the_order_of_the_instances_and_the_names_of_their_enis(
    page: Client, vpc: Vpc, logstore: Logstore
) -> None:
    vpc.network_interfaces.filter(pk="eni-vsw-vpc-1-b-1").update(instance="i-vsw-vpc-1-a-2", name="a")
    chosen = {"resource_type": "Instance", "resource_id": ["i-vsw-vpc-1-a-2", "i-vsw-vpc-1-a-1"]}
    page.post(CREATE, FORM | chosen)
    assert list(FlowLog.objects.order_by("name").values_list("resource_id", flat=True)) == [
        "eni-vsw-vpc-1-b-1",
        "eni-vsw-vpc-1-a-2",
        "eni-vsw-vpc-1-a-1",
    ]


def test_ecs_instances_stand_for_all_their_enis(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    vpc.network_interfaces.filter(pk="eni-vsw-vpc-1-b-1").update(instance="i-vsw-vpc-1-a-1")
    chosen = {"resource_type": "Instance", "resource_id": ["i-vsw-vpc-1-a-1", "i-vsw-vpc-1-a-2"]}
    page.post(CREATE, FORM | chosen)
    assert set(FlowLog.objects.values_list("resource_type", "resource_id")) == {
        ("NetworkInterface", "eni-vsw-vpc-1-a-1"),
        ("NetworkInterface", "eni-vsw-vpc-1-a-2"),
        ("NetworkInterface", "eni-vsw-vpc-1-b-1"),
    }


@pytest.mark.parametrize(
    ("instance", "message"),
    [
        pytest.param("i-vsw-vpc-1-b-1", "The ECS instance i-vsw-vpc-1-b-1 has no ENI.", id="without an ENI"),
        pytest.param("i-9", "The resource does not exist in this region.", id="unknown"),
    ],
)
def test_an_instance_without_eni_is_refused(
    page: Client, vpc: Vpc, logstore: Logstore, instance: str, message: str
) -> None:
    vpc.network_interfaces.filter(pk="eni-vsw-vpc-1-b-1").update(instance=None)
    chosen = {"resource_type": "Instance", "resource_id": ["i-vsw-vpc-1-a-1", instance]}
    assert message in text(page.post(CREATE, FORM | chosen))
    assert not FlowLog.objects.exists()


def test_too_many_for_the_quota_are_refused_before_and_after_ok(
    page: Client, vpc: Vpc, logstore: Logstore, account: Account
) -> None:
    Account.objects.filter(pk=account.pk).update(flow_log_quota=1)
    message = "These would be 2 flow logs, and only 1 of the quota of 1 in this region are left."
    assert message in text(page.post(CREATE, FORM | ENIS | {"refresh": "live"}, headers=FRAGMENT))
    assert message in text(page.post(CREATE, FORM | ENIS))
    assert not FlowLog.objects.exists()


def test_what_is_chosen_stays_while_others_are_looked_for(page: Client, vpc: Vpc) -> None:
    asked = FORM | ENIS | {"refresh": "resource", "resource_search": "10.0.1.1"}
    html = page.post(CREATE, asked, headers=FRAGMENT).content.decode()
    boxes = re.findall(r'name="resource_id" value="(eni-[^"]*)"[^>]*?( checked)?>', html)
    assert boxes == [
        ("eni-vsw-vpc-1-a-1", " checked"),
        ("eni-vsw-vpc-1-a-2", " checked"),
        ("eni-vsw-vpc-1-b-1", ""),
    ]


def test_tags_are_entered_in_rows(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    rows = {"tags_key": ["team", "", " env "], "tags_value": ["network", "", ""]}
    page.post(CREATE, FORM | rows)
    assert FlowLog.objects.get().tags == {"team": "network", "env": ""}


def test_tags_against_the_rules_are_shown_again_with_the_reason(
    page: Client, vpc: Vpc, logstore: Logstore
) -> None:
    rows = {"tags_key": ["team", "team"], "tags_value": ["<b>", "acs:x"]}
    html = text(page.post(CREATE, FORM | rows))
    assert "The tag key team is there twice." in html
    assert "The tag acs:x cannot start with aliyun or acs:." in html
    assert 'value="&lt;b&gt;"' in html
    assert not FlowLog.objects.exists()


def test_another_row_of_tags_keeps_those_that_are_there(page: Client, vpc: Vpc) -> None:
    rows = {"tags_key": ["team", ""], "tags_value": ["network", ""]}
    for headers in ({}, FRAGMENT):
        html = page.post(CREATE, FORM | rows | {"refresh": "tag"}, headers=headers).content.decode()
        assert html.count('name="tags_key"') == 3
        assert 'value="network"' in html


def test_a_live_answer_has_no_form_in_it(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    html = page.post(CREATE, FORM | {"refresh": "live", "name": "1"}, headers=FRAGMENT).content.decode()
    assert "<form" not in html
    assert "<select" not in html
    assert re.search(r'id="id_name_error"[^>]*>\s*<p>The name must be 2 to 128', html)
    assert len(html) < 6000


def test_what_it_comes_to_is_shown_live_and_without_scripts(
    page: Client, vpc: Vpc, make_flow_log: Callable[..., FlowLog]
) -> None:
    make_flow_log(name="busy", resource_type="VSwitch", resource_id="vsw-vpc-1-a", interval=1)
    live = text(page.post(CREATE, FORM | {"refresh": "live"}, headers=FRAGMENT))
    assert "2 of 3 are captured <strong>every minute</strong>, because of" in live
    assert ">busy</a>" in live
    assert "1 of 3 are captured <strong>every 10 minutes</strong>" in live
    assert "2 of 3 ENIs are written to this Logstore by" in live
    assert "then 2 of 10 here" in live
    assert '{"refresh": "cost"}' in live
    whole = text(page.post(CREATE, FORM | {"refresh": "1"}))
    assert "2 of 3 are captured <strong>every minute</strong>" in whole
    assert "No traffic of these ENIs is known yet." in whole
    assert '{"refresh": "cost"}' not in whole
    assert FlowLog.objects.count() == 1


def test_other_flow_logs_of_these_enis_are_always_named(
    page: Client, vpc: Vpc, logstore: Logstore, make_flow_log: Callable[..., FlowLog]
) -> None:
    elsewhere = FORM | {"refresh": "live", "logstore_mode": "create", "logstore_name": "elsewhere"}
    assert "None that is started covers them." in text(page.post(CREATE, elsewhere, headers=FRAGMENT))
    same = make_flow_log(name="same", resource_type="VSwitch", resource_id="vsw-vpc-1-a", interval=10)
    html = text(page.post(CREATE, elsewhere, headers=FRAGMENT))
    assert "Recorded twice" not in html
    assert f'/{same.pk}/" target="_blank" rel="noopener">same</a>' in html
    assert "2 of 3 ENIs, 10 min, to logs/flows" in html


def test_a_shorter_interval_says_that_the_others_are_not_in_the_table(
    page: Client, vpc: Vpc, logstore: Logstore, make_flow_log: Callable[..., FlowLog]
) -> None:
    make_flow_log(name="slow", interval=10)
    said_so = "Not in this table: the other flow logs"
    asked = FORM | {"refresh": "cost"}
    assert said_so in text(page.post(CREATE, asked | {"interval": "1"}, headers=FRAGMENT))
    assert said_so not in text(page.post(CREATE, asked | {"interval": "10"}, headers=FRAGMENT))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        pytest.param(
            {"by_samples": [1, 5], "sampled_minutes": 30, "captured_minutes": 10},
            "1, 5 min: an estimate, which may be too high or too low. Records so far are of up to 10 minutes;",
            id="by samples",
        ),
        pytest.param(
            {"approximate": [1, 5], "captured_minutes": 10},
            "1, 5 min: an estimate; it will probably be less. Records so far are of up to 10 minutes.",
            id="by records alone",
        ),
    ],
)
def test_an_estimate_says_what_it_is_based_on_and_no_margin_that_does_not_hold(
    page: Client,
    vpc: Vpc,
    logstore: Logstore,
    monkeypatch: pytest.MonkeyPatch,
    told: dict[str, Any],
    words: str,
) -> None:
    made = Estimate(enis=3, measured=3, seconds=86_400, **told)
    monkeypatch.setattr(flow_log_create, "_estimate", lambda *_args: made)
    html = text(page.post(CREATE, FORM | {"refresh": "cost"}, headers=FRAGMENT))
    assert words in html
    assert "within" not in html


def test_denied_traffic_of_single_paths_is_told_what_to_change(
    page: Client, vpc: Vpc, logstore: Logstore
) -> None:
    html = text(
        page.post(CREATE, FORM | {"traffic_type": "Drop", "path_mode": "single", "traffic_paths": "vbr"})
    )
    assert "Choose All Scenarios, or another data transfer type." in html
    assert "choose Denied Traffic" not in html


def test_the_cost_follows_later(page: Client, vpc: Vpc, logstore: Logstore, account: Account) -> None:
    def cost(**changes: str) -> str:
        return text(page.post(CREATE, FORM | {"refresh": "cost"} | changes, headers=FRAGMENT))

    html = cost()
    assert re.findall(r">(1|5|10) min", html) == ["1", "5", "10"]
    assert "129,600" in html
    assert "Without indexing." in html
    assert "<form" not in html
    services.enable_analysis_report(logstore, None)
    assert "this account has no price for it" in cost()
    Account.objects.filter(pk=account.pk).update(index_price="0.35")
    assert "Generation + indexing at 0.35 USD a GB." in cost()
    assert "Nothing to count yet." in cost(resource_id="")


def test_an_address_can_say_what_to_create(page: Client, vpc: Vpc, logstore: Logstore) -> None:
    response = page.get(f"{CREATE}?resource_type=VSwitch&resource_id=vsw-vpc-1-a&interval=1&name=<b>")
    html = text(response)
    assert '<option value="vsw-vpc-1-a" selected>' in html
    assert re.search(r'name="interval" value="1"[^>]*checked', html)
    assert "All 2 are captured <strong>every minute</strong>" in html
    assert "&lt;b&gt;" in html
    assert not FlowLog.objects.exists()


@pytest.mark.parametrize("refresh", ["1", "live", "resource", "path", "target"])
@pytest.mark.parametrize("kind", ["VPC", "NetworkInterface", "Instance"])
def test_queries_do_not_grow_with_what_there_is(
    page: Client,
    vpc: Vpc,
    logstore: Logstore,
    many_flow_logs: Callable[[int], None],
    django_assert_max_num_queries: DjangoAssertNumQueries,
    refresh: str,
    kind: str,
) -> None:
    many_flow_logs(60)
    vswitch = vpc.vswitches.earliest("pk")
    NetworkInterface.objects.bulk_create(
        NetworkInterface(pk=f"eni-{number:03}", vpc=vpc, vswitch=vswitch) for number in range(200)
    )
    chosen = {"VPC": ["vpc-1"], "NetworkInterface": ENIS["resource_id"], "Instance": ["i-vsw-vpc-1-a-1"]}[
        kind
    ]
    asked = FORM | {"refresh": refresh, "resource_type": kind, "resource_id": chosen}
    page.post(CREATE, asked, headers=FRAGMENT)
    with django_assert_max_num_queries(26):
        response = page.post(CREATE, asked, headers=FRAGMENT)
    assert len(response.content) < 60_000
