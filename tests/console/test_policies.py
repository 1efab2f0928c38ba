"""The policy language: wildcards, lists, and an explicit Deny that always wins."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.policies import PolicyError, allow, parse
from console.reference import SYSTEM_POLICIES, VPC_READ_ONLY

FLOW_LOG = "acs:vpc:cn-hangzhou:1000000000000042:flowlog/fl-1"


def policy(effect: str, action: Any, resource: Any = "*") -> dict[str, Any]:
    return {"Version": "1", "Statement": [{"Effect": effect, "Action": action, "Resource": resource}]}


@pytest.mark.parametrize(
    ("documents", "action", "expected"),
    [
        pytest.param([], "vpc:CreateFlowLog", False, id="nothing allows"),
        pytest.param([policy("Allow", "vpc:CreateFlowLog")], "vpc:CreateFlowLog", True, id="exact action"),
        pytest.param(
            [policy("Allow", "vpc:createflowlog")], "vpc:CreateFlowLog", True, id="any case of an action"
        ),
        pytest.param([policy("Allow", "vpc:*")], "vpc:CreateFlowLog", True, id="wildcard"),
        pytest.param([policy("Allow", "vpc:Describe*")], "vpc:CreateFlowLog", False, id="wildcard of others"),
        pytest.param([policy("Allow", ["log:*", "vpc:*"])], "vpc:CreateFlowLog", True, id="list of actions"),
        pytest.param([policy("Allow", "vpc:CreateFlowLo?")], "vpc:CreateFlowLog", True, id="one character"),
        pytest.param([policy("Allow", "vpc.*")], "vpcxCreate", False, id="a dot is a dot"),
        pytest.param(
            [policy("Allow", "*"), policy("Deny", "vpc:Create*")], "vpc:CreateFlowLog", False, id="deny wins"
        ),
        pytest.param(
            [policy("Deny", "vpc:*"), policy("Allow", "*")], "vpc:CreateFlowLog", False, id="in any order"
        ),
        pytest.param(
            [policy("Deny", "log:*"), policy("Allow", "*")], "vpc:CreateFlowLog", True, id="deny of others"
        ),
        pytest.param(
            [policy("Allow", "*", "acs:vpc:*:*:flowlog/fl-1")], "vpc:StopFlowLog", True, id="that resource"
        ),
        pytest.param(
            [policy("Allow", "*", "acs:vpc:*:*:flowlog/fl-2")],
            "vpc:StopFlowLog",
            False,
            id="another resource",
        ),
        pytest.param(
            [policy("Allow", "*", "acs:vpc:cn-beijing:*:*")], "vpc:StopFlowLog", False, id="another region"
        ),
        pytest.param(
            [policy("Allow", "*", "ACS:VPC:*")], "vpc:StopFlowLog", False, id="case of a resource counts"
        ),
    ],
)
def test_allow(documents: list[Any], action: str, expected: bool) -> None:
    assert allow(documents, action, FLOW_LOG) is expected


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(None, id="nothing"),
        pytest.param([], id="a list"),
        pytest.param({}, id="empty"),
        pytest.param({"Statement": []}, id="no statement"),
        pytest.param({"Statement": ["Allow"]}, id="a statement that is a text"),
        pytest.param(policy("allow", "*"), id="effect in lower case"),
        pytest.param(policy("Allow", []), id="no action"),
        pytest.param(policy("Allow", [1]), id="an action that is a number"),
        pytest.param(policy("Allow", "*", None), id="no resource"),
        pytest.param(
            {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}}]},
            id="a condition",
        ),
        pytest.param({"Statement": [{"Effect": "Allow", "NotAction": "*", "Resource": "*"}]}, id="NotAction"),
    ],
)
def test_what_is_not_understood_is_refused(document: object) -> None:
    with pytest.raises(PolicyError):
        parse(document)


def test_system_policies_can_be_followed() -> None:
    for _, document in SYSTEM_POLICIES.values():
        assert parse(document)


def test_read_only_reads_only() -> None:
    _, document = SYSTEM_POLICIES[VPC_READ_ONLY]
    assert allow([document], "vpc:DescribeFlowLogs", FLOW_LOG)
    assert not allow([document], "vpc:DeleteFlowLog", FLOW_LOG)


words = st.lists(st.text("avpc:*?F.[]\\", max_size=8).filter(bool), min_size=1, max_size=3)
documents = st.lists(st.builds(policy, st.sampled_from(["Allow", "Deny"]), words, words), max_size=4)
names = st.text("avpc:F.[]\\", max_size=10)


@given(documents, names, names)
def test_a_deny_of_everything_beats_any_policy(others: list[Any], action: str, resource: str) -> None:
    assert not allow([*others, policy("Deny", "*")], action, resource)


@given(documents, names, names)
def test_taking_a_deny_away_never_forbids_more(others: list[Any], action: str, resource: str) -> None:
    if allow([*others, policy("Deny", "vpc:*")], action, resource):
        assert allow(others, action, resource)


def test_runs_of_stars_are_matched_quickly() -> None:
    assert not allow([policy("Allow", "*" * 5000 + "x")], "a" * 200, FLOW_LOG)
