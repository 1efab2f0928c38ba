"""Exporters: what each of them observes, what it is called, and whose it is."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from console import changes
from console.models import Account, Region, User
from flowlogs import network_rules, rules, strangers
from flowlogs.identifiers import new_id
from flowlogs.models import Exporter, ExporterBinding, NetworkInterface, Vpc, VSwitch
from flowlogs.rules import RuleError, Violation
from flowlogs.services.circumstances import Resource, vpc_of
from flowlogs.services.permissions import require

logger = logging.getLogger(__name__)

Values = Mapping[str, tuple[Any, Any]]
NAMED = 5


def register_exporter(
    by: User | None, address: str, *, domain: int | None = None, name: str = ""
) -> Exporter:
    """Make an exporter known before its first datagram, or one of the observation domains of an address.

    It belongs to no account until it is bound. Raises RuleError, ActionDenied.
    """
    action = "vpc:CreateExporter"
    require(by, action, "*", "*", "exporter/*")
    found = [*network_rules.one_address(address, "address"), *(rules.name(name) if name else ())]
    with transaction.atomic():
        known = Exporter.objects.select_for_update().filter(address=address, domain=domain)
        if not found and known.exists():
            found = [Violation("Taken", "address", {"key": address})]
        if found:
            raise RuleError(*found)
        exporter = Exporter.objects.create(pk=new_id("exp"), address=address, domain=domain, name=name)
        told = {"address": address, "domain": domain, "name": name}
        _note(action, exporter, by, changes.difference({"domain": None, "name": ""}, told))
    logger.info("exporter %s registered by %s", exporter.pk, by)
    return exporter


def bind_exporter(exporter: Exporter, by: User | None, resource: Resource) -> ExporterBinding:
    """Bind an exporter to what it observes: a VPC, a vSwitch or an ENI; from then on its flows become samples.

    The first binding gives the exporter to the account and region of the resource. Raises RuleError, ActionDenied.
    """
    action = "vpc:BindExporter"
    vpc = vpc_of(resource)
    require(by, action, vpc.region_id, vpc.account_id, f"exporter/{exporter.pk}")
    scope = {
        "vpc": vpc,
        "vswitch": resource if isinstance(resource, VSwitch) else None,
        "network_interface": resource if isinstance(resource, NetworkInterface) else None,
    }
    with transaction.atomic():
        exporter = Exporter.objects.select_for_update().get(pk=exporter.pk)
        if exporter.is_everybody_else:
            raise RuleError(Violation("ExporterEverybody", "resource_id"))
        if exporter.account_id not in (None, vpc.account_id):
            raise RuleError(Violation("ExporterTaken", "resource_id"))
        if exporter.region_id not in (None, vpc.region_id):
            raise RuleError(Violation("ExporterRegion", "resource_id"))
        if exporter.bindings.filter(**scope).exists():
            raise RuleError(Violation("ExporterBound", "resource_id"))
        before = _owner(exporter)
        if None in before.values():
            exporter.account_id, exporter.region_id = vpc.account_id, vpc.region_id
            exporter.save(update_fields=["account", "region"])
        binding = ExporterBinding.objects.create(exporter=exporter, **scope)
        claimed = changes.difference(before, _owner(exporter))
        _note(action, exporter, by, {"observes": (None, resource.pk), **claimed})
    logger.info("exporter %s bound to %s by %s", exporter.pk, resource.pk, by)
    return binding


def unbind_exporter(binding: ExporterBinding, by: User | None) -> None:
    """Take a binding away; what the exporter reports of that resource becomes unattributed."""
    action = "vpc:UnbindExporter"
    vpc: Vpc = binding.vpc
    exporter: Exporter = binding.exporter
    require(by, action, vpc.region_id, vpc.account_id, f"exporter/{exporter.pk}")
    observed = binding.network_interface_id or binding.vswitch_id or vpc.pk
    with transaction.atomic():
        binding.delete()
        _note(action, exporter, by, {"observes": (observed, None)})
    logger.info("exporter %s no longer bound to %s by %s", exporter.pk, observed, by)


def release_exporter(exporter: Exporter, by: User | None) -> None:
    """Take an exporter that observes nothing from its account, so that another one may bind it.

    Raises RuleError while it is bound, ActionDenied.
    """
    action = "vpc:ReleaseExporter"
    region, account = exporter.region_id or "*", exporter.account_id or "*"
    require(by, action, region, account, f"exporter/{exporter.pk}")
    with transaction.atomic():
        exporter = Exporter.objects.select_for_update().get(pk=exporter.pk)
        bound = [str(binding) for binding in exporter.bindings.all()[: NAMED + 1]]
        if bound:
            raise RuleError(Violation("StillUsed", "", {"users": _named(bound)}))
        before = _owner(exporter)
        Exporter.objects.filter(pk=exporter.pk).update(account=None, region=None)
        _note(action, exporter, by, changes.difference(before, {}))
    logger.info("exporter %s released by %s", exporter.pk, by)


def remove_exporter(exporter: Exporter, by: User | None, account: Account, region: Region) -> None:
    """Forget an exporter that observes nothing; what it counted goes to the one that stands for all others.

    One that nobody has claimed may be removed from any account and region, since it comes back when it sends again.
    Raises RuleError, also while losses of a claimed one may concern windows that are open; ActionDenied.
    """
    action = "vpc:ReleaseExporter"
    now = timezone.now()
    with transaction.atomic():
        exporter = Exporter.objects.select_for_update().get(pk=exporter.pk)
        owner = exporter.account_id or account.pk
        require(by, action, exporter.region_id or region.pk, owner, f"exporter/{exporter.pk}")
        found = _why_not_removed(exporter, now)
        if found:
            raise RuleError(found)
        before = {"address": exporter.address, "name": exporter.name, **_owner(exporter)}
        _note(action, exporter, by, changes.difference(before, {}))
        strangers.fold(Exporter.objects.filter(pk=exporter.pk), now)
    logger.info("exporter %s removed by %s", exporter.pk, by)


def _why_not_removed(exporter: Exporter, now: datetime) -> Violation | None:
    if exporter.is_everybody_else:
        return Violation("ExporterEverybody")
    bound = [str(binding) for binding in exporter.bindings.all()[: NAMED + 1]]
    if bound:
        return Violation("StillUsed", "", {"users": _named(bound)})
    recently = now - strangers.SILENT - timedelta(seconds=settings.FLOWLOG_LATE_LIMIT)
    if exporter.account_id and exporter.last_seen and exporter.last_seen > recently:
        return Violation("ExporterSends")
    return None


def change_exporter(exporter: Exporter, by: User | None, *, name: str | None = None, **profile: Any) -> None:
    """Change the name of an exporter of an account, and how it is read.

    ``profile`` takes ``byte_layer``, ``observation_points`` and ``drop_ports`` as the model has them. Raises
    RuleError, ActionDenied, and ValidationError for a profile that the model does not take.
    """
    action = "vpc:ModifyExporter"
    region, account = exporter.region_id or "*", exporter.account_id or "*"
    require(by, action, region, account, f"exporter/{exporter.pk}")
    found = [
        *(rules.name(name) if name else ()),
        *(rules.observation_points(profile["observation_points"]) if "observation_points" in profile else ()),
        *(rules.drop_ports(profile["drop_ports"]) if "drop_ports" in profile else ()),
    ]
    if found:
        raise RuleError(*found)
    values = profile if name is None else {"name": name, **profile}
    for field, value in values.items():
        setattr(exporter, field, value)
    exporter.clean_fields(exclude=[field.name for field in Exporter._meta.fields if field.name not in values])
    with transaction.atomic():
        before = Exporter.objects.select_for_update().filter(pk=exporter.pk).values(*values).get()
        exporter.save(update_fields=list(values))
        _note(action, exporter, by, changes.difference(before, values))


def _named(bound: list[str]) -> str:
    return ", ".join([*bound[:NAMED], "…"] if len(bound) > NAMED else bound)


def _owner(exporter: Exporter) -> dict[str, str | None]:
    return {"account": exporter.account_id, "region": exporter.region_id}


def _note(action: str, exporter: Exporter, by: User | None, values: Values) -> None:
    """Write down what changed about an exporter; nothing where nothing did."""
    if values:
        changes.note(
            action,
            "Exporter",
            exporter.pk,
            by=by,
            account_id=exporter.account_id,
            region_id=exporter.region_id,
            values=values,
        )
