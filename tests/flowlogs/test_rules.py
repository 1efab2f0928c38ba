"""Every documented rule, each case with the document it is from."""

import pytest

from flowlogs import rules
from flowlogs.record import TRAFFIC_PATHS
from flowlogs.rules import Circumstances, FlowLogValues, Violation

VALUES = FlowLogValues("VPC", "vpc-1", "project", "logstore")


def codes(violations: list[Violation]) -> list[str]:
    return [violation.code for violation in violations]


@pytest.mark.parametrize(
    ("name", "broken", "source"),
    [
        pytest.param("", [], "API", id="empty becomes the id"),
        pytest.param("ab", [], "SEED1", id="2 characters"),
        pytest.param("a" * 128, [], "SEED1", id="128 characters"),
        pytest.param("a" * 129, ["NameLength"], "SEED1", id="129 characters"),
        pytest.param("a", ["NameLength"], "SEED1", id="1 character"),
        pytest.param("流量", [], "SEED1", id="Chinese"),
        pytest.param("a流量-1_b", [], "SEED1", id="all that is allowed"),
        pytest.param("\U00020000a", [], "SEED1", id="rare Chinese first"),
        pytest.param("1a", ["NameStart"], "SEED1", id="digit first"),
        pytest.param("-a", ["NameStart"], "SEED1", id="hyphen first"),
        pytest.param("_a", ["NameStart"], "SEED1", id="underscore first"),
        pytest.param("a b", ["NameCharacters"], "SEED1", id="space"),
        pytest.param("a.b", ["NameCharacters"], "SEED1", id="dot"),
        pytest.param("ab\n", ["NameCharacters"], "SEED1", id="line break at the end"),
        pytest.param("né", ["NameCharacters"], "SEED1", id="accent"),
        pytest.param("カタ", ["NameCharacters", "NameStart"], "SEED1", id="Japanese"),
        pytest.param("http://a", ["NamePrefix"], "SEED1", id="http"),
        pytest.param("https://a", ["NamePrefix"], "SEED1", id="https"),
        pytest.param("https-logs", [], "SEED1", id="https as a word"),
    ],
)
def test_name(name: str, broken: list[str], source: str) -> None:
    assert codes(rules.name(name)) == broken
    assert all(rules.RULES[code].source == source for code in broken)


@pytest.mark.parametrize(
    ("description", "broken"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("a", ["DescriptionLength"], id="1 character"),
        pytest.param("1 of <anything>, 任何", [], id="any characters"),
        pytest.param("a" * 256, [], id="256 characters"),
        pytest.param("a" * 257, ["DescriptionLength"], id="257 characters"),
        pytest.param("http://a", ["DescriptionPrefix"], id="http"),
        pytest.param("https://", ["DescriptionPrefix"], id="https"),
        pytest.param("see http://a", [], id="address inside"),
    ],
)
def test_description_as_seed1_says(description: str, broken: list[str]) -> None:
    assert codes(rules.description(description)) == broken


@pytest.mark.parametrize(
    ("name", "project", "logstore"),
    [
        pytest.param("abc", True, True, id="3 characters"),
        pytest.param("ab", False, False, id="2 characters"),
        pytest.param("a" * 63, True, True, id="63 characters"),
        pytest.param("a" * 64, False, False, id="64 characters"),
        pytest.param("a-b", True, True, id="hyphen"),
        pytest.param("a_b", False, True, id="underscore"),
        pytest.param("1-2", True, True, id="digits"),
        pytest.param("-ab", False, False, id="hyphen first"),
        pytest.param("ab-", False, False, id="hyphen last"),
        pytest.param("ab_", False, False, id="underscore last"),
        pytest.param("aBc", False, False, id="capital"),
        pytest.param("abc\n", False, False, id="line break"),
        pytest.param("日志库", False, False, id="Chinese"),
    ],
)
def test_names_of_projects_and_logstores(name: str, project: bool, logstore: bool) -> None:
    assert (not rules.project_name(name)) is project
    assert (not rules.logstore_name(name)) is logstore


SEED1_FAMILIES = """ecs.c1, ecs.c2, ecs.c4, ecs.ce4, ecs.cm4, ecs.d1, ecs.e3, ecs.e4, ecs.ga1, ecs.gn4, ecs.gn5,
ecs.i1, ecs.m1, ecs.m2, ecs.mn4, ecs.n1, ecs.n2, ecs.n4, ecs.s1, ecs.s2, ecs.s3, ecs.se1, ecs.sn1, ecs.sn2, ecs.t1,
ecs.xn4""".replace("\n", " ").split(", ")
"""As the document has them."""


@pytest.mark.parametrize("family", [name.strip() for name in SEED1_FAMILIES])
def test_instance_families_of_seed1_are_blocked(family: str) -> None:
    assert rules.is_blocked(f"{family}.large")
    assert rules.is_blocked(family)
    assert not rules.is_blocked(f"{family}0.large")
    assert not rules.is_blocked(f"{family}ne.large")


def test_there_are_26_blocked_families() -> None:
    assert len(SEED1_FAMILIES) == 26
    assert set(SEED1_FAMILIES) == rules.BLOCKED_FAMILIES


@pytest.mark.parametrize(
    ("code", "source"),
    [
        ("NameLength", "SEED1"),
        ("NameCharacters", "SEED1"),
        ("NameStart", "SEED1"),
        ("NamePrefix", "SEED1"),
        ("DescriptionLength", "SEED1"),
        ("DescriptionPrefix", "SEED1"),
        ("InstanceFamily", "SEED1"),
        ("Quota", "SEED3"),
        ("QuotaSeveral", "SEED3"),
        ("RegionUnavailable", "SEED3"),
        ("ProjectRegion", "SEED0"),
        ("GateAuthorize", "SEED0"),
        ("GateLogService", "SEED4"),
        ("Interval", "SEED4"),
        ("TrafficType", "SEED4"),
        ("TrafficPath", "SEED4"),
        ("DeniedTrafficPath", "SEED4"),
        ("ResourceType", "SEED4"),
        ("OnlyInterfaces", "SEED4"),
        ("IpVersion", "CURRENT"),
        ("IpVersionRegion", "CURRENT"),
        ("Retention", "LOG"),
        ("ProjectName", "LOG"),
        ("LogstoreName", "LOG"),
        ("TagPrefix", "API"),
    ],
)
def test_each_rule_of_a_new_flow_log_names_its_document(code: str, source: str) -> None:
    assert rules.RULES[code].source == source


@pytest.mark.parametrize("instance_type", ["ecs.n10.small", "ecs.g7.large", "ecs.sn1ne.large", "ecs.n", "n1"])
def test_other_families_are_not(instance_type: str) -> None:
    assert not rules.is_blocked(instance_type)


def test_family_of_an_instance_type_is_exact() -> None:
    assert rules.family("ecs.n1.small") == "ecs.n1"
    assert rules.family("ecs.n10.small") == "ecs.n10"


@pytest.mark.parametrize(("days", "allowed"), [(0, False), (1, True), (3650, True), (3651, False)])
def test_retention_is_1_to_3650_days(days: int, allowed: bool) -> None:
    assert (not rules.retention(days)) is allowed


def test_sampling_paths_are_nine_and_their_codes_are_documented() -> None:
    assert len(rules.TRAFFIC_PATH_CODES) == 9
    assert {code for found in rules.TRAFFIC_PATH_CODES.values() for code in found} <= TRAFFIC_PATHS.keys()


@pytest.mark.parametrize(
    ("change", "there", "expected"),
    [
        pytest.param({}, {}, [], id="nothing wrong"),
        pytest.param({"interval": 2}, {}, [("Interval", "interval")], id="interval"),
        pytest.param({"traffic_type": "Denied"}, {}, [("TrafficType", "traffic_type")], id="traffic type"),
        pytest.param({"resource_type": "ECS"}, {}, [("ResourceType", "resource_type")], id="resource type"),
        pytest.param({"resource_id": ""}, {}, [("Required", "resource_id")], id="no resource"),
        pytest.param(
            {}, {"resource_exists": False}, [("ResourceNotExist", "resource_id")], id="resource elsewhere"
        ),
        pytest.param({"ip_version": "IPv6"}, {}, [("IpVersion", "ip_version")], id="IP version"),
        pytest.param(
            {"ip_version": "DualStack"}, {}, [("IpVersionRegion", "ip_version")], id="no IPv6 in the region"
        ),
        pytest.param({"ip_version": "DualStack"}, {"region_has_ipv6": True}, [], id="dual-stack"),
        pytest.param({"traffic_paths": ("vbr", "ecr")}, {}, [], id="single paths"),
        pytest.param({"traffic_paths": ("all",)}, {}, [("TrafficPath", "traffic_paths")], id="unknown path"),
        pytest.param(
            {"traffic_type": "Drop", "traffic_paths": ("vbr",)},
            {},
            [("DeniedTrafficPath", "traffic_paths")],
            id="denied traffic with single paths",
        ),
        pytest.param({"traffic_type": "Drop"}, {}, [], id="denied traffic with all scenarios"),
        pytest.param({}, {"flow_logs_in_region": 9}, [], id="last of the quota"),
        pytest.param({}, {"flow_logs_in_region": 10}, [("Quota", "")], id="beyond the quota"),
        pytest.param({}, {"flow_logs_in_region": 10, "quota": 20}, [], id="higher quota"),
        pytest.param({}, {"region_has_flow_logs": False}, [("RegionUnavailable", "")], id="region"),
        pytest.param({}, {"missing_gates": ["activate"]}, [("GateActivate", "")], id="not activated"),
        pytest.param({}, {"missing_gates": ["authorize"]}, [("GateAuthorize", "")], id="not authorized"),
        pytest.param({}, {"missing_gates": ["log-service"]}, [("GateLogService", "")], id="no Log Service"),
        pytest.param(
            {},
            {"blocking_instances": ["i-1 (ecs.n1.small)"]},
            [("InstanceFamily", "resource_id")],
            id="blocked by an instance",
        ),
        pytest.param({"project_name": ""}, {}, [("Required", "project_name")], id="no project"),
        pytest.param(
            {},
            {"project_exists": False, "logstore_exists": False},
            [("ProjectNotExist", "project_name")],
            id="no such project",
        ),
        pytest.param(
            {},
            {"project_exists": False, "project_in_other_region": True, "logstore_exists": False},
            [("ProjectRegion", "project_name")],
            id="project in another region",
        ),
        pytest.param({"create_project": True}, {}, [("ProjectTaken", "project_name")], id="project exists"),
        pytest.param(
            {"create_project": True},
            {"project_exists": False, "project_name_taken": True},
            [("ProjectTaken", "project_name")],
            id="project of another account",
        ),
        pytest.param(
            {"create_project": True, "project_name": "A"},
            {"project_exists": False},
            [("ProjectName", "project_name")],
            id="malformed project",
        ),
        pytest.param({"logstore_name": ""}, {}, [("Required", "logstore_name")], id="no Logstore"),
        pytest.param(
            {}, {"logstore_exists": False}, [("LogstoreNotExist", "logstore_name")], id="no such Logstore"
        ),
        pytest.param(
            {"create_logstore": True}, {}, [("LogstoreTaken", "logstore_name")], id="Logstore exists"
        ),
        pytest.param(
            {"create_logstore": True, "logstore_name": "A"},
            {"logstore_exists": False},
            [("LogstoreName", "logstore_name")],
            id="malformed Logstore",
        ),
        pytest.param(
            {"create_logstore": True, "create_project": True},
            {"project_exists": False, "logstore_exists": False},
            [],
            id="both created",
        ),
        pytest.param(
            {"name": "1", "description": "x", "interval": 3},
            {},
            [
                ("NameLength", "name"),
                ("NameStart", "name"),
                ("Interval", "interval"),
                ("DescriptionLength", "description"),
            ],
            id="all that is wrong at once",
        ),
    ],
)
def test_flow_log(
    change: dict[str, object], there: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    values = FlowLogValues(**{**fields(VALUES), **change})  # type: ignore[arg-type]
    found = rules.flow_log(values, Circumstances(**there))  # type: ignore[arg-type]
    assert [(violation.code, violation.field) for violation in found] == expected
    assert all(violation.message for violation in found)


@pytest.mark.parametrize(
    ("points", "valid"),
    [
        ({}, True),
        ({"1": "ACCEPT", "2": "REJECT"}, True),
        ({str(2**64 - 1): "ACCEPT"}, True),
        ({str(2**64): "ACCEPT"}, False),
        ({"1": "MAYBE"}, False),
        ({"one": "ACCEPT"}, False),
        ({"-1": "ACCEPT"}, False),
        ({"١": "ACCEPT"}, False),
        (["1"], False),
        (None, False),
    ],
)
def test_observation_points(points: object, valid: bool) -> None:
    assert (not rules.observation_points(points)) is valid


@pytest.mark.parametrize(
    ("ports", "valid"),
    [
        ([], True),
        ([65533], True),
        ([2**32], False),
        ([-1], False),
        (["1"], False),
        ([True], False),
        ([1.5], False),
        ({}, False),
    ],
)
def test_drop_ports(ports: object, valid: bool) -> None:
    assert (not rules.drop_ports(ports)) is valid


def test_messages_name_what_is_wrong() -> None:
    found = rules.flow_log(
        VALUES,
        Circumstances(
            blocking_instances=["i-1 (ecs.n1.small)", "i-2 (ecs.t1.small)"], flow_logs_in_region=10
        ),
    )
    assert [violation.message for violation in found] == [
        "The quota of 10 flow logs in this region is used up. Delete flow logs that you no longer need, or ask "
        "the administrator of this installation for a higher quota.",
        "The VPC contains ECS instances of families that do not support flow logs: i-1 (ecs.n1.small), "
        "i-2 (ecs.t1.small). Upgrade or release these instances.",
    ]


def test_an_error_says_all_violations() -> None:
    error = rules.RuleError(Violation("NameLength", "name"), Violation("Interval", "interval"))
    assert str(error) == (
        "The name must be 2 to 128 characters in length.; The sampling interval must be 1, 5, or 10 minutes."
    )


def test_every_rule_names_a_document_that_is_listed() -> None:
    tables = [rules.RULES, rules.DELIVERY_REASONS, rules.DELIVERY_REMEDIES]
    assert {rule.source for table in tables for rule in table.values()} <= rules.SOURCES.keys()


def test_every_reason_of_a_failed_delivery_has_a_remedy() -> None:
    assert rules.DELIVERY_REASONS.keys() == rules.DELIVERY_REMEDIES.keys()


def fields(values: FlowLogValues) -> dict[str, object]:
    return {name: getattr(values, name) for name in values.__slots__}
