"""The documented rules of flow logs as codes and values; forms, API, admin and import share them.

A check takes values and returns violations. Each rule names the document it is from; where documents disagree,
the newest that speaks of the point wins, except for names, where the most permissive does.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal


def gettext_noop(message: str) -> str:
    """Mark a message for translation, which is up to whoever shows it."""
    return message


_ = gettext_noop

SOURCES: dict[str, str] = {
    "SEED0": _("Enable the flow log feature (2021)"),
    "SEED1": _("Create a flow log (about 2020)"),
    "SEED2": _("Create a flow log, reseller edition (about 2019)"),
    "SEED3": _("Flow logs, concepts (about 2019)"),
    "SEED4": _("Flow logs, overview and management (2024)"),
    "CURRENT": _("VPC flow log pages (end of 2025)"),
    "API": _("API reference of VPC 2016-04-28"),
    "LOG": _("Log Service documentation (2020 to 2026)"),
    "OURS": _("This console"),
}

NAME_LENGTH = range(2, 129)
DESCRIPTION_LENGTH = range(2, 257)
STORE_NAME_LENGTH = range(3, 64)
RETENTION = range(1, 3651)
HIGHEST_PRICE = Decimal("999999.999999")
PERMANENT = 3650
REPORT_RETENTION = 7
DEFAULT_RETENTION = 300
INTERVALS = (1, 5, 10)
DEFAULT_INTERVAL = 10
QUOTA = 10
MOST_TAGS = 20
TAG_LENGTH = 128
RESOURCE_TYPES = ("VPC", "VSwitch", "NetworkInterface")
TRAFFIC_TYPES = ("All", "Allow", "Drop")
IP_VERSIONS = ("IPv4", "DualStack")
_FAMILIES = (
    *("c1", "c2", "c4", "ce4", "cm4", "d1", "e3", "e4", "ga1", "gn4", "gn5", "i1", "m1", "m2", "mn4", "n1"),
    *("n2", "n4", "s1", "s2", "s3", "se1", "sn1", "sn2", "t1", "xn4"),
)
BLOCKED_FAMILIES = frozenset(f"ecs.{family}" for family in _FAMILIES)
TRAFFIC_PATH_CODES: Mapping[str, tuple[int, ...]] = {
    "ipv4Gateway": (13,),
    "natGateway": (7,),
    "vpnGateway": (9,),
    "transitRouter": (8,),
    "gatewayEndpoint": (6,),
    "vbr": (10,),
    "ecr": (21,),
    "gwlbEndpoint": (22,),
    "internetGateway": (13, 14, 15),
}
"""Sampling paths and the ``traffic_path`` codes of their records; no path at all stands for All Scenarios."""

_CHINESE = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_NAME_CHARACTERS = re.compile(rf"[A-Za-z0-9{_CHINESE}_-]*")
_NAME_START = re.compile(rf"[A-Za-z{_CHINESE}]")
_WEB_PREFIXES = ("http://", "https://")
_RESERVED_TAG_PREFIXES = ("aliyun", "acs:")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and lone surrogates, which cannot be stored."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what is said to whoever breaks it, and the key in SOURCES of the document it is from."""

    message: str
    source: str


RULES: Mapping[str, Rule] = {
    "Required": Rule(_("This parameter is required."), "API"),
    "NameLength": Rule(_("The name must be 2 to 128 characters in length."), "SEED1"),
    "NameCharacters": Rule(
        _("The name can contain letters, Chinese characters, digits, hyphens (-), and underscores (_)."),
        "SEED1",
    ),
    "NameStart": Rule(_("The name must start with a letter or Chinese character."), "SEED1"),
    "NamePrefix": Rule(_("The name cannot start with http:// or https://."), "SEED1"),
    "DescriptionLength": Rule(_("The description must be 2 to 256 characters in length."), "SEED1"),
    "DescriptionPrefix": Rule(_("The description cannot start with http:// or https://."), "SEED1"),
    "ProjectName": Rule(
        _(
            "The project name must be 3 to 63 characters in length, can contain lowercase letters, digits, "
            "and hyphens (-), and must start and end with a lowercase letter or digit."
        ),
        "LOG",
    ),
    "LogstoreName": Rule(
        _(
            "The Logstore name must be 3 to 63 characters in length, can contain lowercase letters, digits, "
            "hyphens (-), and underscores (_), and must start and end with a lowercase letter or digit."
        ),
        "LOG",
    ),
    "ProjectTaken": Rule(_("The project name is already in use. Choose another one."), "LOG"),
    "LogstoreTaken": Rule(_("The project already has a Logstore of this name."), "LOG"),
    "ProjectNotExist": Rule(_("Project %(name)s does not exist in this region."), "LOG"),
    "LogstoreNotExist": Rule(_("Logstore %(name)s does not exist in this project."), "LOG"),
    "ProjectRegion": Rule(
        _("The project that stores flow logs must reside in the same region as the flow log."), "SEED0"
    ),
    "ProjectNotEmpty": Rule(_("The project still has Logstores. Delete them first."), "LOG"),
    "Retention": Rule(
        _("The data retention period must be 1 to 3650 days; 3650 stores data permanently."), "LOG"
    ),
    "Price": Rule(_("Enter a price from 0 to 999,999.999999 USD, with at most 6 decimal places."), "OURS"),
    "Interval": Rule(_("The sampling interval must be 1, 5, or 10 minutes."), "SEED4"),
    "ResourceType": Rule(_("The resource type must be VPC, vSwitch, or ENI."), "SEED4"),
    "ResourceNotExist": Rule(_("The resource does not exist in this region."), "API"),
    "TrafficType": Rule(
        _("The data transfer type must be All Traffic, Allowed Traffic, or Denied Traffic."), "SEED4"
    ),
    "IpVersion": Rule(_("The IP version must be IPv4 or dual-stack."), "CURRENT"),
    "IpVersionRegion": Rule(_("Dual-stack flow logs are not available in this region."), "CURRENT"),
    "TrafficPath": Rule(_("The sampling path %(path)s is unknown."), "SEED4"),
    "TrafficPathEmpty": Rule(_("Choose at least one sampling path, or All Scenarios."), "CURRENT"),
    "DeniedTrafficPath": Rule(
        _(
            "Single sampling paths do not record denied traffic. Choose All Scenarios, or another data transfer "
            "type."
        ),
        "SEED4",
    ),
    "TagCount": Rule(_("A flow log can have at most %(most)s tags."), "API"),
    "TagKeyEmpty": Rule(_("The tag with the value %(value)s needs a key."), "API"),
    "TagKeyLength": Rule(_("The tag key %(key)s… is longer than 128 characters."), "API"),
    "TagKeyTwice": Rule(_("The tag key %(key)s is there twice."), "API"),
    "TagPrefix": Rule(_("The tag %(text)s cannot start with aliyun or acs:."), "API"),
    "TagAddress": Rule(_("The tag %(text)s cannot contain http:// or https://."), "API"),
    "TagCharacters": Rule(_("The tag %(text)s cannot contain control characters."), "OURS"),
    "TagValueLength": Rule(_("The value of the tag %(key)s is longer than 128 characters."), "API"),
    "InstanceFamily": Rule(
        _(
            "The VPC contains ECS instances of families that do not support flow logs: %(instances)s. "
            "Upgrade or release these instances."
        ),
        "SEED1",
    ),
    "Quota": Rule(
        _(
            "The quota of %(quota)s flow logs in this region is used up. Delete flow logs that you no longer "
            "need, or ask the administrator of this installation for a higher quota."
        ),
        "SEED3",
    ),
    "QuotaSeveral": Rule(
        _(
            "These would be %(wanted)s flow logs, and only %(left)s of the quota of %(quota)s in this region "
            "are left. Choose fewer ENIs, delete flow logs that you no longer need, or ask the administrator "
            "of this installation for a higher quota."
        ),
        "SEED3",
    ),
    "OnlyInterfaces": Rule(
        _("Only ENIs can be chosen several at once. Choose one VPC or one vSwitch."), "SEED4"
    ),
    "WithoutInterface": Rule(_("The ECS instance %(instance)s has no ENI."), "OURS"),
    "RegionUnavailable": Rule(_("Flow logs are not available in this region."), "SEED3"),
    "GateActivate": Rule(_("Flow logs are not activated yet."), "CURRENT"),
    "GateAuthorize": Rule(
        _("Delivery to Simple Log Service is not authorized: the role or its policy is missing."), "SEED0"
    ),
    "GateLogService": Rule(_("Simple Log Service is not activated yet."), "SEED4"),
    "StartWithoutProject": Rule(
        _(
            "Project %(name)s does not exist. Create a project and a Logstore with the same names, then start "
            "the flow log."
        ),
        "SEED4",
    ),
    "StartWithoutLogstore": Rule(
        _("Logstore %(name)s does not exist. Create a Logstore with the same name, then start the flow log."),
        "SEED4",
    ),
    "IncorrectStatus.flowlog": Rule(_("Invalid flowlog status."), "API"),
    "CidrBlock": Rule(_("%(value)s is not a CIDR block, such as 192.168.0.0/16."), "OURS"),
    "CidrOutside": Rule(_("The CIDR block must be inside a CIDR block of the VPC."), "OURS"),
    "CidrBlocks": Rule(_("A VPC has at most %(most)s CIDR blocks."), "OURS"),
    "CidrOverlap": Rule(_("The CIDR block overlaps with that of %(other)s."), "OURS"),
    "AddressOutside": Rule(_("The address must be in a CIDR block of the vSwitch."), "OURS"),
    "AddressTaken": Rule(_("The address already belongs to %(other)s."), "OURS"),
    "OtherVpc": Rule(_("%(other)s is in another VPC."), "OURS"),
    "IdTaken": Rule(_("%(id)s is in use, or was in another place. Choose another ID."), "OURS"),
    "DependencyViolation.FlowLog": Rule(_("It still has flow logs: %(names)s. Delete them first."), "OURS"),
    "DependencyViolation.NetworkInterface": Rule(
        _("It still has ENIs: %(names)s. Delete them first."), "OURS"
    ),
    "DependencyViolation.Instance": Rule(
        _("It still has ECS instances: %(names)s. Delete them first."), "OURS"
    ),
    "DependencyViolation.VSwitch": Rule(_("It still has vSwitches: %(names)s. Delete them first."), "OURS"),
    "DependencyViolation.SecurityGroup": Rule(
        _("It still has security groups: %(names)s. Delete them first."), "OURS"
    ),
    "DependencyViolation.NetworkAcl": Rule(
        _("It still has network ACLs: %(names)s. Delete them first."), "OURS"
    ),
    "DependencyViolation.Gateway": Rule(_("It still has gateways: %(names)s. Delete them first."), "OURS"),
    "ObservationPoints": Rule(
        _("Observation points are numbers of at most 64 bits, each with ACCEPT or REJECT."), "OURS"
    ),
    "DropPorts": Rule(_("Output ports are numbers from 0 to 4294967295."), "OURS"),
    "ExporterBound": Rule(_("The exporter is already bound to this resource."), "OURS"),
    "ExporterTaken": Rule(_("The exporter belongs to another account."), "OURS"),
    "ExporterRegion": Rule(_("The exporter is used in another region."), "OURS"),
    "ExporterEverybody": Rule(
        _("This stands for all senders without a row of their own; it cannot be bound or removed."), "OURS"
    ),
    "ExporterSends": Rule(_("It sent datagrams a short while ago. Remove it once it is silent."), "OURS"),
    "Identifier": Rule(
        _(
            "The ID must be letters and digits, a hyphen, then letters, digits, hyphens (-) and underscores (_), "
            "such as vpc-bp1abc; at most 64 characters."
        ),
        "OURS",
    ),
    "Taken": Rule(_("%(key)s already exists."), "OURS"),
    "TakenElsewhere": Rule(_("The ID %(key)s is already in use."), "OURS"),
    "SaidTwice": Rule(_("Line %(line)s is about the same: %(key)s."), "OURS"),
    "ObjectTwice": Rule(_("Object %(number)s is about the same: %(key)s."), "OURS"),
    "NotExist": Rule(_("%(id)s does not exist in this region."), "OURS"),
    "Fixed": Rule(_("This parameter cannot be changed after creation."), "OURS"),
    "Ipv6CidrBlock": Rule(_("%(value)s is not an IPv6 CIDR block, such as 2001:db8::/64."), "OURS"),
    "Ipv4Address": Rule(_("%(value)s is not an IPv4 address, such as 192.168.0.10."), "OURS"),
    "Ipv6Address": Rule(_("%(value)s is not an IPv6 address, such as 2001:db8::10."), "OURS"),
    "IpAddress": Rule(_("%(value)s is not an IP address."), "OURS"),
    "VSwitchLeft": Rule(_("The CIDR blocks must still hold %(cidr)s of vSwitch %(other)s."), "OURS"),
    "AddressLeft": Rule(_("The CIDR block must still hold %(address)s of ENI %(other)s."), "OURS"),
    "InstanceType": Rule(_("%(value)s is not an instance type, such as ecs.g7.large."), "OURS"),
    "Zone": Rule(
        _("%(value)s is not a zone: letters, digits and hyphens (-), such as cn-hangzhou-h."), "OURS"
    ),
    "PortRange": Rule(_("The ports must be 0 to 65535, the first not above the last."), "OURS"),
    "PortProtocol": Rule(_("Only TCP and UDP have ports."), "OURS"),
    "RulePriority": Rule(_("The priority must be 1 to 100."), "OURS"),
    "RuleOrder": Rule(_("The order must be 1 to 32766."), "OURS"),
    "RulePeer": Rule(
        _("%(value)s is neither a CIDR block, such as 192.168.0.0/16, nor the ID of a security group."),
        "OURS",
    ),
    "OneOf": Rule(_("%(value)s is not one of: %(choices)s."), "OURS"),
    "WholeNumber": Rule(_("%(value)s is not a whole number."), "OURS"),
    "TrueOrFalse": Rule(_("%(value)s is neither true nor false."), "OURS"),
    "PlainText": Rule(_("The value must be a text."), "OURS"),
    "NulCharacter": Rule(_("The text cannot contain a NUL character."), "OURS"),
    "TooMany": Rule(_("The list can have at most %(most)s members."), "OURS"),
    "TooLong": Rule(_("The text must be at most %(length)s characters in length."), "OURS"),
    "StillUsed": Rule(_("It is still used: %(users)s. Change or delete these first."), "OURS"),
    "FileColumn": Rule(_("There is no column %(name)s. The columns are: %(columns)s."), "OURS"),
    "FileColumnTwice": Rule(_("The column %(name)s is there twice."), "OURS"),
    "FileKeyTwice": Rule(
        _("The key %(name)s is there twice in one object, again at column %(column)s."), "OURS"
    ),
    "FileShape": Rule(_("The text is neither CSV with a heading line nor a JSON list of objects."), "OURS"),
    "FileJson": Rule(_("This is not JSON: %(reason)s."), "OURS"),
    "FileCells": Rule(_("The line has %(found)s cells, the heading has %(wanted)s."), "OURS"),
    "FileQuote": Rule(
        _("A quotation mark that opens a cell in this line is not closed before the next cell or line."),
        "OURS",
    ),
    "FileRows": Rule(
        _("A file can have at most %(most)s rows, and they end before this line. Split it."), "OURS"
    ),
    "FileMembers": Rule(
        _("The lists of a file can have at most %(most)s members in all. Split it before this line."), "OURS"
    ),
    "FileRowLong": Rule(_("The row is longer than %(most)s characters."), "OURS"),
    "FileEncoding": Rule(_("The file is not UTF-8 text."), "OURS"),
    "FileEmpty": Rule(_("There is nothing to import: choose a file or paste its text."), "OURS"),
    "FileSize": Rule(_("The file is larger than %(megabytes)s MB. Split it."), "OURS"),
}
# Reasons of Delivery Failed: what happened. The remedies are SEED4's.
DELIVERY_REASONS: Mapping[str, Rule] = {
    "ProjectNotExist": Rule(_("The project does not exist."), "API"),
    "LogstoreNotExist": Rule(_("The Logstore does not exist."), "API"),
    "RoleRevoked": Rule(_("Delivery is not authorized: the role or its policy is missing."), "SEED0"),
    "SamplesGone": Rule(_("The samples of the window are no longer all there."), "SEED4"),
    "UnknownError": Rule(_("An internal error occurred."), "API"),
}
DELIVERY_REMEDIES: Mapping[str, Rule] = {
    "ProjectNotExist": Rule(
        _("Create a project and a Logstore with the same names, then start the flow log."), "SEED4"
    ),
    "LogstoreNotExist": Rule(_("Create a Logstore with the same name, then start the flow log."), "SEED4"),
    "RoleRevoked": Rule(_("Authorize delivery again; it then goes on by itself."), "SEED0"),
    "SamplesGone": Rule(_("It cannot be delivered any more. Later windows are."), "SEED4"),
    "UnknownError": Rule(_("It is tried again by itself. The log of the installation says more."), "API"),
}
STOPPING_REASONS = ("ProjectNotExist", "LogstoreNotExist")
"""Reasons that stop the flow log in the back end (SEED4); the others are waited out."""
NOT_YET = frozenset({"Required", "TrafficPathEmpty"})
"""Rules that what is not chosen yet breaks: while a form is being filled in, that is no fault."""
GATE_CODES: Mapping[str, str] = {
    "activate": "GateActivate",
    "authorize": "GateAuthorize",
    "log-service": "GateLogService",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken rule: its code, the parameter it is about (empty: the whole), and the values of its message."""

    code: str
    field: str = ""
    params: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def message(self) -> str:
        """What is said about it, in English."""
        return RULES[self.code].message % self.params


class RuleError(Exception):
    """What was asked for breaks rules; nothing was changed. The messages are safe to show."""

    def __init__(self, *violations: Violation) -> None:
        super().__init__("; ".join(violation.message for violation in violations))
        self.violations = violations


@dataclass(frozen=True, slots=True)
class FlowLogValues:
    """What someone wants a flow log to be. ``create_…`` asks for a new project or Logstore of that name."""

    resource_type: str
    resource_id: str
    project_name: str
    logstore_name: str
    name: str = ""
    description: str = ""
    traffic_type: str = "All"
    ip_version: str = "IPv4"
    interval: int = DEFAULT_INTERVAL
    traffic_paths: Sequence[str] = ()
    create_project: bool = False
    create_logstore: bool = False
    analysis_report: bool = False
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What flow logs would be created in: their region, account, resources and target as they are now.

    ``wanted`` is how many are created at once.
    """

    missing_gates: Sequence[str] = ()
    region_has_flow_logs: bool = True
    region_has_ipv6: bool = False
    quota: int = QUOTA
    flow_logs_in_region: int = 0
    wanted: int = 1
    resource_exists: bool = True
    blocking_instances: Sequence[str] = ()
    project_exists: bool = True
    project_in_other_region: bool = False
    project_name_taken: bool = False
    logstore_exists: bool = True


def flow_log(values: FlowLogValues, there: Circumstances) -> list[Violation]:
    """Return every rule that a new flow log would break, in the order of the form."""
    return [
        *gates(there.missing_gates),
        *(() if there.region_has_flow_logs else [Violation("RegionUnavailable")]),
        *quota(there.flow_logs_in_region, there.quota, there.wanted),
        *name(values.name),
        *_resource(values, there),
        *_choice(values.traffic_type, TRAFFIC_TYPES, "TrafficType", "traffic_type"),
        *ip_version(values.ip_version, region_has_ipv6=there.region_has_ipv6),
        *interval(values.interval),
        *traffic_paths(values.traffic_paths, values.traffic_type),
        *_project(values, there),
        *_logstore(values, there),
        *description(values.description),
        *tags(values.tags.items()),
    ]


def name(value: str, field: str = "name") -> list[Violation]:
    """Check the name of a flow log; an empty one is allowed and becomes the identifier."""
    if not value:
        return []
    if value.startswith(_WEB_PREFIXES):
        return [Violation("NamePrefix", field)]
    found = []
    if len(value) not in NAME_LENGTH:
        found.append(Violation("NameLength", field))
    if not _NAME_CHARACTERS.fullmatch(value):
        found.append(Violation("NameCharacters", field))
    if not _NAME_START.match(value):
        found.append(Violation("NameStart", field))
    return found


def description(value: str, field: str = "description") -> list[Violation]:
    """Check a description; an empty one is allowed."""
    if not value:
        return []
    if value.startswith(_WEB_PREFIXES):
        return [Violation("DescriptionPrefix", field)]
    return [] if len(value) in DESCRIPTION_LENGTH else [Violation("DescriptionLength", field)]


def project_name(value: str, field: str = "project_name") -> list[Violation]:
    """Check the name of a new project."""
    return _store_name(value, "-", "ProjectName", field)


def logstore_name(value: str, field: str = "logstore_name") -> list[Violation]:
    """Check the name of a new Logstore."""
    return _store_name(value, "_-", "LogstoreName", field)


def retention(days: int, field: str = "ttl") -> list[Violation]:
    """Check a data retention period in days."""
    return [] if days in RETENTION else [Violation("Retention", field)]


def price(amount: Decimal, field: str) -> list[Violation]:
    """Check a price in USD for a GB."""
    is_amount = amount.is_finite() and not amount.is_signed() and amount <= HIGHEST_PRICE
    is_one = is_amount and amount == round(amount, 6)
    return [] if is_one else [Violation("Price", field)]


def interval(minutes: int, field: str = "interval") -> list[Violation]:
    """Check a sampling interval in minutes."""
    return _choice(minutes, INTERVALS, "Interval", field)


def ip_version(value: str, *, region_has_ipv6: bool, field: str = "ip_version") -> list[Violation]:
    """Check an IP version, and that the region has it."""
    found = _choice(value, IP_VERSIONS, "IpVersion", field)
    if value == "DualStack" and not region_has_ipv6:
        found.append(Violation("IpVersionRegion", field))
    return found


def traffic_paths(paths: Sequence[str], traffic_type: str, field: str = "traffic_paths") -> list[Violation]:
    """Check single sampling paths; none stands for All Scenarios."""
    found = [
        Violation("TrafficPath", field, {"path": path}) for path in paths if path not in TRAFFIC_PATH_CODES
    ]
    if paths and traffic_type == "Drop":
        found.append(Violation("DeniedTrafficPath", field))
    return found


def observation_points(value: object, field: str = "observation_points") -> list[Violation]:
    """Check which verdict each observation point (IPFIX element 138) stands for, as JSON has it."""
    points = value.items() if isinstance(value, dict) else [("", "")]
    fits = all(_is_number(point, 64) and verdict in ("ACCEPT", "REJECT") for point, verdict in points)
    return [] if fits else [Violation("ObservationPoints", field)]


def drop_ports(value: object, field: str = "drop_ports") -> list[Violation]:
    """Check the output ports (IPFIX element 14) that stand for a dropped flow, as JSON has them."""
    ports = value if isinstance(value, list) else [None]
    fits = all(type(port) is int and _is_number(str(port), 32) for port in ports)
    return [] if fits else [Violation("DropPorts", field)]


def tags(pairs: Iterable[tuple[str, str]], field: str = "tags") -> list[Violation]:
    """Check the tags of a flow log, keys with values; a value may be empty."""
    found: list[Violation] = []
    keys: set[str] = set()
    for number, (key, value) in enumerate(pairs):
        if number == MOST_TAGS:
            return [*found, Violation("TagCount", field, {"most": MOST_TAGS})]
        if not key:
            found.append(Violation("TagKeyEmpty", field, {"value": value[:TAG_LENGTH]}))
        elif len(key) > TAG_LENGTH:
            found.append(Violation("TagKeyLength", field, {"key": key[:20]}))
        elif key in keys:
            found.append(Violation("TagKeyTwice", field, {"key": key}))
        if len(value) > TAG_LENGTH:
            found.append(Violation("TagValueLength", field, {"key": key[:20]}))
        found += [violation for text in (key, value) for violation in _tag_text(text, field)]
        keys.add(key)
    return found


def _tag_text(text: str, field: str) -> list[Violation]:
    """Check what holds for the key and for the value of a tag."""
    if _CONTROL.search(text):
        shown = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[:TAG_LENGTH])
        return [Violation("TagCharacters", field, {"text": shown})]
    found = []
    if text.startswith(_RESERVED_TAG_PREFIXES):
        found.append(Violation("TagPrefix", field, {"text": text[:TAG_LENGTH]}))
    if any(prefix in text for prefix in _WEB_PREFIXES):
        found.append(Violation("TagAddress", field, {"text": text[:TAG_LENGTH]}))
    return found


def numbered(name: str, count: int) -> list[str]:
    """Return the names of flow logs that are created at once: a name for several gets -1, -2 and so on."""
    return [name] if count == 1 else [name and f"{name}-{number}" for number in range(1, count + 1)]


def quota(used: int, limit: int, wanted: int = 1) -> list[Violation]:
    """Check that so many more flow logs fit into the quota of a region."""
    if used + wanted <= limit:
        return []
    if wanted == 1 or used >= limit:
        return [Violation("Quota", "", {"quota": limit})]
    return [Violation("QuotaSeveral", "", {"wanted": wanted, "left": limit - used, "quota": limit})]


def gates(missing: Iterable[str]) -> list[Violation]:
    """Check that every gate of the account is passed; takes the answer of ``console.access.gates``."""
    return [Violation(GATE_CODES[gate]) for gate in missing]


def family(instance_type: str) -> str:
    """Return the instance family: ``ecs.n1`` of ``ecs.n1.small``."""
    return ".".join(instance_type.split(".")[:2])


def is_blocked(instance_type: str) -> bool:
    """Tell whether an ECS instance of this type keeps flow logs out of its VPC; the family counts exactly."""
    return family(instance_type) in BLOCKED_FAMILIES


def _is_number(text: object, bits: int) -> bool:
    return isinstance(text, str) and bool(re.fullmatch(r"[0-9]{1,20}", text)) and int(text) < 1 << bits


def _resource(values: FlowLogValues, there: Circumstances) -> list[Violation]:
    if values.resource_type not in RESOURCE_TYPES:
        return [Violation("ResourceType", "resource_type")]
    if there.wanted > 1 and values.resource_type != "NetworkInterface":
        return [Violation("OnlyInterfaces", "resource_id")]
    if not values.resource_id:
        return [Violation("Required", "resource_id")]
    if not there.resource_exists:
        return [Violation("ResourceNotExist", "resource_id")]
    if there.blocking_instances:
        instances = ", ".join(there.blocking_instances)
        return [Violation("InstanceFamily", "resource_id", {"instances": instances})]
    return []


def _project(values: FlowLogValues, there: Circumstances) -> list[Violation]:
    field = "project_name"
    if not values.project_name:
        return [Violation("Required", field)]
    if values.create_project:
        taken = there.project_exists or there.project_name_taken
        return project_name(values.project_name) or ([Violation("ProjectTaken", field)] if taken else [])
    if there.project_exists:
        return []
    if there.project_in_other_region:
        return [Violation("ProjectRegion", field)]
    return [Violation("ProjectNotExist", field, {"name": values.project_name})]


def _logstore(values: FlowLogValues, there: Circumstances) -> list[Violation]:
    field = "logstore_name"
    if not values.logstore_name:
        return [Violation("Required", field)]
    if values.create_logstore:
        taken = [Violation("LogstoreTaken", field)] if there.logstore_exists else []
        return logstore_name(values.logstore_name) or taken
    if there.logstore_exists or not (there.project_exists or values.create_project):
        return []
    return [Violation("LogstoreNotExist", field, {"name": values.logstore_name})]


def _store_name(value: str, inner: str, code: str, field: str) -> list[Violation]:
    pattern = rf"[a-z0-9][a-z0-9{inner}]*[a-z0-9]"
    well_formed = len(value) in STORE_NAME_LENGTH and re.fullmatch(pattern, value)
    return [] if well_formed else [Violation(code, field)]


def _choice(value: object, values: Sequence[object], code: str, field: str) -> list[Violation]:
    return [] if value in values else [Violation(code, field)]
