"""The network inventory: what flow logs can watch, and what decides verdicts and paths."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .kept import LIVE, Kept

PROTOCOLS = [
    ("all", _("All")),
    ("tcp", "TCP"),
    ("udp", "UDP"),
    ("icmp", "ICMP"),
    ("icmpv6", "ICMPv6"),
    ("gre", "GRE"),
]
DIRECTIONS = [("ingress", _("Inbound")), ("egress", _("Outbound"))]
POLICIES = [("accept", _("Allow")), ("drop", _("Deny"))]
EVERYBODY_ELSE = "0.0.0.0"  # noqa: S104 - stands for all senders without a row of their own, nothing listens there
PORT_RANGE = Q(port_from__gte=0, port_to__lte=65535, port_from__lte=models.F("port_to"))


class Vpc(Kept):
    """A virtual private cloud of one account in one region: the scope of addresses and of intervals."""

    id = models.CharField(_("VPC ID"), primary_key=True, max_length=64)
    account = models.ForeignKey("console.Account", models.CASCADE, related_name="vpcs")
    region = models.ForeignKey("console.Region", models.PROTECT, related_name="vpcs")
    name = models.CharField(max_length=128, blank=True)
    description = models.CharField(max_length=256, blank=True)
    is_demo = models.BooleanField(_("demo data"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(Kept.Meta):
        verbose_name = _("VPC")
        verbose_name_plural = _("VPCs")
        ordering = ["name", "id"]
        indexes = [models.Index(fields=["account", "region"])]

    def __str__(self) -> str:
        return f"{self.name or gettext('VPC')} ({self.id})"


class VpcCidrBlock(models.Model):
    """One CIDR block of a VPC, IPv4 or IPv6."""

    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="cidr_blocks")
    cidr = models.CharField(_("CIDR block"), max_length=43)
    is_primary = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("VPC CIDR block")
        ordering = ["-is_primary", "cidr"]
        constraints = [
            models.UniqueConstraint(fields=["vpc", "cidr"], name="vpc_cidr_once"),
            models.UniqueConstraint(
                fields=["vpc"], condition=Q(is_primary=True), name="vpc_one_primary_cidr"
            ),
        ]

    def __str__(self) -> str:
        return self.cidr


class NetworkAcl(models.Model):
    """A stateless list of rules that every packet of its vSwitches must pass in both directions."""

    id = models.CharField(_("network ACL ID"), primary_key=True, max_length=64)
    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="network_acls")
    name = models.CharField(max_length=128, blank=True)

    class Meta:
        verbose_name = _("network ACL")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return f"{self.name or gettext('Network ACL')} ({self.id})"


class NetworkAclRule(models.Model):
    """One rule of a network ACL; rules are tried in their order, the first match decides."""

    network_acl = models.ForeignKey(NetworkAcl, models.CASCADE, related_name="rules")
    direction = models.CharField(max_length=7, choices=DIRECTIONS)
    order = models.PositiveIntegerField()
    policy = models.CharField(max_length=6, choices=POLICIES)
    protocol = models.CharField(max_length=6, choices=PROTOCOLS, default="all")
    port_from = models.PositiveIntegerField(default=0)
    port_to = models.PositiveIntegerField(default=65535)
    cidr = models.CharField(_("peer CIDR block"), max_length=43, default="0.0.0.0/0")

    class Meta:
        verbose_name = _("network ACL rule")
        ordering = ["network_acl", "direction", "order"]
        constraints = [
            models.UniqueConstraint(fields=["network_acl", "direction", "order"], name="acl_rule_order_once"),
            models.CheckConstraint(condition=PORT_RANGE, name="acl_rule_port_range"),
        ]

    def __str__(self) -> str:
        said = f"{self.get_policy_display()} {self.get_protocol_display()} {self.cidr}"
        return f"{self.get_direction_display()} {self.order}: {said}"


class VSwitch(Kept):
    """A subnet of a VPC in one zone."""

    id = models.CharField(_("vSwitch ID"), primary_key=True, max_length=64)
    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="vswitches")
    name = models.CharField(max_length=128, blank=True)
    zone_id = models.CharField(_("zone"), max_length=64, blank=True)
    cidr_block = models.CharField(_("IPv4 CIDR block"), max_length=18)
    ipv6_cidr_block = models.CharField(_("IPv6 CIDR block"), max_length=43, blank=True)
    network_acl = models.ForeignKey(
        NetworkAcl, models.SET_NULL, null=True, blank=True, related_name="vswitches"
    )

    class Meta(Kept.Meta):
        verbose_name = _("vSwitch")
        verbose_name_plural = _("vSwitches")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["vpc", "cidr_block"], condition=LIVE, name="vswitch_cidr_once")
        ]

    def __str__(self) -> str:
        return f"{self.name or gettext('vSwitch')} ({self.id})"


class Instance(Kept):
    """An ECS instance; its family decides whether flow logs work in its VPC."""

    id = models.CharField(_("instance ID"), primary_key=True, max_length=64)
    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="instances")
    name = models.CharField(max_length=128, blank=True)
    instance_type = models.CharField(_("instance type"), max_length=64, help_text=_("Such as ecs.g7.large"))

    class Meta(Kept.Meta):
        verbose_name = _("ECS instance")
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["name", "id"], condition=LIVE, name="instance_live_by_name"),
            models.Index(fields=["instance_type"], condition=LIVE, name="instance_live_by_type"),
        ]

    def __str__(self) -> str:
        return f"{self.name or gettext('Instance')} ({self.id})"

    @property
    def family(self) -> str:
        """The instance family, such as ``ecs.g7`` of ``ecs.g7.large``."""
        return ".".join(self.instance_type.split(".")[:2])


class SecurityGroup(models.Model):
    """A stateful set of rules for the network interfaces in it; members reach each other unless switched off."""

    id = models.CharField(_("security group ID"), primary_key=True, max_length=64)
    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="security_groups")
    name = models.CharField(max_length=128, blank=True)
    inner_access = models.BooleanField(_("members reach each other"), default=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return f"{self.name or gettext('Security group')} ({self.id})"


class SecurityGroupRule(models.Model):
    """One rule of a security group: lower priority numbers first, Deny before Allow at the same priority.

    Without a match inbound traffic is denied and outbound traffic is allowed.
    """

    security_group = models.ForeignKey(SecurityGroup, models.CASCADE, related_name="rules")
    direction = models.CharField(max_length=7, choices=DIRECTIONS)
    policy = models.CharField(max_length=6, choices=POLICIES, default="accept")
    priority = models.PositiveSmallIntegerField(default=1)
    protocol = models.CharField(max_length=6, choices=PROTOCOLS, default="all")
    port_from = models.PositiveIntegerField(default=0)
    port_to = models.PositiveIntegerField(default=65535)
    cidr = models.CharField(_("peer CIDR block"), max_length=43, blank=True)
    peer_group = models.ForeignKey(SecurityGroup, models.CASCADE, null=True, blank=True, related_name="+")
    description = models.CharField(max_length=256, blank=True)

    class Meta:
        ordering = ["security_group", "direction", "priority", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(priority__gte=1, priority__lte=100), name="sg_rule_priority_range"
            ),
            models.CheckConstraint(condition=PORT_RANGE, name="sg_rule_port_range"),
            models.CheckConstraint(
                condition=(Q(peer_group__isnull=True) & ~Q(cidr=""))
                | (Q(peer_group__isnull=False) & Q(cidr="")),
                name="sg_rule_one_peer",
            ),
        ]

    def __str__(self) -> str:
        peer = self.cidr or self.peer_group_id
        said = f"{self.get_policy_display()} {self.get_protocol_display()} {peer}"
        return f"{self.get_direction_display()} {self.priority}: {said}"


class NetworkInterface(Kept):
    """An elastic network interface (ENI): where flows are captured."""

    id = models.CharField(_("ENI ID"), primary_key=True, max_length=64)
    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="network_interfaces")
    vswitch = models.ForeignKey(VSwitch, models.PROTECT, related_name="network_interfaces")
    instance = models.ForeignKey(
        Instance, models.SET_NULL, null=True, blank=True, related_name="network_interfaces"
    )
    name = models.CharField(max_length=128, blank=True)
    public_ip = models.GenericIPAddressField(_("public IP address"), null=True, blank=True)
    security_groups = models.ManyToManyField(SecurityGroup, blank=True, related_name="network_interfaces")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(Kept.Meta):
        verbose_name = _("elastic network interface")
        ordering = ["name", "id"]
        indexes = [
            # with the column of the condition, without which SQLite looks up each row that it counts
            models.Index(fields=["vpc", "deleted_at"], condition=LIVE, name="eni_live_by_vpc"),
            models.Index(fields=["vswitch", "deleted_at"], condition=LIVE, name="eni_live_by_vswitch"),
            models.Index(fields=["name", "id"], condition=LIVE, name="eni_live_by_name"),
            models.Index(
                fields=["public_ip"], condition=Q(public_ip__isnull=False), name="eni_by_public_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or gettext('ENI')} ({self.id})"


class NetworkInterfaceAddress(models.Model):
    """A private address of a network interface; unique in its VPC."""

    KINDS = [("primary", _("Primary")), ("secondary", _("Secondary")), ("ipv6", "IPv6")]

    network_interface = models.ForeignKey(NetworkInterface, models.CASCADE, related_name="addresses")
    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="+")
    address = models.GenericIPAddressField(unpack_ipv4=True)
    kind = models.CharField(max_length=9, choices=KINDS, default="primary")

    class Meta:
        verbose_name = _("ENI address")
        verbose_name_plural = _("ENI addresses")
        ordering = ["network_interface", "kind", "address"]
        constraints = [
            models.UniqueConstraint(fields=["vpc", "address"], name="address_once_in_vpc"),
            models.UniqueConstraint(
                fields=["network_interface"], condition=Q(kind="primary"), name="eni_one_primary_address"
            ),
        ]

    def __str__(self) -> str:
        return str(self.address)


class Gateway(models.Model):
    """A next hop that gives traffic its path code."""

    KINDS = [
        ("ipv4", _("IPv4 gateway")),
        ("ipv6", _("IPv6 gateway")),
        ("nat", _("NAT gateway")),
        ("vpn", _("VPN gateway")),
        ("transit_router", _("Transit router")),
        ("gateway_endpoint", _("Gateway endpoint")),
        ("vbr", _("Virtual border router")),
        ("ecr", _("Express Connect Router")),
        ("gwlb_endpoint", _("GWLB endpoint")),
        ("peering", _("VPC peering connection")),
    ]
    PREFIXES = {
        "ipv4": "ipv4gw",
        "ipv6": "ipv6gw",
        "nat": "ngw",
        "vpn": "vpn",
        "transit_router": "tr",
        "gateway_endpoint": "vpce",
        "vbr": "vbr",
        "ecr": "ecr",
        "gwlb_endpoint": "ep",
        "peering": "pcc",
    }

    id = models.CharField(_("gateway ID"), primary_key=True, max_length=64)
    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="gateways")
    kind = models.CharField(max_length=16, choices=KINDS)
    name = models.CharField(max_length=128, blank=True)

    class Meta:
        ordering = ["kind", "name", "id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name} ({self.id})"


class RouteEntry(models.Model):
    """A route of a VPC: the longest matching destination decides the next hop."""

    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="route_entries")
    destination = models.CharField(_("destination CIDR block"), max_length=43)
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="route_entries")

    class Meta:
        verbose_name_plural = _("route entries")
        ordering = ["vpc", "destination"]
        constraints = [models.UniqueConstraint(fields=["vpc", "destination"], name="route_destination_once")]

    def __str__(self) -> str:
        names = {"destination": self.destination, "gateway": self.gateway_id}
        return gettext("%(destination)s via %(gateway)s") % names


class Exporter(models.Model):
    """Something that sends NetFlow or IPFIX, known by its address and, where needed, observation domain.

    It appears by itself when its first datagram arrives, and yields samples once it is bound.
    """

    BYTE_LAYERS = [("L3", _("IP bytes")), ("L2", _("Ethernet bytes (14 a packet too many)"))]

    id = models.CharField(_("exporter ID"), primary_key=True, max_length=64)
    account = models.ForeignKey(
        "console.Account", models.CASCADE, null=True, blank=True, related_name="exporters"
    )
    region = models.ForeignKey(
        "console.Region", models.PROTECT, null=True, blank=True, related_name="exporters"
    )
    name = models.CharField(max_length=128, blank=True)
    address = models.GenericIPAddressField(unpack_ipv4=True)
    domain = models.BigIntegerField(
        _("observation domain"), null=True, blank=True, help_text=_("Empty: all domains")
    )
    byte_layer = models.CharField(max_length=2, choices=BYTE_LAYERS, default="L3")
    observation_points = models.JSONField(
        default=dict,
        blank=True,
        help_text=_('Verdict by observation point, such as {"1": "ACCEPT", "2": "REJECT"}'),
    )
    drop_ports = models.JSONField(
        default=list, blank=True, help_text=_("Output ports that mean a dropped flow, such as [65533]")
    )
    is_demo = models.BooleanField(_("demo data"), default=False)
    first_seen = models.DateTimeField(null=True, blank=True)
    last_seen = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["address", "domain"]
        constraints = [
            models.UniqueConstraint(
                fields=["address"], condition=Q(domain__isnull=True), name="exporter_address_once"
            ),
            models.UniqueConstraint(
                fields=["address", "domain"], condition=Q(domain__isnull=False), name="exporter_domain_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.address} ({self.id})"

    @property
    def is_everybody_else(self) -> bool:
        """Whether it stands for all senders without a row of their own."""
        return self.address == EVERYBODY_ELSE


class ExporterBinding(models.Model):
    """What an exporter observes: a whole VPC, a vSwitch or one network interface."""

    exporter = models.ForeignKey(Exporter, models.CASCADE, related_name="bindings")
    vpc = models.ForeignKey(Vpc, models.CASCADE, related_name="exporter_bindings")
    vswitch = models.ForeignKey(
        VSwitch, models.CASCADE, null=True, blank=True, related_name="exporter_bindings"
    )
    network_interface = models.ForeignKey(
        NetworkInterface, models.CASCADE, null=True, blank=True, related_name="exporter_bindings"
    )

    class Meta:
        ordering = ["exporter", "vpc"]
        constraints = [
            models.UniqueConstraint(
                fields=["exporter", "vpc"],
                condition=Q(vswitch__isnull=True, network_interface__isnull=True),
                name="exporter_bound_to_vpc_once",
            ),
            models.UniqueConstraint(
                fields=["exporter", "vswitch"],
                condition=Q(vswitch__isnull=False),
                name="exporter_bound_to_vswitch_once",
            ),
            models.UniqueConstraint(
                fields=["exporter", "network_interface"],
                condition=Q(network_interface__isnull=False),
                name="exporter_bound_to_eni_once",
            ),
            models.CheckConstraint(
                condition=Q(vswitch__isnull=True) | Q(network_interface__isnull=True),
                name="exporter_binding_one_scope",
            ),
        ]

    def __str__(self) -> str:
        observed = self.network_interface_id or self.vswitch_id or self.vpc_id
        return gettext("%(exporter)s observes %(observed)s") % {
            "exporter": self.exporter_id,
            "observed": observed,
        }
