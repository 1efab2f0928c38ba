"""The network inventory: create and change resources of any kind, one or a file of them, and delete them.

``flowlogs.networks`` says what a kind consists of and which rules it has; here it is written, in one transaction
with its changes. Nothing of a file is written unless all of it can be.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from console import access, changes
from console.models import Account, Change, Region, User
from flowlogs import inventory
from flowlogs.models import NetworkAcl, NetworkInterface, RouteEntry, SecurityGroup, SecurityGroupRule, Vpc
from flowlogs.networks.batch import Batch, Entry, Mode
from flowlogs.networks.kind import KINDS, Kind
from flowlogs.rules import RuleError, Violation
from flowlogs.services import removal
from flowlogs.services.network_writing import Writing

logger = logging.getLogger(__name__)

NAMED = 5
TRIES = 3
"""How often rows are checked while others may write, before they have to wait."""


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
    kind: Kind,
    account: Account,
    region: Region,
    by: User | None,
    entries: Iterable[Entry],
    *,
    effect: str | None = None,
) -> Batch:
    """Create and change what the entries of a file say, all of it or, where a rule is broken, nothing.

    The entries are gone through more than once where others change the network meanwhile. Returns the batch, whose
    ``broken`` rows say why nothing was written. ``effect`` is the ``Batch.effect`` that someone has agreed to:
    raises EffectChangedError where it is another one by now. Raises ActionDenied.
    """
    try:
        return _save(kind, account, region, by, entries, Mode.IMPORT, effect=effect)
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
        pk = resource.pk
        resource.delete()
        inventory.network_changed([vpc_id])
    transaction.on_commit(lambda: logger.info("%s %s deleted by %s", kind.slug, pk, by))


class EffectChangedError(Exception):
    """The network was changed since someone agreed to an import, which would do something else now."""


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
    entries: Iterable[Entry],
    mode: Mode,
    resource: Any = None,
    effect: str | None = None,
) -> Batch:
    for _ in range(TRIES):
        # without a lock, which others would wait for: a file may take long
        seen = _last_change(account)
        writing = _checked(Batch(kind, account, region, entries, mode=mode, resource=resource), by, effect)
        # what took a key meanwhile is found when the rows are checked again
        with suppress(IntegrityError), transaction.atomic():
            # the lock keeps two requests from both finding an address or a CIDR block free
            Account.objects.select_for_update().get(pk=account.pk)
            if _last_change(account) == seen:
                return _written(writing)
    with transaction.atomic():
        # others changed the network each time: now they wait
        Account.objects.select_for_update().get(pk=account.pk)
        batch = Batch(kind, account, region, entries, mode=mode, resource=resource)
        return _written(_checked(batch, by, effect))


def _last_change(account: Account) -> int:
    """Return the number of the last change of the network, which all that checks rely on is part of."""
    types = {kind.type for kind in KINDS.values()}
    rows = Change.objects.filter(account=account, resource_type__in=types).order_by("-pk")
    return rows.values_list("pk", flat=True).first() or 0


def _checked(batch: Batch, by: User | None, effect: str | None) -> Writing:
    require(batch, by)
    if batch.broken:
        raise _Refused(batch)
    if effect is not None and batch.effect != effect:
        raise EffectChangedError
    return Writing(batch, by)


def _written(writing: Writing) -> Batch:
    _require_still(writing.batch, writing.by)
    writing()
    slug, by = writing.batch.kind.slug, writing.by
    created, changed = len(writing.created), len(writing.changed)
    transaction.on_commit(lambda: logger.info("%s: %d created, %d changed by %s", slug, created, changed, by))
    return writing.batch


def _require_still(batch: Batch, by: User | None) -> None:
    """Ask again where the user is not as they were when asked: a file may have taken long to check."""
    if by is None:
        return
    told = User.objects.filter(pk=by.pk).order_by("policies__kind", "policies__name")
    rows = told.values_list("is_active", "account", "is_account_owner", "policies__document")
    # owners have no use for policies: theirs are not read
    documents = None if by.is_account_owner else by.policy_documents or [None]
    was = [(by.is_active, by.account_id, by.is_account_owner, each) for each in documents or [None]]
    now = [(*row[:3], row[3] if documents else None) for row in rows]
    if now != was:
        require(batch, User.objects.filter(pk=by.pk).first() or AnonymousUser())


def require(batch: Batch, by: User | AnonymousUser | None) -> None:
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


REMOVED_ELSEWHERE: dict[str, Callable[[Any, User | None], Any]] = {
    "vpc": removal.remove_vpc,
    "vswitch": removal.remove_vswitch,
    "eni": removal.remove_network_interface,
    "instance": removal.remove_instance,
}
