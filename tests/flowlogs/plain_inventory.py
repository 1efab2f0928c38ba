"""The content of the inventory, read object by object: slow and plain, for comparing."""

from typing import Any

from flowlogs.models import (
    Exporter,
    ExporterBinding,
    IntervalChange,
    NetworkAcl,
    NetworkInterface,
    RouteEntry,
    SecurityGroup,
    Vpc,
)

PORTS = ("direction", "policy", "protocol", "port_from", "port_to", "cidr")


def plain_content() -> dict[str, Any]:
    """Return what ``flowlogs.inventory.content`` should."""
    vpcs = list(Vpc.objects.order_by("id"))
    enis = list(NetworkInterface.objects.filter(vpc__deleted_at=None).order_by("id"))
    groups = {group.pk: _group(group) for group in SecurityGroup.objects.all()}
    acls = {acl.pk: {"rules": _rules(acl, "order")} for acl in NetworkAcl.objects.all()}
    policies: list[tuple[list[str], str | None]] = []
    rows = [_eni(eni, vpcs, policies) for eni in enis]
    return {
        "vpcs": [
            {
                "id": vpc.pk,
                "account": vpc.account_id,
                "cidrs": [block.cidr for block in vpc.cidr_blocks.order_by("id")],
                "routes": [
                    [route.destination, route.gateway.kind]
                    for route in RouteEntry.objects.filter(vpc=vpc).order_by("id")
                ],
            }
            for vpc in vpcs
        ],
        "enis": rows,
        "policies": [
            {"groups": [groups[group] for group in ids], "acl": acls[acl] if acl else None}
            for ids, acl in policies
        ],
        "groups": {
            group: [
                address
                for eni, row in zip(enis, rows, strict=True)
                if eni.security_groups.filter(pk=group).exists()
                for address in row["addresses"]
            ]
            for group in groups
        },
        "exporters": [_exporter(exporter, enis) for exporter in Exporter.objects.order_by("id")],
    }


def _rules(owner: Any, place: str) -> list[dict[str, Any]]:
    return [{name: getattr(rule, name) for name in (*PORTS, place)} for rule in owner.rules.order_by("id")]


def _group(group: SecurityGroup) -> dict[str, Any]:
    rules = _rules(group, "priority")
    for rule, told in zip(group.rules.order_by("id"), rules, strict=True):
        told["group"] = rule.peer_group_id or ""
    return {"id": group.pk, "inner_access": group.inner_access, "rules": rules}


def _eni(eni: NetworkInterface, vpcs: list[Vpc], policies: list[Any]) -> dict[str, Any]:
    policy = (sorted(eni.security_groups.values_list("pk", flat=True)), eni.vswitch.network_acl_id)
    if any(policy) and policy not in policies:
        policies.append(policy)
    changes = IntervalChange.objects.filter(network_interface=eni).order_by("since")
    return {
        "id": eni.pk,
        "vpc": vpcs.index(eni.vpc),
        "vswitch": eni.vswitch_id,
        "vm": eni.instance_id or "",
        "addresses": [each.address for each in eni.addresses.order_by("kind", "address")],
        "public": eni.public_ip is not None,
        "policy": policies.index(policy) if any(policy) else -1,
        "intervals": [[int(each.since.timestamp()), each.interval] for each in changes],
    }


def _exporter(exporter: Exporter, enis: list[NetworkInterface]) -> dict[str, Any]:
    observed = set()
    for binding in ExporterBinding.objects.filter(exporter=exporter):
        for number, eni in enumerate(enis):
            if binding.network_interface_id:
                seen = binding.network_interface_id == eni.pk
            elif binding.vswitch_id:
                seen = binding.vswitch_id == eni.vswitch_id
            else:
                seen = binding.vpc_id == eni.vpc_id
            observed |= {number} if seen else set()
    return {
        "id": exporter.pk,
        "address": exporter.address,
        "domain": exporter.domain,
        "layer": exporter.byte_layer,
        "points": exporter.observation_points,
        "ports": exporter.drop_ports,
        "enis": sorted(observed),
    }
