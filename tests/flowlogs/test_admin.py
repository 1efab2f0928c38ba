"""The admin site of the app: every model can be searched, what services own is only shown, edits keep the rules."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
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
    ExporterBinding,
    FlowLog,
    Gateway,
    Instance,
    IntervalChange,
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
    window = Window.objects.create(vpc=vpc, interval=10, start=int(NOW.timestamp()))
    closing = Closing.objects.create(window=window, number=0)
    Delivery.objects.create(flow_log=flow_log, closing=closing)
    file = SampleFile.objects.create(collector=collector, path="samples/1.parquet", rows=1, size=1)
    SampleSlice.objects.create(file=file, window=window, flows=1, packets=1, bytes=1)
    Usage.objects.create(flow_log=flow_log, span=3600, start=0)
    Part.objects.create(
        logstore=logstore, path="parts/1.parquet", hour=0, rows=1, size=1, min_time=0, max_time=1
    )
    return flow_log


def changelist(model: type[Model], query: str = "") -> str:
    return reverse(f"admin:flowlogs_{model._meta.model_name}_changelist") + query


def change(row: Model) -> str:
    return reverse(f"admin:flowlogs_{row._meta.model_name}_change", args=[row.pk])


def test_every_model_is_registered() -> None:
    models = set(apps.get_app_config("flowlogs").get_models())
    assert set(MODELS) == models


@pytest.mark.parametrize("model", MODELS, ids=name)
def test_every_model_is_listed_searched_and_shown(
    admin_client: Client, one_of_each: FlowLog, model: type[Model]
) -> None:
    row = model._default_manager.first()
    assert row is not None
    assert admin.site._registry[model].search_fields
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


def queries(client: Client, model: type[Model], assertion: Any) -> int:
    with assertion(60) as captured:
        client.get(changelist(model))
    return len(captured)


@pytest.mark.parametrize(
    "model",
    [
        *(FlowLog, NetworkInterface, VSwitch, Instance, NetworkInterfaceAddress, Coverage, IntervalChange),
        *(Window, Closing, Delivery, Part, SampleFile, SampleSlice),
    ],
    ids=name,
)
def test_lists_cost_the_same_queries_whatever_the_number_of_rows(
    admin_client: Client,
    one_of_each: FlowLog,
    many_flow_logs: Any,
    model: type[Model],
    django_assert_max_num_queries: Any,
) -> None:
    before = queries(admin_client, model, django_assert_max_num_queries)
    many_flow_logs(30)
    vpc = one_of_each.vpc
    for number in range(30):
        vswitch = VSwitch.objects.create(pk=f"vsw-{number}", vpc=vpc, cidr_block=f"10.1.{number}.0/24")
        instance = Instance.objects.create(pk=f"i-{number}", vpc=vpc, instance_type="ecs.g7.large")
        interface = NetworkInterface.objects.create(
            pk=f"eni-{number}", vpc=vpc, vswitch=vswitch, instance=instance
        )
        NetworkInterfaceAddress.objects.create(
            network_interface=interface, vpc=vpc, address=f"10.1.{number}.7"
        )
        window = Window.objects.create(vpc=vpc, interval=10, start=600 * number)
        closing = Closing.objects.create(window=window, number=0)
        Delivery.objects.create(flow_log=one_of_each, closing=closing)
        file = SampleFile.objects.create(
            collector=Collector.objects.get(), path=f"samples/more-{number}", rows=1, size=1
        )
        SampleSlice.objects.create(file=file, window=window, closing=closing, flows=1, packets=1, bytes=1)
        Part.objects.create(
            logstore=Logstore.objects.get(),
            path=f"parts/more-{number}",
            hour=0,
            rows=1,
            size=1,
            min_time=0,
            max_time=1,
        )
    services.coverage.refresh(vpc)
    assert queries(admin_client, model, django_assert_max_num_queries) == before


def edit(client: Client, row: Model, **values: Any) -> dict[str, list[str]]:
    """Save the change form with other values and return the errors it shows."""
    page = client.get(change(row))
    form = page.context["adminform"].form
    data = {field: _text(form.initial.get(field)) for field in form.fields}
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
    [("stop_selected", "Deactivating"), ("delete_selected_flow_logs", "Deleting")],
)
def test_actions_go_through_the_services(
    admin_client: Client, one_of_each: FlowLog, action: str, status: str
) -> None:
    admin_client.post(changelist(FlowLog), {"action": action, "_selected_action": [one_of_each.pk]})
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


def test_a_project_is_not_renamed_or_deleted(admin_client: Client, one_of_each: FlowLog) -> None:
    project = Project.objects.get()
    edit(admin_client, project, name="other", description="Logs of the shop")
    project.refresh_from_db()
    assert (project.name, project.description) == ("logs", "Logs of the shop")
    url = reverse("admin:flowlogs_project_delete", args=[project.pk])
    assert admin_client.post(url, {"post": "yes"}).status_code == 403


def test_a_new_vpc_is_offered_an_identifier(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:flowlogs_vpc_add"))
    offered = page.context["adminform"].form["id"].value()
    assert offered.startswith("vpc-")
    assert len(offered) == len("vpc-") + 21


ADDRESSES = {
    "addresses-TOTAL_FORMS": "1",
    "addresses-INITIAL_FORMS": "0",
    "addresses-0-kind": "primary",
}


def add_interface(client: Client, **values: Any) -> Any:
    url = reverse("admin:flowlogs_networkinterface_add")
    return client.post(
        url, {"id": "eni-new", "name": "", "vswitch": "vsw-vpc-1-a", "instance": "", "public_ip": "",
              **ADDRESSES, **values}
    )  # fmt: skip


def test_a_network_interface_is_made_with_its_address(admin_client: Client, one_of_each: FlowLog) -> None:
    response = add_interface(
        admin_client, **{"addresses-0-address": "10.0.0.77", "security_groups": ["sg-1"]}
    )
    assert response.status_code == 302
    address = NetworkInterfaceAddress.objects.get(address="10.0.0.77")
    assert (address.network_interface_id, address.vpc_id) == ("eni-new", "vpc-1")
    assert address.network_interface.vpc_id == "vpc-1"


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
    response = add_interface(admin_client, **{"addresses-0-address": address})
    assert message in response.content.decode()
    assert not NetworkInterface.objects.filter(pk="eni-new").exists()


def test_what_is_in_another_vpc_is_refused(
    admin_client: Client, one_of_each: FlowLog, account: Account, region: Region
) -> None:
    away = Vpc.objects.create(pk="vpc-2", account=account, region=region)
    SecurityGroup.objects.create(pk="sg-2", vpc=away)
    Instance.objects.create(pk="i-2", vpc=away, instance_type="ecs.g7.large")
    response = add_interface(
        admin_client, **{"addresses-0-address": "10.0.0.77", "security_groups": ["sg-2"], "instance": "i-2"}
    )
    page = response.content.decode()
    assert "sg-2 is in another VPC." in page
    assert "i-2 is in another VPC." in page
    binding = ExporterBinding.objects.get()
    VSwitch.objects.create(pk="vsw-2", vpc=away, cidr_block="10.0.0.0/24")
    assert edit(admin_client, binding, vswitch="vsw-2") == {"vswitch": ["vsw-2 is in another VPC."]}
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
