"""The network inventory: create and change resources of any kind, one or a file of them, and delete them.

``flowlogs.networks`` says what a kind consists of and which rules it has; here it is written, in one transaction
with its changes. Nothing of a file is written unless all of it can be.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from console import access, changes
from console.models import Account, Region, User
from flowlogs import inventory
from flowlogs.identifiers import new_id
from flowlogs.models import (
    NetworkAcl,
    NetworkInterface,
    NetworkInterfaceAddress,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
    VpcCidrBlock,
)
from flowlogs.models.kept import Kept
from flowlogs.networks.batch import Batch, Entry, Mode, Row
from flowlogs.networks.interfaces import ADDRESS_FIELDS, MEMBERSHIP
from flowlogs.networks.kind import Kind, chunks
from flowlogs.rules import RuleError, Violation
from flowlogs.services import coverage, removal

logger = logging.getLogger(__name__)

BATCH = 500
NAMED = 5


def create(kind: Kind, account: Account, region: Region, by: User | None, /, **values: Any) -> Any:
    """Create a resource of a kind and return it; ``values`` are those of the kind's fields.

    The ID of a deleted resource brings that one back. Raises RuleError with all that is wrong, ActionDenied.
    """
    batch = _save(kind, account, region, by, [Entry(1, values)], Mode.CREATE)
    return batch.rows[0].resource


def modify(
    kind: Kind, resource: Any, account: Account, region: Region, by: User | None, /, **values: Any
) -> None:
    """Change values of a resource; the others stay. Raises RuleError with all that is wrong, ActionDenied."""
    _save(kind, account, region, by, [Entry(1, values)], Mode.MODIFY, resource)


def import_all(
    kind: Kind, account: Account, region: Region, by: User | None, entries: Iterable[Entry]
) -> Batch:
    """Create and change what the entries of a file say, all of it or, where a rule is broken, nothing.

    Returns the batch, whose ``broken`` rows say why nothing was written. Raises ActionDenied.
    """
    try:
        return _save(kind, account, region, by, list(entries), Mode.IMPORT)
    except _Refused as refused:
        return refused.batch


def delete(kind: Kind, resource: Any, by: User | None) -> None:
    """Delete a resource that nothing uses any more. Raises RuleError that names what does, ActionDenied."""
    if kind.slug in REMOVED_ELSEWHERE:
        REMOVED_ELSEWHERE[kind.slug](resource, by)
        return
    vpc_id = kind.vpc_id(resource)
    vpc = Vpc.everything.get(pk=vpc_id)
    action, name = kind.permission("delete", vpc.region_id, vpc.account_id, kind.permission_id(resource))
    if by is not None:
        access.require(by, action, name)
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=vpc.account_id)
        if found := in_the_way(kind, resource):
            raise RuleError(*found)
        told = kind.note(resource, kind.values([resource])[0], None)
        changes.note_all([told], action, by=by, account_id=vpc.account_id, region_id=vpc.region_id)
        resource.delete()
        inventory.changed()
    logger.info("%s %s deleted by %s", kind.slug, kind.named(resource), by)


class _Refused(RuleError):
    """Rows of a batch break rules."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(*batch.violations)
        self.batch = batch


def _save(
    kind: Kind,
    account: Account,
    region: Region,
    by: User | None,
    entries: Sequence[Entry],
    mode: Mode,
    resource: Any = None,
) -> Batch:
    with transaction.atomic():
        # the lock keeps two requests from both finding an address or a CIDR block free
        account = Account.objects.select_for_update().get(pk=account.pk)
        batch = Batch(kind, account, region, entries, mode=mode, resource=resource)
        _require(batch, by)
        if batch.broken:
            raise _Refused(batch)
        created, changed = batch.created, batch.changed
        _insert(batch, created)
        _update(batch, changed)
        WRITE_PARTS.get(kind.slug, _nothing)(created, changed)
        _note(batch, by, "create", created)
        _note(batch, by, "edit", changed)
        if created or changed:
            inventory.changed()
        if kind.slug == "eni":
            for vpc_id in {row.resource.vpc_id for row in (*created, *changed)}:
                coverage.refresh_on_commit(vpc_id)
    logger.info("%s: %d created, %d changed by %s", kind.slug, len(created), len(changed), by)
    return batch


def _require(batch: Batch, by: User | None) -> None:
    """Ask once whether the user may create, and for each resource that changes whether they may change it."""
    if by is None:
        return
    kind, region, account = batch.kind, batch.region.pk, batch.account.pk
    wanted = set()
    if batch.created or batch.mode is Mode.CREATE:
        wanted.add(kind.permission("create", region, account))
    for row in batch.changed:
        wanted.add(kind.permission("edit", region, account, kind.permission_id(row.resource)))
    if batch.mode is Mode.MODIFY:
        resource = batch.rows[0].resource
        wanted.add(kind.permission("edit", region, account, kind.permission_id(resource)))
    for action, name in sorted(wanted):
        access.require(by, action, name)


def _attributes(batch: Batch, row: Row) -> dict[str, Any]:
    stored = {each.name: each.stored(row.values[each.name]) for each in batch.kind.stored}
    return {**stored, **batch.kind.attributes(row.values, batch)}


def _insert(batch: Batch, rows: Sequence[Row]) -> None:
    kind = batch.kind
    for row in rows:
        if kind.is_identified and not row.values["id"]:
            row.values["id"] = new_id(kind.prefix_of(row.values), batch.region.pk)
        row.resource = kind.model(**_attributes(batch, row))
    if issubclass(kind.model, Kept):
        for part in chunks((row.resource for row in rows), BATCH):
            removal.add(part)
        return
    kind.model.objects.bulk_create([row.resource for row in rows], batch_size=BATCH)


def _update(batch: Batch, rows: Sequence[Row]) -> None:
    model = batch.kind.model
    fields: set[str] = set()
    for row in rows:
        for name, value in _attributes(batch, row).items():
            if getattr(row.resource, name) != value:
                setattr(row.resource, name, value)
                fields.add(model._meta.get_field(name).name)
    if fields:
        model.objects.bulk_update([row.resource for row in rows], sorted(fields), batch_size=BATCH)


def _nothing(created: Sequence[Row], changed: Sequence[Row]) -> None:
    """Write nothing more: this kind has no parts in tables of their own."""


def _write_cidr_blocks(created: Sequence[Row], changed: Sequence[Row]) -> None:
    rows = [*created, *(row for row in changed if "cidr_blocks" in row.changed)]
    _forget(VpcCidrBlock, "vpc", rows)
    VpcCidrBlock.objects.bulk_create(
        [
            VpcCidrBlock(vpc_id=row.resource.pk, cidr=cidr, is_primary=place == 0)
            for row in rows
            for place, cidr in enumerate(row.values["cidr_blocks"])
        ],
        batch_size=BATCH,
    )


def _write_addresses(created: Sequence[Row], changed: Sequence[Row]) -> None:
    rows = [*created, *(row for row in changed if row.changed.keys() & ADDRESS_FIELDS.keys())]
    _forget(NetworkInterfaceAddress, "network_interface", rows)
    NetworkInterfaceAddress.objects.bulk_create(
        [
            NetworkInterfaceAddress(
                network_interface_id=row.resource.pk, vpc_id=row.resource.vpc_id, address=address, kind=kind
            )
            for row in rows
            for field, kind in ADDRESS_FIELDS.items()
            for address in ([row.values[field]] if field == "private_ip" else row.values[field])
        ],
        batch_size=BATCH,
    )
    rows = [*created, *(row for row in changed if "security_group_ids" in row.changed)]
    _forget(MEMBERSHIP, "networkinterface", rows)
    MEMBERSHIP.objects.bulk_create(
        [
            MEMBERSHIP(networkinterface_id=row.resource.pk, securitygroup_id=group)
            for row in rows
            for group in row.values["security_group_ids"]
        ],
        batch_size=BATCH,
    )


def _forget(model: Any, owner: str, rows: Sequence[Row]) -> None:
    """Delete the parts that resources had."""
    for ids in chunks(row.resource.pk for row in rows):
        # the rows themselves go, without asking signals for each of them
        queryset = model.objects.filter(**{f"{owner}__in": ids})
        queryset._raw_delete(queryset.db)


def _note(batch: Batch, by: User | None, verb: str, rows: Sequence[Row]) -> None:
    if not rows:
        return
    changes.note_all(
        [batch.kind.note(row.resource, row.before, row.values) for row in rows],
        batch.kind.actions[verb],
        by=by,
        account_id=batch.account.pk,
        region_id=batch.region.pk,
    )


def users_of(resource: Any) -> list[QuerySet[Any]]:
    """Return what keeps a security group, network ACL or gateway from being deleted."""
    if isinstance(resource, SecurityGroup):
        elsewhere = SecurityGroupRule.objects.filter(~Q(security_group=resource.pk), peer_group=resource.pk)
        groups = SecurityGroup.objects.filter(pk__in=elsewhere.values("security_group"))
        return [NetworkInterface.objects.filter(security_groups=resource.pk), groups]
    if isinstance(resource, NetworkAcl):
        return [resource.vswitches.all()]
    if hasattr(resource, "route_entries"):
        return [RouteEntry.objects.filter(gateway=resource.pk)]
    return []


def in_the_way(kind: Kind, resource: Any) -> list[Violation]:
    """Return why a resource could not be deleted now: what is in it, or what uses it."""
    if kind.slug in REMOVED_ELSEWHERE:
        return removal.in_the_way(resource)
    names = [str(user) for users in users_of(resource) for user in users[: NAMED + 1]]
    shown = [*names[:NAMED], "…"] if len(names) > NAMED else names
    return [Violation("StillUsed", "", {"users": ", ".join(shown)})] if names else []


WRITE_PARTS: dict[str, Callable[[Sequence[Row], Sequence[Row]], None]] = {
    "vpc": _write_cidr_blocks,
    "eni": _write_addresses,
}
REMOVED_ELSEWHERE: dict[str, Callable[[Any, User | None], Any]] = {
    "vpc": removal.remove_vpc,
    "vswitch": removal.remove_vswitch,
    "eni": removal.remove_network_interface,
    "instance": removal.remove_instance,
}
