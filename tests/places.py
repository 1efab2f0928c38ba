"""Every address of the console, out of the resolver, and one of everything that an address may name.

An address below ``console``, ``flowlogs`` or ``analytics`` is found by itself. Where it names something new,
``VALUES`` must say what stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from console.models import Account, Policy, Region, User
from console.ram import services as ram
from flowlogs import services, usage
from flowlogs.models import (
    Closing,
    Collector,
    Delivery,
    Exporter,
    FlowLog,
    Gateway,
    Logstore,
    NetworkAcl,
    NetworkAclRule,
    NetworkInterface,
    Project,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
    Stream,
    Unattributed,
    Vpc,
    Window,
)
from flowlogs.models.network import Instance
from flowlogs.networks.kind import KINDS
from tests.flowlogs.conftest import make_interface, make_vpc

HERE, ELSEWHERE = "cn-hangzhou", "cn-beijing"
APPS = {"console", "flowlogs", "analytics"}
SECRET = "confidential"
"""Stands in the name of everything of the account: whoever may not see it, must not find it in an answer."""


@dataclass(frozen=True)
class Place:
    """An address: its name in the resolver, and the parameters that it takes."""

    name: str
    parameters: tuple[str, ...]

    @property
    def is_regional(self) -> bool:
        """Whether it is below a region."""
        return "region_id" in self.parameters

    @property
    def names_something(self) -> bool:
        """Whether it names something that belongs to an account."""
        return any(parameter in OWNED for parameter in self.parameters)


@dataclass(frozen=True)
class Scene:
    """One of everything of an account in a region."""

    account: Account
    flow_log: FlowLog
    exporter: Exporter
    binding_id: int
    logstore: Logstore
    user: User
    policy: Policy

    def url(self, place: Place, region: str = HERE) -> str:
        """Return the address of a place."""
        values = {
            each: region if each == "region_id" else self._value(place, each) for each in place.parameters
        }
        return reverse(place.name, kwargs=values)

    def _value(self, place: Place, parameter: str) -> Any:
        make = VALUES.get(parameter)
        if make is None:
            pytest.fail(
                f"{place.name} takes {parameter!r}, which nothing here knows. Add to VALUES in tests/places.py "
                f"what stands there, make one in the scene, and, if it belongs to an account, add it to OWNED."
            )
        return make(self, place)


def _resource(scene: Scene, place: Place) -> str:
    """Return a network resource of the kind that the name of an address begins with."""
    slug = place.name.partition(":")[2].rpartition("-")[0]
    kind = KINDS.get(slug)
    if kind is None:
        pytest.fail(f"{place.name} takes 'resource_id', but {slug!r} is no kind of network resource.")
    found = kind.within(scene.account, Region.objects.get(pk=HERE)).first()
    if found is None:
        pytest.fail(f"{place.name} needs a {slug}. Make one in the scene of tests/places.py.")
    return str(found.pk)


VALUES: dict[str, Callable[[Scene, Place], Any]] = {
    "flow_log_id": lambda scene, place: scene.flow_log.pk,
    "exporter_id": lambda scene, place: scene.exporter.pk,
    "binding_id": lambda scene, place: scene.binding_id,
    "resource_id": _resource,
    "project": lambda scene, place: scene.logstore.project.name,
    "logstore": lambda scene, place: scene.logstore.name,
    "dashboard": lambda scene, place: "overview",
    "chart": lambda scene, place: "traffic",
    "field": lambda scene, place: "srcaddr",
    "key": lambda scene, place: "done",
    "user_id": lambda scene, place: scene.user.pk,
    "policy_id": lambda scene, place: scene.policy.pk,
}
"""What stands in an address for each of its parameters."""

SENT: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "flowlogs:flow-log-batch": lambda scene: {"act": "stop", "ids": [scene.flow_log.pk]},
    "flowlogs:flow-log-edit": lambda scene: {"name": SECRET, "description": "", "interval": "5"},
    "flowlogs:flow-log-interval": lambda scene: {"interval": "5"},
}
"""What some forms are sent, so that they come to a decision; all others are sent empty."""

OWNED = {
    *("flow_log_id", "exporter_id", "binding_id", "resource_id", "project", "logstore"),
    *("user_id", "policy_id"),
}
"""Parameters that name something of an account."""


def places() -> Iterator[Place]:
    """Yield every address of our apps."""
    yield from _walk(get_resolver().url_patterns, "", ())


def _walk(patterns: Any, namespace: str, parameters: tuple[str, ...]) -> Iterator[Place]:
    for pattern in patterns:
        taken = (*parameters, *pattern.pattern.converters)
        if not isinstance(pattern, URLPattern):
            yield from _walk(pattern.url_patterns, pattern.namespace or namespace, taken)
        elif namespace in APPS:
            yield Place(f"{namespace}:{pattern.name}", taken)


def make_scene(account: Account, owner: User, region: Region) -> Scene:
    """Make one of everything; each has SECRET in its name, where it has one."""
    vpc = make_vpc(account, region, "vpc-1")
    first, second = vpc.vswitches.order_by("pk")
    eni, _other = make_interface(first, 1), make_interface(second, 1)
    acl = NetworkAcl.objects.create(pk="nacl-1", vpc=vpc, name=SECRET)
    NetworkAclRule.objects.create(network_acl=acl, direction="ingress", order=1, policy="accept")
    group = SecurityGroup.objects.create(pk="sg-1", vpc=vpc, name=SECRET)
    SecurityGroupRule.objects.create(
        security_group=group, direction="ingress", priority=1, cidr="0.0.0.0/0", description=SECRET
    )
    eni.security_groups.add(group)
    gateway = Gateway.objects.create(pk="ngw-1", vpc=vpc, kind="natGateway", name=SECRET)
    RouteEntry.objects.create(vpc=vpc, destination="0.0.0.0/0", gateway=gateway)
    project = services.create_project(account, region, None, "logs")
    logstore = services.create_logstore(project, None, "flows")
    for model in (Vpc, type(first), Instance, NetworkInterface):
        model.objects.update(name=SECRET)
    Project.objects.update(description=SECRET)
    flow_log = _flow_log(account, region, owner, vpc, logstore)
    exporter = Exporter.objects.create(
        pk="exp-1", account=account, region=region, address="192.0.2.1", name=SECRET
    )
    binding = services.bind_exporter(exporter, owner, vpc)
    Stream.objects.create(
        exporter=exporter, port=2055, domain=0, version=10, clock_offset_ms=90_000, last_seen=timezone.now()
    )
    Unattributed.objects.create(
        exporter=exporter,
        srcaddr="10.9.0.1",
        dstaddr="10.9.0.2",
        protocol=6,
        dstport=80,
        last_seen=timezone.now(),
    )
    Collector.objects.create(pk="c1", address="127.0.0.1:4739", last_seen=timezone.now())
    user = ram.create_user(
        account, owner, name=f"{SECRET}-user", display_name=SECRET, password=ram.new_password()
    )
    document = {"Version": "1", "Statement": [{"Effect": "Deny", "Action": "vpc:Delete*", "Resource": "*"}]}
    policy = ram.create_policy(account, owner, name=SECRET, description=SECRET, document=document)
    ram.attach(user, owner, [policy])
    return Scene(account, flow_log, exporter, binding.pk, logstore, user, policy)


def _flow_log(account: Account, region: Region, owner: User, vpc: Vpc, logstore: Logstore) -> FlowLog:
    """Make a started flow log with a delivery that failed and a change in its history."""
    flow_log = services.create_flow_log(
        account,
        region,
        owner,
        resource_type="VPC",
        resource_id=vpc.pk,
        project_name=logstore.project.name,
        logstore_name=logstore.name,
        name=SECRET,
        description=SECRET,
    )
    services.finish_transition(flow_log.pk)
    window = Window.objects.create(vpc=vpc, interval=10, start=1_772_366_400)
    closing = Closing.objects.create(window=window, number=0)
    Delivery.objects.create(
        flow_log=flow_log, closing=closing, state=Delivery.State.DELIVERED, records=3, size=300
    )
    usage.record(closing, timezone.now())
    flow_log.refresh_from_db()
    return flow_log


def ask(client: Client, method: str, scene: Scene, place: Place, url: str = "", **headers: str) -> Any:
    """Ask for an address, with no more in the form than it takes; an answer in pieces is read to its end."""
    url = url or scene.url(place)
    sent = SENT[place.name](scene) if method == "POST" and place.name in SENT else {}
    response: Any = getattr(client, method.lower())(url, sent, headers=headers)
    if response.streaming:
        return HttpResponse(b"".join(response.streaming_content), headers=dict(response.headers))
    return response
