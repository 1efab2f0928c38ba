"""What is done in the admin site is done by the services, and the audit names who did it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.models import Account, Change, Region, User
from flowlogs import services
from flowlogs.models import (
    Exporter,
    ExporterBinding,
    FlowLog,
    Gateway,
    Instance,
    Logstore,
    NetworkAcl,
    NetworkAclRule,
    NetworkInterface,
    Project,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
    VSwitch,
)
from flowlogs.rules import RuleError
from flowlogs.services import exporters, logstores
from tests.flowlogs.test_admin import admin_client, change, changelist, delete, edit, one_of_each

__all__ = ["admin_client", "one_of_each"]

Row = type[Any]


def add(client: Client, model: Row, **values: Any) -> Any:
    """Send the add form of a model; the fields that are not given are as it offers them."""
    url = reverse(f"admin:flowlogs_{model._meta.model_name}_add")
    form = client.get(url).context["adminform"].form
    offered = {name: form[name].value() for name in form.fields}
    data = {name: value for name, value in offered.items() if value is not None and value is not False}
    return client.post(url, {**data, **values})


def errors(page: Any) -> dict[str, list[str]]:
    return dict(page.context["adminform"].form.errors)


def told() -> list[tuple[str, str, str, str]]:
    """Action, type, ID and user of all changes, oldest first, without those of preparing."""
    rows = Change.objects.order_by("pk").exclude(user_name="")
    return list(rows.values_list("action", "resource_type", "resource_id", "user_name"))


NETWORK: dict[str, tuple[Row, dict[str, Any], dict[str, Any], tuple[str, str, str], str]] = {
    "VPC": (
        *(
            Vpc,
            {
                "id": "vpc-new",
                "account": "1000000000000042",
                "region": "cn-hangzhou",
                "cidr_blocks": "10.9.0.0/16",
            },
        ),
        {"cidr_blocks": "10.9.0.0/16 fd00::/56"},
        *(("vpc:CreateVpc", "vpc:ModifyVpcAttribute", "vpc:DeleteVpc"), "vpc-new"),
    ),
    "vSwitch": (
        *(VSwitch, {"id": "vsw-new", "vpc": "vpc-1", "cidr_block": "10.0.9.0/24"}, {"network_acl": "nacl-1"}),
        *(("vpc:CreateVSwitch", "vpc:ModifyVSwitchAttribute", "vpc:DeleteVSwitch"), "vsw-new"),
    ),
    "instance": (
        *(Instance, {"id": "i-new", "vpc": "vpc-1", "instance_type": "ecs.g7.large"}, {"name": "web"}),
        *(("ecs:CreateInstance", "ecs:ModifyInstanceAttribute", "ecs:DeleteInstance"), "i-new"),
    ),
    "ENI": (
        *(NetworkInterface, {"id": "eni-new", "vswitch": "vsw-vpc-1-a", "private_ip": "10.0.0.99"}),
        {"private_ip": "10.0.0.98", "secondary_ips": "10.0.0.97", "security_groups": "sg-1"},
        (
            "ecs:CreateNetworkInterface",
            "ecs:ModifyNetworkInterfaceAttribute",
            "ecs:DeleteNetworkInterface",
        ),
        "eni-new",
    ),
    "security group": (
        *(SecurityGroup, {"id": "sg-new", "vpc": "vpc-1"}, {"name": "web"}),
        *(
            ("ecs:CreateSecurityGroup", "ecs:ModifySecurityGroupAttribute", "ecs:DeleteSecurityGroup"),
            "sg-new",
        ),
    ),
    "security group rule": (
        *(SecurityGroupRule, {"security_group": "sg-1", "direction": "egress", "peer": "10.0.0.0/8"}),
        {"peer": "sg-1", "protocol": "tcp", "port_from": "443", "port_to": "443"},
        *(("ecs:AuthorizeSecurityGroup", "ecs:ModifySecurityGroupRule", "ecs:RevokeSecurityGroup"), "sg-1"),
    ),
    "network ACL": (
        *(NetworkAcl, {"id": "nacl-new", "vpc": "vpc-1"}, {"name": "web"}),
        *(("vpc:CreateNetworkAcl", "vpc:ModifyNetworkAclAttributes", "vpc:DeleteNetworkAcl"), "nacl-new"),
    ),
    "network ACL rule": (
        *(NetworkAclRule, {"network_acl": "nacl-1", "direction": "egress", "order": "7", "policy": "accept"}),
        *({"policy": "drop"}, ("vpc:UpdateNetworkAclEntries",) * 3, "nacl-1"),
    ),
    "gateway": (
        *(Gateway, {"id": "vpn-new", "vpc": "vpc-1", "kind": "vpn"}, {"name": "home"}),
        *(("vpc:CreateGateway", "vpc:ModifyGateway", "vpc:DeleteGateway"), "vpn-new"),
    ),
    "route": (
        *(RouteEntry, {"destination": "172.16.0.0/12", "gateway": "ngw-1"}, {"destination": "172.16.0.0/16"}),
        *(("vpc:CreateRouteEntry", "vpc:ModifyRouteEntry", "vpc:DeleteRouteEntry"), ""),
    ),
}


@pytest.mark.parametrize(
    ("model", "new", "other", "actions", "resource_id"), NETWORK.values(), ids=list(NETWORK)
)
def test_the_network_is_made_changed_and_deleted_by_the_service(
    admin_client: Client,
    one_of_each: FlowLog,
    model: Row,
    new: Any,
    other: Any,
    actions: Any,
    resource_id: str,
) -> None:
    before = set(model.objects.values_list("pk", flat=True))
    assert add(admin_client, model, **new).status_code == 302
    row = model.objects.exclude(pk__in=before).get()
    assert edit(admin_client, row, **other) == {}
    assert edit(admin_client, row) == {}, "nothing changes the third time"
    page = delete(admin_client, row)
    assert "successfully" in page
    assert not model.objects.filter(pk=row.pk).exists()
    assert [action for action, *_ in told()] == list(actions)
    assert {(name, resource) for _action, _type, resource, name in told()} == {
        ("root", resource_id or str(row.pk))
    }


PLACE = {"account": "1000000000000042", "region": "cn-hangzhou"}
RULE = {"security_group": "sg-1", "direction": "egress"}
ENTRY = {"network_acl": "nacl-1", "direction": "ingress", "policy": "drop"}


@pytest.mark.parametrize(
    ("model", "values", "refused"),
    [
        (Vpc, {**PLACE, "cidr_blocks": "10.0.0.1/8"}, "cidr_blocks"),
        (Vpc, {**PLACE, "id": "vpc-1", "cidr_blocks": "10.0.0.0/8"}, "id"),
        (VSwitch, {"vpc": "vpc-1", "cidr_block": "192.168.0.0/24"}, "cidr_block"),
        (Instance, {"vpc": "vpc-1", "instance_type": "large"}, "instance_type"),
        (SecurityGroup, {"vpc": "vpc-1", "name": "1x"}, "name"),
        (SecurityGroupRule, {**RULE, "peer": "sg-none"}, "peer"),
        (SecurityGroupRule, {**RULE, "peer": "::/0", "priority": "101"}, "priority"),
        (NetworkAclRule, {**ENTRY, "order": "1"}, "network_acl"),
        (Gateway, {"id": "no id", "vpc": "vpc-1", "kind": "nat"}, "id"),
        (RouteEntry, {"destination": "0.0.0.0/0", "gateway": "ngw-1"}, "destination"),
    ],
    ids=[
        *("CIDR block", "taken ID", "outside", "instance type", "name", "peer", "priority", "taken order"),
        *("ID", "taken route"),
    ],
)
def test_what_the_service_refuses_stands_beside_the_field(
    admin_client: Client, one_of_each: FlowLog, model: Row, values: dict[str, Any], refused: str
) -> None:
    count = model.objects.count()
    assert list(errors(add(admin_client, model, **values))) == [refused]
    assert model.objects.count() == count
    assert told() == []


@pytest.mark.parametrize(
    ("model", "said"),
    [(SecurityGroup, "It is still used:"), (NetworkAcl, "It is still used:"), (Gateway, "It is still used:")],
    ids=["security group", "network ACL", "gateway"],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "alone"])
def test_what_decides_verdicts_is_not_deleted_while_it_is_used(
    admin_client: Client, one_of_each: FlowLog, model: Row, said: str, at_once: bool
) -> None:
    VSwitch.objects.update(network_acl="nacl-1")
    NetworkInterface.objects.get(pk="eni-vsw-vpc-1-a-1").security_groups.add("sg-1")
    row = model.objects.get()
    assert said in delete(admin_client, row, at_once=at_once)
    assert model.objects.filter(pk=row.pk).exists()


def test_the_rules_of_a_group_lead_to_the_form_of_another(admin_client: Client, one_of_each: FlowLog) -> None:
    page = admin_client.get(change(SecurityGroup.objects.get())).content.decode()
    url = reverse("admin:flowlogs_securitygrouprule_add") + "?security_group=sg-1"
    assert url in page
    assert admin_client.get(url).context["adminform"].form["security_group"].value() == "sg-1"
    assert change(SecurityGroupRule.objects.get()) in page
    assert "/admin/console/change/?resource_type=SecurityGroup&amp;resource_id=sg-1" in page


def test_flow_logs_are_started_and_stopped_in_the_name_of_the_administrator(
    admin_client: Client, one_of_each: FlowLog
) -> None:
    for action in ("stop_selected", "start_selected"):
        data = {"action": action, "_selected_action": [one_of_each.pk]}
        page = admin_client.post(changelist(FlowLog), data, follow=True).content.decode()
        assert "1 flow log is under way." in page
        services.finish_transition(one_of_each.pk)
    edit(admin_client, one_of_each, name="other")
    delete(admin_client, one_of_each)
    assert told() == [
        ("vpc:DeactiveFlowLog", "FlowLog", one_of_each.pk, "root"),
        ("vpc:ActiveFlowLog", "FlowLog", one_of_each.pk, "root"),
        ("vpc:ModifyFlowLogAttribute", "FlowLog", one_of_each.pk, "root"),
        ("vpc:DeleteFlowLog", "FlowLog", one_of_each.pk, "root"),
    ]


# ---- exporters ---------------------------------------------------------------------------------------


def values_of(action: str) -> dict[str, list[Any]]:
    return Change.objects.filter(action=action).latest("pk").values


def test_an_exporter_is_registered_bound_changed_unbound_and_released(
    admin_client: Client, one_of_each: FlowLog, account: Account
) -> None:
    assert add(admin_client, Exporter, address="192.0.2.9", domain="7", name="edge").status_code == 302
    exporter = Exporter.objects.get(domain=7)
    bound = {"exporter": exporter.pk, "vpc": "vpc-1", "vswitch": "vsw-vpc-1-a"}
    assert add(admin_client, ExporterBinding, **bound).status_code == 302
    assert errors(add(admin_client, ExporterBinding, **bound)) == {
        "exporter": ["The exporter is already bound to this resource."]
    }
    assert errors(add(admin_client, ExporterBinding, exporter=exporter.pk)) == {
        "vpc": ["This parameter is required."]
    }
    exporter.refresh_from_db()
    assert exporter.account == account
    assert edit(admin_client, exporter, byte_layer="L2") == {}
    data = {"action": "release_selected", "_selected_action": [exporter.pk]}
    page = admin_client.post(changelist(Exporter), data, follow=True).content.decode()
    assert "It is still used:" in page
    delete(admin_client, ExporterBinding.objects.get(exporter=exporter))
    admin_client.post(changelist(Exporter), data)
    exporter.refresh_from_db()
    assert (exporter.account, exporter.region, exporter.byte_layer) == (None, None, "L2")
    actions = ("CreateExporter", "BindExporter", "ModifyExporter", "UnbindExporter", "ReleaseExporter")
    assert told() == [(f"vpc:{action}", "Exporter", exporter.pk, "root") for action in actions]
    assert values_of("vpc:BindExporter") == {
        "observes": [None, "vsw-vpc-1-a"],
        "account": [None, account.pk],
        "region": [None, "cn-hangzhou"],
    }
    assert values_of("vpc:UnbindExporter") == {"observes": ["vsw-vpc-1-a", None]}
    assert values_of("vpc:ModifyExporter") == {"byte_layer": ["L3", "L2"]}
    assert values_of("vpc:ReleaseExporter")["account"] == [account.pk, None]


@pytest.mark.parametrize(
    ("values", "field"),
    [({"address": "192.0.2.1"}, "address"), ({"address": "192.0.2.9", "name": "1x"}, "name")],
    ids=["known", "name"],
)
def test_an_exporter_against_the_rules_is_not_registered(
    admin_client: Client, one_of_each: FlowLog, values: dict[str, str], field: str
) -> None:
    assert list(errors(add(admin_client, Exporter, **values))) == [field]
    assert Exporter.objects.count() == 1


def test_changing_nothing_about_an_exporter_is_no_change(
    owner: User, account: Account, one_of_each: FlowLog
) -> None:
    exporter = Exporter.objects.get()
    exporters.change_exporter(exporter, owner, name="edge", drop_ports=[7])
    assert values_of("vpc:ModifyExporter") == {"name": ["", "edge"], "drop_ports": [[], [7]]}
    exporters.change_exporter(exporter, owner, name="edge", drop_ports=[7])
    assert [name for *_, name in told()] == ["alice"]
    with pytest.raises(RuleError):
        exporters.release_exporter(exporter, owner)


# ---- projects and Logstores -----------------------------------------------------------------------


def test_projects_and_logstores_are_made_changed_and_deleted_by_the_services(
    admin_client: Client, one_of_each: FlowLog, account: Account, region: Region
) -> None:
    new = {"name": "shop", "account": account.pk, "region": region.pk, "description": ""}
    assert add(admin_client, Project, **new).status_code == 302
    assert errors(add(admin_client, Project, **new)) == {
        "name": ["The project name is already in use. Choose another one."]
    }
    project = Project.objects.get(name="shop")
    assert add(admin_client, Logstore, project=project.pk, name="flows").status_code == 302
    logstore = Logstore.objects.get(project=project)
    assert logstore.ttl == 300
    assert edit(admin_client, logstore, analysis_report="on") == {}
    logstore.refresh_from_db()
    assert (logstore.ttl, logstore.analysis_report) == (7, True)
    assert edit(admin_client, logstore, ttl="30") == {}
    assert edit(admin_client, project, description="Of the shop") == {}
    delete(admin_client, logstore)
    delete(admin_client, project)
    assert told() == [
        ("log:CreateProject", "Project", "shop", "root"),
        ("log:CreateLogStore", "Logstore", "shop/flows", "root"),
        ("log:CreateIndex", "Logstore", "shop/flows", "root"),
        ("log:UpdateLogStore", "Logstore", "shop/flows", "root"),
        ("log:UpdateProject", "Project", "shop", "root"),
        ("log:DeleteLogStore", "Logstore", "shop/flows", "root"),
        ("log:DeleteProject", "Project", "shop", "root"),
    ]
    assert values_of("log:CreateIndex") == {"ttl": [300, 7], "analysis_report": [False, True]}
    assert values_of("log:UpdateLogStore") == {"ttl": [7, 30]}
    assert values_of("log:UpdateProject") == {"description": ["", "Of the shop"]}
    assert values_of("log:DeleteLogStore")["ttl"] == [30, None]


def test_what_a_deleted_logstore_held_is_noted(owner: User, one_of_each: FlowLog, logstore: Logstore) -> None:
    logstores.set_retention(logstore, owner, logstore.ttl)
    assert told() == [], "the same retention is no change"
    logstores.delete_logstore(logstore, owner)
    assert values_of("log:DeleteLogStore")["records"] == [1, None]
    assert told()[0] == ("log:DeleteLogStore", "Logstore", "logs/flows", "alice")
