"""The admin site of the app: every model can be searched, what services own is only shown, edits keep the rules."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from console.models import Account, Region, User
from flowlogs import services
from flowlogs.admin.base import ReadOnlyAdmin
from flowlogs.models import (
    Closing,
    Collector,
    Coverage,
    Delivery,
    Exporter,
    FlowLog,
    Gateway,
    Instance,
    InventoryMark,
    InventoryPart,
    InventoryVersion,
    Logstore,
    Loss,
    NetworkAcl,
    NetworkAclRule,
    NetworkInterface,
    NetworkInterfaceAddress,
    Part,
    Project,
    RouteEntry,
    SampleFile,
    SampleSlice,
    SecurityGroup,
    SecurityGroupRule,
    Stream,
    Unattributed,
    Usage,
    Vpc,
    VSwitch,
    Window,
)
from tests.flowlogs.conftest import MakeFlowLog

MODELS = [model for model in admin.site._registry if model._meta.app_label == "flowlogs"]
READ_ONLY = [model for model in MODELS if isinstance(admin.site._registry[model], ReadOnlyAdmin)]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
XSS = "<script>alert(1)</script>"


def name(model: type[Model]) -> str:
    return model.__name__


@pytest.fixture
def admin_client(client: Client, account: Account) -> Client:
    """Someone who administers the installation."""
    client.force_login(User.objects.create_superuser("root", password="correct horse"))
    return client


@pytest.fixture
def one_of_each(make_flow_log: MakeFlowLog, account: Account, region: Region, logstore: Logstore) -> FlowLog:
    """At least one row of every model."""
    flow_log = make_flow_log(name="first")
    vpc = flow_log.vpc
    group = SecurityGroup.objects.create(pk="sg-1", vpc=vpc)
    SecurityGroupRule.objects.create(security_group=group, direction="ingress", cidr="0.0.0.0/0")
    acl = NetworkAcl.objects.create(pk="nacl-1", vpc=vpc)
    NetworkAclRule.objects.create(network_acl=acl, direction="ingress", order=1, policy="accept")
    gateway = Gateway.objects.create(pk="ngw-1", vpc=vpc, kind="nat")
    RouteEntry.objects.create(vpc=vpc, destination="0.0.0.0/0", gateway=gateway)
    exporter = Exporter.objects.create(pk="exp-1", account=account, region=region, address="192.0.2.1")
    services.bind_exporter(exporter, None, vpc)
    Stream.objects.create(exporter=exporter, port=2055, domain=0, version=10)
    Unattributed.objects.create(
        exporter=exporter, srcaddr="10.9.0.1", dstaddr="10.9.0.2", protocol=6, dstport=80, last_seen=NOW
    )
    collector = Collector.objects.create(pk="collector-1")
    Loss.objects.create(
        collector=collector, exporter=exporter, since=0, until=1, unit="flows", count=1, reason="sequence"
    )
    if not InventoryVersion.objects.exists():
        InventoryVersion.objects.create(since=0, content=b"", digest="d")
    InventoryPart.objects.get_or_create(digest="d", defaults={"content": b""})
    InventoryMark.objects.create(key="exporters")
    window = Window.objects.create(vpc=vpc, interval=10, start=int(NOW.timestamp()))
    closing = Closing.objects.create(window=window, number=0)
    Delivery.objects.create(flow_log=flow_log, closing=closing)
    file = SampleFile.objects.create(collector=collector, path="samples/1.parquet", rows=1, size=1)
    SampleSlice.objects.create(file=file, window=window, flows=1, packets=1, bytes=1)
    Usage.objects.create(flow_log=flow_log, vpc=flow_log.vpc, span=3600, start=0)
    Part.objects.create(
        logstore=logstore, path="parts/1.parquet", hour=0, rows=1, size=1, min_time=0, max_time=1
    )
    return flow_log


def changelist(model: type[Model], query: str = "") -> str:
    return reverse(f"admin:flowlogs_{model._meta.model_name}_changelist") + query


def change(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def test_every_model_is_registered() -> None:
    models = set(apps.get_app_config("flowlogs").get_models())
    assert set(MODELS) == models


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_every_model_is_listed_searched_and_shown(
    admin_client: Client, one_of_each: FlowLog, model: type[Model]
) -> None:
    row = model._default_manager.first()
    assert row is not None
    assert admin.site._registry[model].get_search_fields(None)  # type: ignore[arg-type]
    assert admin_client.get(changelist(model)).status_code == 200
    assert admin_client.get(changelist(model, "?q=vpc-1")).status_code == 200
    assert "0 " in admin_client.get(changelist(model, "?q=no-such-thing")).content.decode()
    assert admin_client.get(change(row)).status_code == 200


@pytest.mark.parametrize("model", READ_ONLY, ids=name)
def test_what_the_pipeline_writes_is_only_shown(
    admin_client: Client, one_of_each: FlowLog, model: type[Model]
) -> None:
    row = model._default_manager.first()
    assert row is not None
    assert admin_client.post(change(row), {}).status_code == 403
    assert admin_client.get(reverse(f"admin:flowlogs_{model._meta.model_name}_add")).status_code == 403


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_a_user_who_does_not_administer_sees_nothing(client: Client, owner: User, model: type[Model]) -> None:
    client.force_login(owner)
    assert client.get(changelist(model)).status_code == 302


def edit(client: Client, row: Model, **values: Any) -> dict[str, list[str]]:
    """Save the change form with other values and return the errors it shows."""
    page = client.get(change(row))
    form = page.context["adminform"].form
    data = {field: _text(form[field].value()) for field in form.fields}
    for inline in page.context["inline_admin_formsets"]:
        for each in (inline.formset.management_form, *inline.formset.forms):
            data |= {each.add_prefix(field): _text(each[field].value()) for field in each.fields}
    response = client.post(change(row), {**data, **values})
    if response.status_code == 302:
        return {}
    errors = dict(response.context["adminform"].form.errors)
    for formset in response.context["inline_admin_formsets"]:
        for form in formset.formset.forms:
            errors |= form.errors
    return {field: list(messages) for field, messages in errors.items()}


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else value


def test_a_flow_log_is_changed_through_the_service(admin_client: Client, one_of_each: FlowLog) -> None:
    assert edit(admin_client, one_of_each, name="other", interval="1") == {}
    one_of_each.refresh_from_db()
    assert (one_of_each.name, one_of_each.interval, one_of_each.status) == ("other", 1, "Modifying")


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"name": "1x"}, {"name": ["The name must start with a letter or Chinese character."]}),
        ({"name": "http://x"}, {"name": ["The name cannot start with http:// or https://."]}),
        (
            {"description": "x"},
            {"description": ["The description must be 2 to 256 characters in length."]},
        ),
        ({"interval": "7"}, {"interval": ["The sampling interval must be 1, 5, or 10 minutes."]}),
    ],
)
def test_a_flow_log_keeps_the_rules(
    admin_client: Client, one_of_each: FlowLog, values: dict[str, str], errors: dict[str, list[str]]
) -> None:
    assert edit(admin_client, one_of_each, **values) == errors


def test_a_flow_log_in_transition_is_not_changed(admin_client: Client, one_of_each: FlowLog) -> None:
    FlowLog.objects.update(status="Deactivating")
    assert edit(admin_client, one_of_each, name="other") == {"__all__": ["Invalid flowlog status."]}


def test_a_state_that_changes_under_the_form_is_told(
    admin_client: Client, one_of_each: FlowLog, monkeypatch: Any
) -> None:
    modify = services.modify

    def too_late(flow_log: FlowLog, by: User | None, **changes: Any) -> None:
        FlowLog.objects.update(status="Deleting")
        modify(flow_log, by, **changes)

    monkeypatch.setattr(services, "modify", too_late)
    page = admin_client.post(
        change(one_of_each), {"name": "other", "description": "", "interval": "10"}, follow=True
    )
    assert "Invalid flowlog status." in page.content.decode()
    one_of_each.refresh_from_db()
    assert one_of_each.name == "first"


@pytest.mark.parametrize(
    ("action", "status"),
    [("stop_selected", "Deactivating"), ("delete_selected", "Deleting")],
)
def test_actions_go_through_the_services(
    admin_client: Client, one_of_each: FlowLog, action: str, status: str
) -> None:
    data = {"action": action, "_selected_action": [one_of_each.pk], "post": "yes"}
    admin_client.post(changelist(FlowLog), data)
    one_of_each.refresh_from_db()
    assert one_of_each.status == status


def test_an_action_out_of_state_says_so(admin_client: Client, one_of_each: FlowLog) -> None:
    page = admin_client.post(
        changelist(FlowLog),
        {"action": "start_selected", "_selected_action": [one_of_each.pk]},
        follow=True,
    )
    assert "Invalid flowlog status." in page.content.decode()


def test_retention_of_a_logstore_keeps_the_rule(
    admin_client: Client, one_of_each: FlowLog, logstore: Logstore
) -> None:
    assert edit(admin_client, logstore, ttl="0") == {
        "ttl": ["The data retention period must be 1 to 3650 days; 3650 stores data permanently."]
    }
    assert edit(admin_client, logstore, ttl="30") == {}
    logstore.refresh_from_db()
    assert logstore.ttl == 30


@pytest.mark.parametrize("at_once", [True, False])
def test_deleting_a_logstore_stops_its_flow_logs(
    admin_client: Client, one_of_each: FlowLog, logstore: Logstore, at_once: bool
) -> None:
    if at_once:
        url = changelist(Logstore)
        data = {"action": "delete_selected", "_selected_action": [logstore.pk], "post": "yes"}
    else:
        url, data = reverse("admin:flowlogs_logstore_delete", args=[logstore.pk]), {"post": "yes"}
    assert admin_client.post(url, data).status_code == 302
    one_of_each.refresh_from_db()
    assert (one_of_each.status, one_of_each.delivery_error) == ("Inactive", "LogstoreNotExist")


def test_filters_of_flow_logs_say_in_words_what_there_is(admin_client: Client, one_of_each: FlowLog) -> None:
    page = admin_client.get(changelist(FlowLog), headers={"accept-language": "zh-hans"})
    filters = page.context["cl"].filter_specs
    titles = [str(each.title) for each in filters]
    assert len(set(titles)) == len(titles)
    [interval] = [each for each in filters if getattr(each, "parameter_name", "") == "interval"]
    assert [value for value, _said in interval.lookup_choices] == ["1", "5", "10"]
    [reason] = [each for each in filters if getattr(each, "parameter_name", "") == "delivery_error"]
    assert dict(reason.lookup_choices)["ProjectNotExist"] == "项目不存在。"


def test_a_project_is_described_and_not_renamed(admin_client: Client, one_of_each: FlowLog) -> None:
    project = Project.objects.get()
    assert edit(admin_client, project, name="other", description="Logs of the shop") == {}
    project.refresh_from_db()
    assert (project.name, project.description) == ("logs", "Logs of the shop")
    assert edit(admin_client, project, description="x") == {
        "description": ["The description must be 2 to 256 characters in length."]
    }


def test_a_project_is_deleted_once_it_is_empty(
    admin_client: Client, one_of_each: FlowLog, logstore: Logstore
) -> None:
    page = delete(admin_client, Project.objects.get())
    assert "The project still has Logstores. Delete them first." in page
    services.delete_logstore(logstore, None)
    delete(admin_client, Project.objects.get())
    assert not Project.objects.exists()
    one_of_each.refresh_from_db()
    assert one_of_each.delivery_error == "ProjectNotExist"


def test_a_vpc_is_made_with_an_identifier_of_its_own(
    admin_client: Client, account: Account, region: Region
) -> None:
    entered = {"id": "", "account": account.pk, "region": region.pk, "cidr_blocks": "10.8.0.0/16 10.9.0.0/16"}
    url = reverse("admin:flowlogs_vpc_add")
    assert admin_client.post(url, {**entered, "name": "shop", "description": ""}).status_code == 302
    vpc = Vpc.objects.get(name="shop")
    assert vpc.pk.startswith("vpc-")
    assert (vpc.account, vpc.region) == (account, region)
    assert [block.cidr for block in vpc.cidr_blocks.all()] == ["10.8.0.0/16", "10.9.0.0/16"]
    page = admin_client.post(url, {**entered, "name": "2x", "cidr_blocks": "10.0.0.1/8"})
    assert page.context["adminform"].form.errors.keys() == {"name", "cidr_blocks"}


def add_interface(client: Client, **values: Any) -> Any:
    url = reverse("admin:flowlogs_networkinterface_add")
    entered = {"id": "eni-new", "name": "", "vswitch": "vsw-vpc-1-a", "instance": "", "public_ip": ""}
    return client.post(url, {**entered, **values})


def test_a_network_interface_is_made_with_its_address(admin_client: Client, one_of_each: FlowLog) -> None:
    response = add_interface(admin_client, private_ip="10.0.0.77", security_groups="sg-1")
    assert response.status_code == 302
    address = NetworkInterfaceAddress.objects.get(address="10.0.0.77")
    assert (address.network_interface_id, address.vpc_id) == ("eni-new", "vpc-1")
    assert address.network_interface.vpc_id == "vpc-1"
    assert list(address.network_interface.security_groups.values_list("pk", flat=True)) == ["sg-1"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("10.0.0.1", "The address already belongs to eni-vsw-vpc-1-a-1."),
        ("10.0.9.1", "The address must be in a CIDR block of the vSwitch."),
    ],
)
def test_an_address_outside_the_vswitch_or_taken_is_refused(
    admin_client: Client, one_of_each: FlowLog, address: str, message: str
) -> None:
    response = add_interface(admin_client, private_ip=address)
    assert response.context["adminform"].form.errors == {"private_ip": [message]}
    assert not NetworkInterface.objects.filter(pk="eni-new").exists()


def test_what_is_in_another_vpc_is_refused(
    admin_client: Client, one_of_each: FlowLog, account: Account, region: Region
) -> None:
    away = Vpc.objects.create(pk="vpc-2", account=account, region=region)
    SecurityGroup.objects.create(pk="sg-2", vpc=away)
    Instance.objects.create(pk="i-2", vpc=away, instance_type="ecs.g7.large")
    response = add_interface(admin_client, private_ip="10.0.0.77", security_groups="sg-2", instance="i-2")
    assert response.context["adminform"].form.errors == {
        "security_groups": ["sg-2 is in another VPC."],
        "instance": ["i-2 is in another VPC."],
    }
    gateway = Gateway.objects.create(pk="ngw-2", vpc=away, kind="nat")
    route = RouteEntry.objects.get()
    assert edit(admin_client, route, gateway=gateway.pk) == {"gateway": ["ngw-2 is in another VPC."]}


def test_vswitches_stay_inside_their_vpc_and_apart(admin_client: Client, one_of_each: FlowLog) -> None:
    vswitch = VSwitch.objects.get(pk="vsw-vpc-1-a")
    assert edit(admin_client, vswitch, cidr_block="10.0.1.0/25") == {
        "cidr_block": ["The CIDR block overlaps with that of vsw-vpc-1-b."]
    }
    assert edit(admin_client, vswitch, cidr_block="172.16.0.0/24") == {
        "cidr_block": ["The CIDR block must be inside a CIDR block of the VPC."]
    }
    assert edit(admin_client, vswitch, cidr_block="10.0.7.1/24") == {
        "cidr_block": ["10.0.7.1/24 is not a CIDR block, such as 192.168.0.0/16."]
    }


def test_what_decoding_relies_on_is_checked(admin_client: Client, one_of_each: FlowLog) -> None:
    exporter = Exporter.objects.get()
    profile = {"observation_points": '{"1": "MAYBE"}', "drop_ports": "[99999999999]"}
    assert edit(admin_client, exporter, **profile).keys() == profile.keys()
    assert edit(admin_client, exporter, observation_points='{"1": "REJECT"}', drop_ports="[65533]") == {}


def test_names_are_escaped(admin_client: Client, one_of_each: FlowLog) -> None:
    FlowLog.objects.update(name=XSS, project_name=XSS)
    Vpc.objects.update(name=XSS)
    Exporter.objects.update(name=XSS)
    for model in (FlowLog, Vpc, Exporter, VSwitch, NetworkInterface, Delivery):
        assert XSS not in admin_client.get(changelist(model)).content.decode()
    assert XSS not in admin_client.get(change(one_of_each)).content.decode()


# ---- deleting what is kept --------------------------------------------------------------------------

KEPT = [Vpc, VSwitch, Instance, NetworkInterface, FlowLog]


def delete(client: Client, *rows: Model, at_once: bool = False) -> str:
    """Delete rows of one model and return the page that says so."""
    model = type(rows[0])
    url, data = reverse(f"admin:flowlogs_{model._meta.model_name}_delete", args=[rows[0].pk]), {"post": "yes"}
    if at_once:
        url = changelist(model)
        data |= {"action": "delete_selected", "_selected_action": [row.pk for row in rows]}
    return client.post(url, data, follow=True).content.decode()


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "alone"])
@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Vpc, "It still has vSwitches: vsw-vpc-1-a, vsw-vpc-1-b. Delete them first."),
        (VSwitch, "It still has ENIs: eni-vsw-vpc-1-a-1, eni-vsw-vpc-1-a-2. Delete them first."),
        (Instance, "It still has ENIs: eni-vsw-vpc-1-a-1. Delete them first."),
    ],
    ids=["Vpc", "VSwitch", "Instance"],
)
def test_what_is_in_use_is_not_deleted_and_says_why(
    admin_client: Client, one_of_each: FlowLog, model: Any, said: str, at_once: bool
) -> None:
    row = model.objects.order_by("pk").first()
    page = delete(admin_client, row, at_once=at_once)
    assert said in page
    assert "is deleted." not in page
    assert "successfully" not in page
    assert model.objects.filter(pk=row.pk).exists()
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "alone"])
def test_a_captured_interface_is_deleted_and_its_past_stays(
    admin_client: Client, one_of_each: FlowLog, make_flow_log: MakeFlowLog, at_once: bool
) -> None:
    interface = NetworkInterface.objects.get(pk="eni-vsw-vpc-1-a-1")
    make_flow_log(name="own", resource_type="NetworkInterface", resource_id=interface.pk)
    coverage = Coverage.objects.filter(network_interface=interface).count()
    confirm = reverse("admin:flowlogs_networkinterface_delete", args=[interface.pk])
    assert admin_client.get(confirm).status_code == 200
    page = delete(admin_client, interface, at_once=at_once)
    assert "Flow log own (" in page
    assert "covers nothing any more." in page
    assert not NetworkInterface.objects.filter(pk=interface.pk).exists()
    assert Coverage.objects.filter(network_interface=interface).count() == coverage
    assert LogEntry.objects.get().object_id == interface.pk


def test_several_are_deleted_at_once_after_asking(admin_client: Client, one_of_each: FlowLog) -> None:
    services.remove_network_interface(NetworkInterface.objects.get(pk="eni-vsw-vpc-1-b-1"), None)
    data = {"action": "delete_selected", "_selected_action": ["vsw-vpc-1-a", "vsw-vpc-1-b"]}
    asked = admin_client.post(changelist(VSwitch), data)
    assert "Are you sure" in asked.content.decode()
    assert VSwitch.objects.count() == 2
    page = admin_client.post(changelist(VSwitch), {**data, "post": "yes"}, follow=True).content.decode()
    assert "1 is deleted." in page
    assert "vsw-vpc-1-a): It still has ENIs:" in page
    assert list(VSwitch.objects.values_list("pk", flat=True)) == ["vsw-vpc-1-a"]


@pytest.mark.parametrize("model", KEPT, ids=name)
def test_what_is_deleted_is_listed_apart_and_only_shown(
    admin_client: Client, one_of_each: FlowLog, model: Any
) -> None:
    row = model.objects.order_by("pk").first()
    model.objects.filter(pk=row.pk).update(deleted_at=NOW)
    link = f"{change(row)}?"
    assert link not in admin_client.get(changelist(model)).content.decode()
    for kept in ("deleted", "all"):
        assert link in admin_client.get(changelist(model, f"?kept={kept}")).content.decode()
    page = admin_client.get(change(row))
    assert page.status_code == 200
    assert "March 1, 2026" in page.content.decode()
    assert admin_client.post(change(row), {}).status_code == 403
    url = reverse(f"admin:flowlogs_{model._meta.model_name}_delete", args=[row.pk])
    assert admin_client.post(url, {"post": "yes"}).status_code == 403


def test_what_is_deleted_is_chosen_nowhere(admin_client: Client, one_of_each: FlowLog) -> None:
    Vpc.objects.update(deleted_at=NOW)
    page = admin_client.post(
        reverse("admin:flowlogs_vswitch_add"),
        {"id": "vsw-new", "name": "", "vpc": "vpc-1", "zone_id": "", "cidr_block": "10.0.9.0/24"},
    )
    assert "vpc" in page.context["adminform"].form.errors


def test_an_interface_is_made_again_under_the_id_of_a_deleted_one(
    admin_client: Client, one_of_each: FlowLog, account: Account, region: Region
) -> None:
    gone = NetworkInterface.objects.get(pk="eni-vsw-vpc-1-a-1")
    services.remove_network_interface(gone, None)
    again = {"id": gone.pk, "private_ip": "10.0.0.1", "security_groups": "sg-1"}
    assert add_interface(admin_client, **again).status_code == 302
    interface = NetworkInterface.objects.get(pk=gone.pk)
    assert [address.address for address in interface.addresses.all()] == ["10.0.0.1"]
    assert list(interface.security_groups.values_list("pk", flat=True)) == ["sg-1"]
    services.remove_network_interface(interface, None)
    away = Vpc.objects.create(pk="vpc-2", account=account, region=region)
    VSwitch.objects.create(pk="vsw-away", vpc=away, cidr_block="10.0.0.0/24")
    page = add_interface(admin_client, id=gone.pk, vswitch="vsw-away", private_ip="10.0.0.1")
    assert page.context["adminform"].form.errors == {"vswitch": ["vsw-away is in another VPC."]}
    assert not NetworkInterface.objects.filter(pk=gone.pk).exists()
