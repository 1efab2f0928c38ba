"""Enters the demo into the database: network, exporters, flow logs, and the day that they seem to have run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from console.models import Account, Change, Region, User
from console.services import DEMO_ACCOUNT, activate_flow_logs, activate_log_service, authorize_delivery
from flowlogs import inventory, services
from flowlogs.demo import history
from flowlogs.demo.network import EXPORTERS, NETWORKS, PROJECTS, Host, Log, Network, Rule
from flowlogs.identifiers import new_id
from flowlogs.models import (
    Collector,
    Coverage,
    Exporter,
    FlowLog,
    Gateway,
    Instance,
    IntervalChange,
    InventoryVersion,
    Logstore,
    NetworkAcl,
    NetworkAclRule,
    NetworkInterface,
    NetworkInterfaceAddress,
    Project,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
    VpcCidrBlock,
    VSwitch,
)

INTERVAL: Final = 10
DAY: Final = 86_400


def install() -> bool:
    """See ``flowlogs.demo.ensure``."""
    if Collector.objects.filter(pk=history.COLLECTOR).exists():
        return False
    owner = User.objects.select_related("account").get(account_id=DEMO_ACCOUNT, is_account_owner=True)
    end_ms = int(timezone.now().timestamp() * 1000)
    start = _beginning(end_ms // 1000)
    # Segments first: once its collector is listed, windows close as if all of the past had arrived.
    settings.FLOWLOG_SPOOL.mkdir(parents=True, exist_ok=True)
    history.write(settings.FLOWLOG_SPOOL, start * 1000, end_ms)
    with transaction.atomic():
        last = Change.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        _open_gates(owner)
        for network in NETWORKS:
            _Builder(network, owner, start).build()
        _back_date(owner.account, _instant(start), last)
        Collector.objects.create(
            id=history.COLLECTOR,
            is_history=True,
            address="the demo's past",
            sealed_through=end_ms,
            decoded_through=start * 1000,
        )
        inventory.record(since=_instant(start))
    return True


def _beginning(now: int) -> int:
    """Tell where the history starts (Unix s): a day back, or where a network of the user's own is known from.

    What attributes the past is the inventory that was in force then, and that one is not rewritten.
    """
    start = now - DAY
    for version in InventoryVersion.objects.filter(since__gt=start * 1000).order_by("since"):
        if inventory.load(version)["enis"]:
            start = max(start, -(-version.since // 1000))
        else:
            version.delete()
    return start - start % -(INTERVAL * 60)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _open_gates(owner: User) -> None:
    """Activate and authorize, as the owner of an account does before the first flow log."""
    assert owner.account is not None
    activate_flow_logs(owner.account, owner)
    activate_log_service(owner.account, owner)
    authorize_delivery(owner.account, owner)


def _back_date(account: Account | None, since: datetime, last: int) -> None:
    """Let everything have been made when the history begins, and so say the changes after the ``last`` one."""
    Change.objects.filter(account=account, pk__gt=last).update(at=since)
    made: tuple[QuerySet[Any], ...] = (
        Vpc.objects.filter(account=account),
        NetworkInterface.objects.filter(vpc__account=account),
        Project.objects.filter(account=account),
        Logstore.objects.filter(project__account=account),
        FlowLog.objects.filter(account=account),
    )
    for rows in made:
        rows.update(created_at=since)


@dataclass
class _Builder:
    """Makes the rows of one network."""

    network: Network
    owner: User
    start: int

    def build(self) -> None:
        assert self.owner.account is not None
        self.account = self.owner.account
        self.region = Region.objects.get(pk=self.network.region)
        self.vpc = Vpc.objects.create(
            id=self._id("vpc"),
            account=self.account,
            region=self.region,
            name=self.network.name,
            description=self.network.description,
            is_demo=True,
        )
        VpcCidrBlock.objects.bulk_create(
            VpcCidrBlock(vpc=self.vpc, cidr=cidr, is_primary=place == 0)
            for place, cidr in enumerate(self.network.cidrs)
        )
        self.groups = self._security_groups()
        self.switches = self._switches(self._acls())
        self._hosts()
        self._routes()
        self._bind_exporter()
        for log in self.network.logs:
            self._flow_log(log)

    def _id(self, prefix: str) -> str:
        return new_id(prefix, self.network.region)

    def _security_groups(self) -> dict[str, SecurityGroup]:
        groups = {
            name: SecurityGroup(id=self._id("sg"), vpc=self.vpc, name=name) for name in self.network.groups
        }
        SecurityGroup.objects.bulk_create(groups.values())
        SecurityGroupRule.objects.bulk_create(
            SecurityGroupRule(
                security_group=groups[name],
                priority=rule.priority,
                cidr="" if rule.peer in groups else rule.peer,
                peer_group=groups.get(rule.peer),
                description=rule.description,
                **_terms(rule),
            )
            for name, rules in self.network.groups.items()
            for rule in rules
        )
        return groups

    def _acls(self) -> dict[str, NetworkAcl]:
        acls = {name: NetworkAcl(id=self._id("nacl"), vpc=self.vpc, name=name) for name in self.network.acls}
        NetworkAcl.objects.bulk_create(acls.values())
        NetworkAclRule.objects.bulk_create(
            NetworkAclRule(network_acl=acls[name], order=order, cidr=rule.peer, **_terms(rule))
            for name, rules in self.network.acls.items()
            for order, rule in enumerate(rules, 1)
        )
        return acls

    def _switches(self, acls: dict[str, NetworkAcl]) -> dict[str, VSwitch]:
        switches = {
            switch.name: VSwitch(
                id=self._id("vsw"),
                vpc=self.vpc,
                name=switch.name,
                zone_id=switch.zone,
                cidr_block=switch.cidr,
                ipv6_cidr_block=switch.ipv6_cidr,
                network_acl=acls.get(switch.acl),
            )
            for switch in self.network.switches
        }
        VSwitch.objects.bulk_create(switches.values())
        return switches

    def _hosts(self) -> None:
        instances = {
            host.name: Instance(
                id=self._id("i"), vpc=self.vpc, name=host.name, instance_type=host.instance_type
            )
            for host in self.network.hosts
            if host.instance_type
        }
        Instance.objects.bulk_create(instances.values())
        interfaces = {
            host.name: NetworkInterface(
                id=self._id("eni"),
                vpc=self.vpc,
                vswitch=self.switches[host.switch],
                instance=instances.get(host.name),
                name=host.name,
                public_ip=host.public_ip,
            )
            for host in self.network.hosts
        }
        NetworkInterface.objects.bulk_create(interfaces.values())
        NetworkInterfaceAddress.objects.bulk_create(
            NetworkInterfaceAddress(
                network_interface=interfaces[host.name], vpc=self.vpc, address=address, kind=kind
            )
            for host in self.network.hosts
            for kind, address in _addresses(host)
        )
        membership = NetworkInterface.security_groups.through
        membership.objects.bulk_create(
            membership(networkinterface_id=interfaces[host.name].pk, securitygroup_id=self.groups[group].pk)
            for host in self.network.hosts
            for group in host.groups
        )

    def _routes(self) -> None:
        gateways = {
            name: Gateway(id=self._id(Gateway.PREFIXES[kind]), vpc=self.vpc, kind=kind, name=name)
            for name, kind in self.network.gateways.items()
        }
        Gateway.objects.bulk_create(gateways.values())
        RouteEntry.objects.bulk_create(
            RouteEntry(vpc=self.vpc, destination=route.destination, gateway=gateways[route.gateway])
            for route in self.network.routes
        )

    def _bind_exporter(self) -> None:
        address = self.network.exporter
        exporter, _created = Exporter.objects.update_or_create(
            address=address,
            domain=None,
            defaults={
                "account": self.account,
                "region": self.region,
                "name": EXPORTERS[address],
                "is_demo": True,
            },
            create_defaults={
                "id": new_id("exp"),
                "account": self.account,
                "region": self.region,
                "name": EXPORTERS[address],
                "is_demo": True,
            },
        )
        services.bind_exporter(exporter, self.owner, self.vpc)

    def _flow_log(self, log: Log) -> None:
        project = PROJECTS[self.network.region]
        types = FlowLog.ResourceType
        flow_log = services.create_flow_log(
            self.account,
            self.region,
            self.owner,
            resource_type=types.VSWITCH if log.switch else types.VPC,
            resource_id=self.switches[log.switch].pk if log.switch else self.vpc.pk,
            project_name=project,
            logstore_name=log.logstore,
            name=log.name,
            description=log.description,
            traffic_type=log.traffic,
            ip_version="DualStack" if self.region.ipv6_available else "IPv4",
            interval=INTERVAL,
            create_project=not self.account.projects.filter(region=self.region, name=project).exists(),
            create_logstore=True,
            analysis_report=True,
            is_demo=True,
        )
        services.finish_transition(flow_log.pk)
        self._cover(flow_log)

    def _cover(self, flow_log: FlowLog) -> None:
        """Let a flow log have run since the beginning of the history."""
        since = _instant(self.start)
        Coverage.objects.filter(flow_log=flow_log).update(since=since)
        IntervalChange.objects.filter(network_interface__vpc=self.vpc).update(since=since)


def _terms(rule: Rule) -> dict[str, str | int]:
    return {
        "direction": "ingress" if rule.inbound else "egress",
        "policy": "accept" if rule.accepts else "drop",
        "protocol": rule.protocol,
        "port_from": rule.ports[0],
        "port_to": rule.ports[1],
    }


def _addresses(host: Host) -> list[tuple[str, str]]:
    found = [("primary", host.address)]
    return [*found, ("ipv6", host.ipv6)] if host.ipv6 else found
