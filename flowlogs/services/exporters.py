"""Exporters: what each of them observes, and what it is called."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction

from console.models import User
from flowlogs import rules
from flowlogs.models import Exporter, ExporterBinding, NetworkInterface, Vpc, VSwitch
from flowlogs.rules import RuleError, Violation
from flowlogs.services.circumstances import Resource, vpc_of
from flowlogs.services.permissions import require

logger = logging.getLogger(__name__)


def bind_exporter(exporter: Exporter, by: User | None, resource: Resource) -> ExporterBinding:
    """Bind an exporter to what it observes: a VPC, a vSwitch or an ENI; from then on its flows become samples.

    The first binding gives the exporter to the account and region of the resource. Raises RuleError, ActionDenied.
    """
    vpc = vpc_of(resource)
    require(by, "vpc:BindExporter", vpc.region_id, vpc.account_id, f"exporter/{exporter.pk}")
    scope = {
        "vpc": vpc,
        "vswitch": resource if isinstance(resource, VSwitch) else None,
        "network_interface": resource if isinstance(resource, NetworkInterface) else None,
    }
    with transaction.atomic():
        exporter = Exporter.objects.select_for_update().get(pk=exporter.pk)
        if exporter.account_id not in (None, vpc.account_id):
            raise RuleError(Violation("ExporterTaken", "resource_id"))
        if exporter.region_id not in (None, vpc.region_id):
            raise RuleError(Violation("ExporterRegion", "resource_id"))
        if exporter.bindings.filter(**scope).exists():
            raise RuleError(Violation("ExporterBound", "resource_id"))
        if exporter.account_id is None or exporter.region_id is None:
            exporter.account_id, exporter.region_id = vpc.account_id, vpc.region_id
            exporter.save(update_fields=["account", "region"])
        binding = ExporterBinding.objects.create(exporter=exporter, **scope)
    logger.info("exporter %s bound to %s by %s", exporter.pk, resource.pk, by)
    return binding


def unbind_exporter(binding: ExporterBinding, by: User | None) -> None:
    """Take a binding away; what the exporter reports of that resource becomes unattributed."""
    vpc: Vpc = binding.vpc
    require(by, "vpc:UnbindExporter", vpc.region_id, vpc.account_id, f"exporter/{binding.exporter_id}")
    binding.delete()
    logger.info("exporter %s no longer bound to %s by %s", binding.exporter_id, vpc.pk, by)


def change_exporter(exporter: Exporter, by: User | None, *, name: str | None = None, **profile: Any) -> None:
    """Change the name of an exporter of an account, and how it is read.

    ``profile`` takes ``byte_layer``, ``observation_points`` and ``drop_ports`` as the model has them. Raises
    RuleError, ActionDenied, and ValidationError for a profile that the model does not take.
    """
    region, account = exporter.region_id or "*", exporter.account_id or "*"
    require(by, "vpc:ModifyExporter", region, account, f"exporter/{exporter.pk}")
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
    exporter.save(update_fields=list(values))
