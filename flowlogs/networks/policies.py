"""Security groups and network ACLs with their rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from flowlogs import network_rules
from flowlogs.models import NetworkAcl, NetworkAclRule, SecurityGroup, SecurityGroupRule
from flowlogs.models.network import DIRECTIONS, POLICIES, PROTOCOLS

from .batch import Batch, Row
from .fields import Choice, Cidr, Flag, Number, Peer, Reference
from .kind import (
    DESCRIPTION,
    ID,
    NAME,
    Cell,
    Column,
    Filter,
    Kind,
    Section,
    Values,
    chunks,
    described,
    own,
    plain,
    ref,
    shown,
)
from .vpcs import VPC_COLUMN, VPC_FIELD, VPC_FILTER

FIRST_PORT, LAST_PORT = network_rules.PORTS[0], network_rules.PORTS[-1]
DIRECTION = Choice(name="direction", label=_("Direction"), required=True, choices=DIRECTIONS)
POLICY = Choice(name="policy", label=_("Policy"), default="accept", choices=POLICIES)
PROTOCOL = Choice(name="protocol", label=_("Protocol"), default="all", choices=PROTOCOLS)
PORTS = (
    Number(name="port_from", label=_("First port"), default=FIRST_PORT),
    Number(
        name="port_to", label=_("Last port"), default=LAST_PORT, help=_("0 to 65535 stands for all ports.")
    ),
)


def _ports(rule: Any) -> Cell:
    if (rule.port_from, rule.port_to) == (FIRST_PORT, LAST_PORT):
        return Cell(_("All"))
    return Cell(rule.port_from if rule.port_from == rule.port_to else f"{rule.port_from}-{rule.port_to}")


def _policy(rule: Any) -> Cell:
    kind = "success" if rule.policy == "accept" else "error"
    return Cell(tag=rule.get_policy_display(), tag_kind=kind)


class SecurityGroups(Kind):
    """Security groups."""

    slug, path, model, type = "security-group", "security-groups", SecurityGroup, "SecurityGroup"
    prefix, resource_path = "sg", "securitygroup"
    one, many = _("security group"), _("Security groups")
    about = _("Stateful rules for the ENIs in a group. They decide whether a flow was accepted or rejected.")
    actions = {
        "list": "ecs:DescribeSecurityGroups",
        "create": "ecs:CreateSecurityGroup",
        "edit": "ecs:ModifySecurityGroupAttribute",
        "delete": "ecs:DeleteSecurityGroup",
    }
    fields = (
        ID,
        VPC_FIELD,
        NAME,
        Flag(name="inner_access", label=_("Members reach each other"), default=True),
    )
    columns = (
        Column(_("Security group"), own("security-group"), "name"),
        VPC_COLUMN,
        Column(
            _("Members reach each other"), lambda group: Cell(_("Yes") if group.inner_access else _("No"))
        ),
    )
    sections = (
        Section("security-group-rule", "security_group", is_table=True, prefill="security_group_id"),
        Section("eni", "security_group", is_table=True),
    )
    filters = (VPC_FILTER, Filter("eni", "network_interfaces", _("ENI"), to="eni"))


class NetworkAcls(Kind):
    """Network ACLs."""

    slug, path, model, type = "network-acl", "network-acls", NetworkAcl, "NetworkAcl"
    prefix, resource_path = "nacl", "networkacl"
    one, many = _("network ACL"), _("Network ACLs")
    about = _("Stateless rules that every packet of a vSwitch must pass in both directions.")
    actions = {
        "list": "vpc:DescribeNetworkAcls",
        "create": "vpc:CreateNetworkAcl",
        "edit": "vpc:ModifyNetworkAclAttributes",
        "delete": "vpc:DeleteNetworkAcl",
    }
    fields = (ID, VPC_FIELD, NAME)
    columns = (Column(_("Network ACL"), own("network-acl"), "name"), VPC_COLUMN)
    sections = (
        Section("network-acl-rule", "network_acl", is_table=True, prefill="network_acl_id"),
        Section("vswitch", "network_acl", is_table=True),
    )
    filters = (VPC_FILTER,)


class Rules(Kind):
    """What the rules of security groups and of network ACLs have in common: they are known by what they say."""

    def named(self, resource: Any) -> str:
        """Return what a rule says."""
        return str(resource)

    def vpc_id(self, resource: Any) -> str:
        """Return the VPC of the group or ACL."""
        return getattr(resource, self._owner).vpc_id

    def vpc_of(self, values: Values, batch: Batch) -> str:
        """Return the VPC of the group or ACL."""
        owner = batch.other(self.fields[0].to, values.get(self.part_of, ""))  # type: ignore[attr-defined]
        return owner.vpc_id if owner is not None else ""

    def key_text(self, values: Values) -> str:
        """Return what the rule says, in short."""
        names = ("direction", "order", "priority", "policy", "protocol", "peer")
        return " ".join(str(values[name]) for name in names if values.get(name, "") != "")

    def existing(self, batch: Batch, rows: Sequence[Row]) -> dict[Any, Any]:
        """Return all rules of the groups or ACLs that rows are about, by what they say."""
        owners = batch.others(self.fields[0].to, [row.values.get(self.part_of, "") for row in rows])  # type: ignore[attr-defined]
        found = [
            rule
            for ids in chunks(pk for pk, owner in owners.items() if owner is not None)
            for rule in self.model.objects.filter(**{f"{self.part_of}__in": ids})
        ]
        return {self.key(values, batch): rule for rule, values in zip(found, self.values(found), strict=True)}

    def is_here(self, resource: Any, batch: Batch) -> bool:
        """Tell that it is, for only those of groups and ACLs here are asked for."""
        return True

    def check(self, batch: Batch) -> None:
        """Hold ports, and place among the others, to their ranges."""
        for row in batch.rows:
            values = row.values
            if not row.is_broken("protocol", "port_from", "port_to"):
                row.found += network_rules.ports(values["protocol"], values["port_from"], values["port_to"])
            if "order" in values and values["order"] != "" and not row.is_broken("order"):
                row.found += network_rules.order(values["order"])
            if "priority" in values and not row.is_broken("priority"):
                row.found += network_rules.priority(values["priority"])

    def note(
        self, resource: Any, before: Values | None, after: Values | None
    ) -> tuple[str, str, dict[str, tuple[Any, Any]]]:
        """Note the change of a rule on its group or ACL, whose history this is."""
        pair = tuple(None if values is None else self._sentence(values) for values in (before, after))
        return self.type, self.permission_id(resource), {"rule": pair}  # type: ignore[dict-item]

    def _sentence(self, values: Values) -> str:
        told = {**values, "port_to": "", "port_from": f"{values['port_from']}/{values['port_to']}"}
        words = (each.text(told[each.name]) for each in self.fields if each.name != self.part_of)
        return " ".join(word for word in words if word)

    def permission_id(self, resource: Any) -> str:
        """Return the ID of the group or ACL."""
        return str(getattr(resource, self.part_of))

    @property
    def _owner(self) -> str:
        return self.part_of.removesuffix("_id")


def _peer(rule: Any) -> Cell:
    if rule.peer_group is None:
        return Cell(rule.cidr)
    return ref("peer_group", "security-group")(rule)


class SecurityGroupRules(Rules):
    """Rules of security groups; ``peer`` is a CIDR block or the ID of a security group."""

    slug, path, model, type = (
        *("security-group-rule", "security-group-rules", SecurityGroupRule, "SecurityGroup"),
    )
    resource_path, scope, part_of = "securitygroup", "security_group__vpc__", "security_group_id"
    one, many = _("security group rule"), _("Security group rules")
    about = _(
        "Lower priority numbers come first, Deny before Allow. Without a match inbound traffic is denied and "
        "outbound traffic is allowed."
    )
    actions = {
        "list": "ecs:DescribeSecurityGroupAttribute",
        "create": "ecs:AuthorizeSecurityGroup",
        "edit": "ecs:ModifySecurityGroupRule",
        "delete": "ecs:RevokeSecurityGroup",
    }
    unstored = ("peer",)
    fields = (
        Reference(
            name="security_group_id",
            label=_("Security group"),
            to="security-group",
            required=True,
            fixed=True,
        ),
        DIRECTION,
        POLICY,
        Number(
            name="priority", label=_("Priority"), default=1, help=_("1 to 100; lower numbers come first.")
        ),
        PROTOCOL,
        *PORTS,
        Peer(
            name="peer",
            label=_("Peer"),
            required=True,
            help=_(
                "A CIDR block, such as 0.0.0.0/0 for everywhere, or the ID of a security group of the VPC."
            ),
        ),
        DESCRIPTION,
    )
    columns = (
        Column(_("Security group"), ref("security_group", "security-group")),
        Column(_("Direction"), shown("direction"), "direction"),
        Column(_("Priority"), plain("priority"), "priority", is_number=True),
        Column(_("Policy"), _policy),
        Column(_("Protocol"), shown("protocol"), "protocol"),
        Column(_("Ports"), _ports, "port_from"),
        Column(_("Peer"), _peer),
        Column(_("Description"), described),
    )
    filters = (
        Filter("direction", "direction", _("Direction"), choices=DIRECTIONS),
        Filter("vpc", "security_group__vpc", _("VPC"), to="vpc"),
        Filter("security_group", "security_group", _("Security group"), to="security-group"),
    )

    def listed(self, resources: QuerySet[Any]) -> QuerySet[Any]:
        """Return rules with their group and peer."""
        return resources.select_related("security_group__vpc", "peer_group")

    def matches(self, word: str, vpcs: QuerySet[Any]) -> Q:
        """Return what a word finds: peers, groups, ports, descriptions."""
        ports = Q(port_from__lte=int(word), port_to__gte=int(word)) if _is_port(word) else Q()
        named = Q(security_group__name__icontains=word) | Q(security_group=word) | Q(peer_group=word)
        found = Q(cidr__startswith=word) | Q(description__icontains=word) | named
        return found | ports if ports else found

    def values(self, resources: Sequence[Any]) -> list[Values]:
        """Return the values of rules."""
        found = zip(resources, super().values(resources), strict=True)
        return [{**values, "peer": rule.cidr or rule.peer_group_id} for rule, values in found]

    def attributes(self, values: Values, batch: Batch) -> dict[str, Any]:
        """Return the two columns of the peer."""
        peer = values["peer"]
        return {"cidr": peer, "peer_group_id": None} if "/" in peer else {"cidr": "", "peer_group_id": peer}

    def key(self, values: Values, batch: Batch) -> Any:
        """Return all that a rule says but for its description."""
        said = {each.name: each.default for each in self.fields}
        said |= {name: value for name, value in values.items() if value != ""}
        key = tuple(said[each.name] for each in self.fields if each is not DESCRIPTION)
        return None if "" in key else key

    def check(self, batch: Batch) -> None:
        """Check the peer too: a CIDR block, or a group of the same VPC."""
        super().check(batch)
        peers = [row.values["peer"] for row in batch.rows if "/" not in row.values["peer"]]
        groups = batch.others("security-group", peers)
        for row in batch.rows:
            peer = row.values["peer"]
            if not peer or "/" in peer:
                continue
            if groups[peer] is None:
                row.broken("NotExist", "peer", id=peer)
            elif (vpc_id := self.vpc_of(row.values, batch)) and groups[peer].vpc_id != vpc_id:
                row.broken("OtherVpc", "peer", other=peer)


class NetworkAclRules(Rules):
    """Rules of network ACLs."""

    slug, path, model, type = "network-acl-rule", "network-acl-rules", NetworkAclRule, "NetworkAcl"
    resource_path, scope, part_of = "networkacl", "network_acl__vpc__", "network_acl_id"
    one, many = _("network ACL rule"), _("Network ACL rules")
    about = _("Rules are tried in their order, the first that matches decides; without a match it is denied.")
    actions = {
        "list": "vpc:DescribeNetworkAclAttributes",
        "create": "vpc:UpdateNetworkAclEntries",
        "edit": "vpc:UpdateNetworkAclEntries",
        "delete": "vpc:UpdateNetworkAclEntries",
    }
    fields = (
        Reference(name="network_acl_id", label=_("Network ACL"), to="network-acl", required=True, fixed=True),
        DIRECTION,
        Number(
            name="order", label=_("Order"), required=True, help=_("1 to 32766; lower numbers come first.")
        ),
        POLICY,
        PROTOCOL,
        *PORTS,
        Cidr(name="cidr", label=_("Peer CIDR block"), default="0.0.0.0/0"),
    )
    columns = (
        Column(_("Network ACL"), ref("network_acl", "network-acl")),
        Column(_("Direction"), shown("direction"), "direction"),
        Column(_("Order"), plain("order"), "order", is_number=True),
        Column(_("Policy"), _policy),
        Column(_("Protocol"), shown("protocol"), "protocol"),
        Column(_("Ports"), _ports, "port_from"),
        Column(_("Peer CIDR block"), plain("cidr"), "cidr"),
    )
    filters = (
        Filter("direction", "direction", _("Direction"), choices=DIRECTIONS),
        Filter("vpc", "network_acl__vpc", _("VPC"), to="vpc"),
        Filter("network_acl", "network_acl", _("Network ACL"), to="network-acl"),
    )

    def listed(self, resources: QuerySet[Any]) -> QuerySet[Any]:
        """Return rules with their ACL."""
        return resources.select_related("network_acl__vpc")

    def matches(self, word: str, vpcs: QuerySet[Any]) -> Q:
        """Return what a word finds: peers, ACLs, ports."""
        found = Q(cidr__startswith=word) | Q(network_acl__name__icontains=word) | Q(network_acl=word)
        if _is_port(word):
            return found | Q(port_from__lte=int(word), port_to__gte=int(word))
        return found

    def key(self, values: Values, batch: Batch) -> Any:
        """Return the place of a rule: ACL, direction and order."""
        key = tuple(values.get(name, "") for name in ("network_acl_id", "direction", "order"))
        return None if "" in key else key


def _is_port(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= 5
