"""Which part of the inventory a saved or deleted row belongs to, for whatever does not go through the services.

The services write rows in bulk, which asks no signals, and note themselves what they change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models.signals import m2m_changed, post_delete, post_save

from . import inventory
from .models import (
    Exporter,
    ExporterBinding,
    Gateway,
    Instance,
    NetworkAcl,
    NetworkAclRule,
    NetworkInterface,
    NetworkInterfaceAddress,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
    VpcCidrBlock,
    VSwitch,
)

SEEN = {"last_seen", "first_seen"}


def connect_signals() -> None:
    """Note what attribution needs anew whenever something of it changes."""
    for model, noted in NOTED.items():
        post_save.connect(noted, sender=model, weak=False, dispatch_uid=f"inventory-save-{model.__name__}")
        post_delete.connect(
            noted, sender=model, weak=False, dispatch_uid=f"inventory-delete-{model.__name__}"
        )
    through = NetworkInterface.security_groups.through
    m2m_changed.connect(_membership, sender=through, dispatch_uid="inventory-security-groups")


def _vpc(instance: Vpc, **_signal: Any) -> None:
    inventory.network_changed([instance.pk])


def _of_vpc(instance: Any, **_signal: Any) -> None:
    inventory.network_changed([instance.vpc_id])


def _rule(owner: str) -> Callable[..., None]:
    def noted(instance: Any, **_signal: Any) -> None:
        name = f"{owner}/{getattr(instance, f'{owner}_id')}"
        # of many rules that go with their group, the first one says which VPC it was
        if not inventory.is_noted(name):
            inventory.note(name)
            _of_owner(instance, owner, _of_vpc)

    return noted


def _of_owner(instance: Any, owner: str, noted: Callable[..., None]) -> None:
    try:
        noted(getattr(instance, owner))
    except ObjectDoesNotExist:
        # it is being deleted, and notes that itself
        return


def _vswitch(instance: VSwitch, **_signal: Any) -> None:
    inventory.enis_changed([(instance.vpc_id, instance.pk)])


def _interface(instance: NetworkInterface, created: bool | None = None, **_signal: Any) -> None:
    if created is False:
        # it may have come from another vSwitch
        inventory.all_enis_changed(instance.vpc_id)
        return
    inventory.enis_changed([(instance.vpc_id, instance.vswitch_id)])


def _address(instance: NetworkInterfaceAddress, **_signal: Any) -> None:
    if NetworkInterfaceAddress.network_interface.is_cached(instance):
        _interface(instance.network_interface)
        return
    inventory.all_enis_changed(instance.vpc_id)


def _instance(instance: Instance, created: bool | None = None, **_signal: Any) -> None:
    # only that interfaces have one counts
    if created is None:
        inventory.all_enis_changed(instance.vpc_id)


def _membership(instance: NetworkInterface | SecurityGroup, action: str, **_signal: Any) -> None:
    if not action.startswith("post_"):
        return
    if isinstance(instance, NetworkInterface):
        _interface(instance)
        return
    inventory.all_enis_changed(instance.vpc_id)


def _exporter(instance: Any, update_fields: Any = None, **_signal: Any) -> None:
    if not update_fields or not set(update_fields) <= SEEN:
        inventory.exporters_changed()


NOTED: dict[type, Callable[..., None]] = {
    Vpc: _vpc,
    VpcCidrBlock: _of_vpc,
    RouteEntry: _of_vpc,
    Gateway: _of_vpc,
    SecurityGroup: _of_vpc,
    SecurityGroupRule: _rule("security_group"),
    NetworkAcl: _of_vpc,
    NetworkAclRule: _rule("network_acl"),
    VSwitch: _vswitch,
    Instance: _instance,
    NetworkInterface: _interface,
    NetworkInterfaceAddress: _address,
    Exporter: _exporter,
    ExporterBinding: _exporter,
}
"""What each kind of row notes. Interval changes are written by ``services.coverage`` alone, which notes them."""
