"""Deleting and adding what is in the network, so that what was captured of it keeps its name and its numbers.

What is deleted is marked and hidden. It frees its addresses, leaves its security groups, exporters no longer
observe it, and coverage ends at that instant; what was captured up to then is still delivered. A new resource
under the ID of a deleted one takes its row over.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from console import changes
from console.models import Account, User
from flowlogs import inventory
from flowlogs.models import ExporterBinding, FlowLog, Instance, NetworkInterface, Vpc, VSwitch
from flowlogs.rules import RuleError, Violation
from flowlogs.services import coverage
from flowlogs.services.permissions import require

logger = logging.getLogger(__name__)

NAMED = 5
BATCH = 200

Resource = Vpc | VSwitch | Instance | NetworkInterface


def remove_network_interface(interface: NetworkInterface, by: User | None) -> list[FlowLog]:
    """Delete a network interface and return the flow logs of its own, which cover nothing from then on.

    Flow logs do not keep an interface, as in the product; those of its vSwitch and VPC go on without it.
    Raises RuleError where it is deleted already, ActionDenied.
    """
    action = "ecs:DeleteNetworkInterface"
    _require(by, action, interface.vpc, f"eni/{interface.pk}")
    with transaction.atomic():
        _lock(interface.vpc)
        held = {
            "name": interface.name,
            "vswitch": interface.vswitch_id,
            "instance": interface.instance_id,
            "addresses": list(interface.addresses.values_list("address", flat=True)),
            "security_groups": list(interface.security_groups.values_list("pk", flat=True)),
        }
        interface.addresses.all().delete()
        interface.security_groups.clear()
        _mark(interface, interface.vpc, by, action, held)
        kind = FlowLog.ResourceType.ENI
        return list(FlowLog.objects.filter(resource_type=kind, resource_id=interface.pk))


def remove_instance(instance: Instance, by: User | None) -> None:
    """Delete an ECS instance that has no network interface any more. Raises RuleError, ActionDenied."""
    action = "ecs:DeleteInstance"
    _require(by, action, instance.vpc, f"instance/{instance.pk}")
    with transaction.atomic():
        _lock(instance.vpc)
        _refuse(instance)
        held = {"name": instance.name, "instance_type": instance.instance_type}
        _mark(instance, instance.vpc, by, action, held)


def remove_vswitch(vswitch: VSwitch, by: User | None) -> None:
    """Delete a vSwitch without network interfaces and flow logs of its own. Raises RuleError, ActionDenied."""
    action = "vpc:DeleteVSwitch"
    _require(by, action, vswitch.vpc, f"vswitch/{vswitch.pk}")
    with transaction.atomic():
        _lock(vswitch.vpc)
        _refuse(vswitch)
        fields = ("name", "cidr_block", "ipv6_cidr_block", "network_acl_id")
        held = {field: getattr(vswitch, field) for field in fields}
        VSwitch.objects.filter(pk=vswitch.pk).update(network_acl=None)
        _mark(vswitch, vswitch.vpc, by, action, held)


def remove_vpc(vpc: Vpc, by: User | None) -> None:
    """Delete an empty VPC that no flow log watches. Raises RuleError that names what is in it, ActionDenied."""
    action = "vpc:DeleteVpc"
    _require(by, action, vpc, f"vpc/{vpc.pk}")
    with transaction.atomic():
        _lock(vpc)
        _refuse(vpc)
        held = {"name": vpc.name, "cidr_blocks": list(vpc.cidr_blocks.values_list("cidr", flat=True))}
        vpc.cidr_blocks.all().delete()
        _mark(vpc, vpc, by, action, held)


def add(resources: Sequence[Resource]) -> None:
    """Insert new resources of one kind; what has the ID of a deleted one takes its row over.

    Past windows and deliveries go on under that ID, so it must be in the same place: a VPC in its account and
    region, all else in its VPC. Raises RuleError where it is not, or is in use. Nothing is inserted then. The
    number of queries does not depend on that of resources up to 200.
    """
    if not resources:
        return
    model: Any = type(resources[0])
    with transaction.atomic():
        known = model.everything.in_bulk([resource.pk for resource in resources])
        taken = [each.pk for each in resources if each.pk in known and not _is_free(known[each.pk], each)]
        if taken:
            raise RuleError(*(Violation("IdTaken", "id", {"id": pk}) for pk in taken))
        model.objects.bulk_create([each for each in resources if each.pk not in known], batch_size=BATCH)
        _take_over(model, [each for each in resources if each.pk in known])
        _note(resources)
        if model is NetworkInterface:
            for vpc_id in {each.vpc_id for each in resources}:  # type: ignore[union-attr]
                coverage.refresh_on_commit(vpc_id)


def _is_free(deleted: Resource, new: Resource) -> bool:
    return deleted.deleted_at is not None and _place(deleted) == _place(new)


def _place(resource: Resource) -> tuple[str, ...]:
    if isinstance(resource, Vpc):
        return resource.account_id, resource.region_id
    return (resource.vpc_id,)


def _take_over(model: Any, resources: Iterable[Any]) -> None:
    now = timezone.now()
    rows = list(resources)
    for row in rows:
        row._state.adding = False
        row.deleted_at = None
        if hasattr(row, "created_at"):
            row.created_at = now
    fields = [field.name for field in model._meta.concrete_fields if not field.primary_key]
    model.everything.bulk_update(rows, fields, batch_size=BATCH)


def _require(by: User | None, action: str, vpc: Vpc, path: str) -> None:
    require(by, action, vpc.region_id, vpc.account_id, path)


def _lock(vpc: Vpc) -> None:
    # the account as in creating flow logs, so that none is created for what is deleted at the same time
    Account.objects.select_for_update().get(pk=vpc.account_id)
    Vpc.everything.select_for_update().get(pk=vpc.pk)


def in_the_way(resource: Resource) -> list[Violation]:
    """Return why a resource could not be deleted now: the first dependents of each kind by name."""
    found = []
    for kind, rows in _dependents(resource).items():
        names = list(rows.order_by("pk").values_list("pk", flat=True)[: NAMED + 1])
        if names:
            shown = [*names[:NAMED], "…"] if len(names) > NAMED else names
            found.append(Violation(f"DependencyViolation.{kind}", "", {"names": ", ".join(shown)}))
    return found


def _dependents(resource: Resource) -> dict[str, QuerySet[Any]]:
    if isinstance(resource, Vpc):
        return {
            "FlowLog": resource.flow_logs.all(),
            "NetworkInterface": resource.network_interfaces.all(),
            "Instance": resource.instances.all(),
            "VSwitch": resource.vswitches.all(),
            "SecurityGroup": resource.security_groups.all(),
            "NetworkAcl": resource.network_acls.all(),
            "Gateway": resource.gateways.all(),
        }
    if isinstance(resource, VSwitch):
        kind = FlowLog.ResourceType.VSWITCH
        return {
            "NetworkInterface": resource.network_interfaces.all(),
            "FlowLog": FlowLog.objects.filter(resource_type=kind, resource_id=resource.pk),
        }
    # flow logs do not keep a network interface
    return {"NetworkInterface": resource.network_interfaces.all()} if isinstance(resource, Instance) else {}


def _refuse(resource: Resource) -> None:
    """Raise RuleError that names what is in the way of deleting a resource, if there is anything."""
    if found := in_the_way(resource):
        raise RuleError(*found)


def _mark(resource: Resource, vpc: Vpc, by: User | None, action: str, held: dict[str, Any]) -> None:
    now = timezone.now()
    model: Any = type(resource)
    if not model.objects.filter(pk=resource.pk).update(deleted_at=now):
        raise RuleError(Violation("ResourceNotExist"))
    resource.deleted_at = now
    _unbind(resource, vpc, by)
    changes.note(
        action,
        model.__name__,
        resource.pk,
        by=by,
        account_id=vpc.account_id,
        region_id=vpc.region_id,
        values={field: (value, None) for field, value in held.items() if value},
    )
    if isinstance(resource, NetworkInterface):
        # all else is empty when it goes
        coverage.refresh(vpc, now, only=[resource.pk])
    _note([resource])
    pk = resource.pk
    transaction.on_commit(lambda: logger.info("%s %s deleted by %s", model.__name__, pk, by))


def _note(resources: Iterable[Resource]) -> None:
    """Note which parts of the inventory change as resources come or go; ECS instances are in it by their ENIs."""
    inventory.network_changed(each.pk for each in resources if isinstance(each, Vpc))
    places = ((each.vpc_id, each.vswitch_id) for each in resources if isinstance(each, NetworkInterface))
    inventory.enis_changed(places)


def _unbind(resource: Resource, vpc: Vpc, by: User | None) -> None:
    """Take the bindings of exporters to a resource away, and note it on each exporter."""
    field = {Vpc: "vpc", VSwitch: "vswitch", NetworkInterface: "network_interface"}.get(type(resource))
    if field is None:
        return
    bindings = ExporterBinding.objects.filter(**{field: resource.pk})
    changes.note_all(
        [
            ("Exporter", exporter, {"observes": (resource.pk, None)})
            for exporter in bindings.order_by("exporter").values_list("exporter", flat=True)
        ],
        "vpc:UnbindExporter",
        by=by,
        account_id=vpc.account_id,
        region_id=vpc.region_id,
    )
    bindings.delete()
