"""What is written for a batch of network resources: made ready before the transaction, which others wait for.

``flowlogs.services.network`` checks the batch and opens the transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from django.db import transaction

from console import changes
from console.models import Change, User
from flowlogs import inventory
from flowlogs.bulk import Insertion, Update
from flowlogs.identifiers import new_id
from flowlogs.models import NetworkInterfaceAddress, VpcCidrBlock
from flowlogs.networks.batch import Batch, Row
from flowlogs.networks.interfaces import ADDRESS_FIELDS, MEMBERSHIP
from flowlogs.networks.kind import chunks
from flowlogs.services import coverage, removal

BATCH = 500
TAKEN_OVER_AT_ONCE = 200
Step = Callable[[], object]
Rows = Sequence[Row]


class Writing:
    """A batch that breaks no rule, made ready: called in a transaction, it writes all that the rows say."""

    def __init__(self, batch: Batch, by: User | None) -> None:
        self.batch, self.by = batch, by
        self.created, self.changed = batch.created, batch.changed
        self._attributes = {id(row): _attributes(batch, row) for row in (*self.created, *self.changed)}
        self._name()
        parts = PARTS.get(batch.kind.slug, _no_parts)(self.created, self.changed)
        # a row whose key the database makes is noted once it is there
        notes = [self._notes()] if batch.kind.is_identified else [lambda: self._notes()()]
        self._steps = [*self._insertions(), *self._updates(), *parts, *notes]

    def __call__(self) -> None:
        """Write it, and note what follows from it. Raises IntegrityError where something is in the way since."""
        self._cover()
        for step in self._steps:
            step()
        self._note_inventory()
        for row in self.changed:
            for name, value in self._attributes[id(row)].items():
                setattr(row.resource, name, value)

    def _name(self) -> None:
        """Make the resources that there are to be."""
        kind = self.batch.kind
        for row in self.created:
            attributes = self._attributes[id(row)]
            if kind.is_identified and not row.values["id"]:
                row.values["id"] = attributes["id"] = new_id(kind.prefix_of(row.values), self.batch.region.pk)
            row.resource = kind.model(**attributes)

    def _insertions(self) -> list[Step]:
        model = self.batch.kind.model
        if not self.batch.kind.is_identified:
            rows = [row.resource for row in self.created]
            return [partial(model.objects.bulk_create, rows, batch_size=BATCH)]
        new = [row.resource for row in self.created if not row.is_revived]
        revived = [row.resource for row in self.created if row.is_revived]
        taken_over = [partial(removal.add, some) for some in chunks(revived, TAKEN_OVER_AT_ONCE)]
        return [*taken_over, Insertion(model, new)]

    def _updates(self) -> list[Step]:
        differing = {
            name: None
            for row in self.changed
            for name, value in self._attributes[id(row)].items()
            if getattr(row.resource, name) != value
        }
        names = list(differing)
        values = (
            (row.resource.pk, [_key(self._attributes[id(row)][name]) for name in names])
            for row in self.changed
        )
        return [Update(self.batch.kind.model, names, values)] if names else []

    def _notes(self) -> Step:
        kind, batch = self.batch.kind, self.batch
        rows = [
            change
            for verb, those in (("create", self.created), ("edit", self.changed))
            for change in changes.made(
                (kind.note(row.resource, row.before, row.values) for row in those),
                kind.actions[verb],
                by=self.by,
                account_id=batch.account.pk,
                region_id=batch.region.pk,
            )
        ]
        return Insertion(Change, rows)

    def _cover(self) -> None:
        """Have what covers ENIs that come or move found out once this is committed, and one inventory written."""
        if self.batch.kind.slug != "eni":
            return
        moved = [row for row in self.changed if "vswitch_id" in row.changed]
        enis: dict[str, list[str]] = defaultdict(list)
        for row in (*self.created, *moved):
            enis[row.resource.vpc_id].append(row.resource.pk)
        if enis:
            transaction.on_commit(partial(_refresh, enis))

    def _note_inventory(self) -> None:
        """Note which parts of the inventory change; ECS instances are in it by their ENIs."""
        kind, rows = self.batch.kind, [*self.created, *self.changed]
        if kind.slug == "eni":
            now = {(row.resource.vpc_id, row.values["vswitch_id"]) for row in rows}
            left = {(row.resource.vpc_id, row.before["vswitch_id"]) for row in rows if row.before is not None}
            inventory.enis_changed(now | left)
        elif kind.slug == "vswitch":
            # the network ACL of a vSwitch counts for each of its ENIs
            ruled = [row for row in rows if "network_acl_id" in row.changed]
            inventory.enis_changed({(row.resource.vpc_id, row.resource.pk) for row in ruled})
        elif kind.slug != "instance":
            inventory.network_changed({kind.vpc_of(row.values, self.batch) for row in rows})


def _attributes(batch: Batch, row: Row) -> dict[str, Any]:
    stored = {each.name: each.stored(row.values[each.name]) for each in batch.kind.stored}
    return {**stored, **batch.kind.attributes(row.values, batch)}


def _key(value: Any) -> Any:
    """Return the key of a resource that a row refers to, and anything else as it is."""
    return getattr(value, "pk", value)


def _refresh(enis: Mapping[str, Sequence[str]]) -> None:
    with inventory.recorded_once():
        for vpc_id, those in sorted(enis.items()):
            coverage.refresh(vpc_id, only=those)


def _no_parts(created: Rows, changed: Rows) -> list[Step]:
    """Write nothing more: this kind has no parts in tables of their own."""
    return []


def _cidr_blocks(created: Rows, changed: Rows) -> list[Step]:
    again = [row for row in changed if "cidr_blocks" in row.changed]
    blocks = (
        VpcCidrBlock(vpc_id=row.resource.pk, cidr=cidr, is_primary=place == 0)
        for row in (*created, *again)
        for place, cidr in enumerate(row.values["cidr_blocks"])
    )
    return [*_forgotten(VpcCidrBlock, "vpc", again), Insertion(VpcCidrBlock, blocks)]


def _addresses(created: Rows, changed: Rows) -> list[Step]:
    held = [row for row in changed if row.changed.keys() & ADDRESS_FIELDS.keys()]
    grouped = [row for row in changed if "security_group_ids" in row.changed]
    addresses = (
        NetworkInterfaceAddress(
            network_interface_id=row.resource.pk, vpc_id=row.resource.vpc_id, address=address, kind=kind
        )
        for row in (*created, *held)
        for field, kind in ADDRESS_FIELDS.items()
        for address in ([row.values[field]] if field == "private_ip" else row.values[field])
    )
    members = (
        MEMBERSHIP(networkinterface_id=row.resource.pk, securitygroup_id=group)
        for row in (*created, *grouped)
        for group in row.values["security_group_ids"]
    )
    return [
        *_forgotten(NetworkInterfaceAddress, "network_interface", held),
        Insertion(NetworkInterfaceAddress, addresses),
        *_forgotten(MEMBERSHIP, "networkinterface", grouped),
        Insertion(MEMBERSHIP, members),
    ]


def _forgotten(model: Any, owner: str, rows: Rows) -> list[Step]:
    """Return what deletes the parts that resources had."""
    return [partial(_forget, model, owner, ids) for ids in chunks(row.resource.pk for row in rows)]


def _forget(model: Any, owner: str, ids: Sequence[Any]) -> None:
    # the rows themselves go, without asking signals for each of them
    queryset = model.objects.filter(**{f"{owner}__in": ids})
    queryset._raw_delete(queryset.db)


PARTS: dict[str, Callable[[Rows, Rows], list[Step]]] = {"vpc": _cidr_blocks, "eni": _addresses}
