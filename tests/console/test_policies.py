"""The policy language: wildcards, lists, and an explicit Deny that always wins."""

import json
import time
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.jsontexts import reason
from console.policies import LONGEST, Match, PolicyError, allow, decide, parse, problems, read, unmatched
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


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("*" * 5000 + "x", id="a run of stars"),
        pytest.param("*a" * 2000 + "x", id="many stars"),
        pytest.param("*?" * 60 + "x", id="stars and single characters"),
    ],
)
def test_no_policy_makes_matching_slow(word: str) -> None:
    begun = time.process_time()
    assert not allow([policy("Allow", word)], "a" * 300, FLOW_LOG)
    assert time.process_time() - begun < 1


@given(st.text("ab*?", max_size=10).filter(bool), st.text("abc", max_size=10))
def test_wildcards_are_those_of_file_names(word: str, action: str) -> None:
    assert allow([policy("Allow", word)], action, "x") is fnmatchcase(action, word)


def test_a_decision_names_the_statements_that_decide() -> None:
    both = {
        "Statement": [
            {"Effect": "Allow", "Action": "vpc:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "vpc:Delete*", "Resource": "*"},
        ]
    }
    found = decide([parse(policy("Allow", "log:*")), parse(both)], "vpc:DeleteFlowLog", FLOW_LOG)
    assert not found.allowed
    assert found.matches == (Match(1, 0, True), Match(1, 1, False))
    assert found.deciding == (Match(1, 1, False),)
    found = decide([parse(policy("Allow", "log:*")), parse(both)], "vpc:CreateFlowLog", FLOW_LOG)
    assert found.allowed
    assert found.deciding == (Match(1, 0, True),)
    assert decide([parse(both)], "log:GetProject", FLOW_LOG).deciding == ()


@given(documents, names, names)
def test_only_what_decides_is_needed(others: list[Any], action: str, resource: str) -> None:
    found = decide(map(parse, others), action, resource)
    alone = [{"Statement": [others[each.document]["Statement"][each.statement]]} for each in found.deciding]
    assert allow(alone, action, resource) is found.allowed


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        pytest.param('{"Version": "1",\n  "Statement": [}', 2, 17, "a value is missing here", id="a bracket"),
        pytest.param("", 1, 1, "a value is missing here", id="empty"),
        pytest.param("{'Version': 1}", 1, 2, "double quotes", id="single quotes"),
        pytest.param('{"a" 1}', 1, 6, "a colon is missing", id="no colon"),
        pytest.param('{"a": 1 "b": 2}', 1, 9, "a comma is missing", id="no comma"),
        pytest.param('{"a": "b', 1, 7, "does not end", id="no quote at the end"),
        pytest.param('{"a": "b\n"}', 1, 9, "line break", id="a line break in a text"),
        pytest.param(r'{"a": "\x"}', 1, 8, "begins nothing", id="an unknown escape"),
        pytest.param(r'{"a": "\u12"}', 1, 9, "begins nothing", id="half an escape"),
        pytest.param("\ufeff{}", 1, 1, "byte order mark", id="a byte order mark"),
        pytest.param('{"a": 1} x', 1, 10, "something stands here after the end", id="more after it"),
        pytest.param('{"a": 1, "a": 2}', 0, 0, "a stands twice", id="an element twice"),
        pytest.param(r'{"a": ["x\u0000"]}', 0, 0, r"U\+0000", id="NUL in a text"),
        pytest.param(r'{"a": "\ud800"}', 0, 0, r"U\+D800", id="a lone surrogate"),
        pytest.param(r'{"\udfff": 1}', 0, 0, r"U\+DFFF", id="a lone surrogate in an element"),
        pytest.param(r'{"\ud800": 1, "\ud800": 2}', 0, 0, r"U\+D800", id="such an element twice"),
        pytest.param("[" * 6000, 0, 0, "nested too deeply", id="nested"),
        pytest.param("9" * 5000, 0, 0, "too long", id="a number of 5000 digits"),
        pytest.param(" " * (LONGEST + 1), 0, 0, "at most 6144", id="too long"),
    ],
)
def test_what_is_no_document_is_told_by_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(PolicyError, match=message) as caught:
        read(text)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("Illegal trailing comma before end of object", "nothing follows the comma here"),
        ("A sentence of some later Python", "it cannot be read from here"),
    ],
)
def test_no_sentence_of_python_is_passed_on(python: str, said: str) -> None:
    assert str(reason(json.JSONDecodeError(python, "{}", 0))) == said


@pytest.mark.parametrize(
    ("actions", "unknown"),
    [
        pytest.param("vpc:CreateFlowLog", [], id="known"),
        pytest.param("VPC:createflowlog", [], id="in any case"),
        pytest.param(["vpc:CreatFlowLog", "zzz:Foo"], ["vpc:CreatFlowLog", "zzz:Foo"], id="unknown"),
        pytest.param(["*", "vpc:*", "vpc:Create*Log", "LOG:get?ogs"], [], id="wildcards"),
        pytest.param(["zzz:*", "vpc:Creat?Flow"], ["zzz:*", "vpc:Creat?Flow"], id="wildcards of none"),
        pytest.param(["zzz:Foo", "zzz:Foo"], ["zzz:Foo"], id="once"),
        pytest.param([], [], id="a document that cannot be followed"),
    ],
)
def test_actions_that_nobody_knows_are_found(actions: Any, unknown: list[str]) -> None:
    assert unmatched(policy("Deny", actions), ["vpc:CreateFlowLog", "log:GetLogs"]) == unknown


def test_all_that_is_wrong_is_told_by_its_statement() -> None:
    good = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = {
        "Version": "2012-10-17",
        "Id": "x",
        "Statement": [good, {**good, "Effect": "allow"}, {**good, "Condition": {}}, {**good, "Action": []}],
    }
    assert [(error.statement, str(error)) for error in problems(document)] == [
        (None, "Id is no element of a policy: there are only Version and Statement."),
        (None, '"Version" is "1".'),
        (2, "Effect is Allow or Deny."),
        (3, "A statement has exactly the elements Effect, Action and Resource."),
        (4, "Action is a text or a list of texts."),
    ]


@pytest.mark.parametrize(
    "document", [None, [], "x", 1, {}, {"Version": "1"}, {"Version": "1", "Statement": {}}]
)
def test_what_has_no_statements_has_problems(document: object) -> None:
    assert problems(document)


@pytest.mark.parametrize("name", SYSTEM_POLICIES)
def test_system_policies_have_no_problems(name: str) -> None:
    assert problems(SYSTEM_POLICIES[name][1]) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.text("*a"),
        lambda x: (
            st.lists(x)
            | st.dictionaries(st.sampled_from(["Version", "Statement", "Effect", "Action", "Resource"]), x)
        ),
        max_leaves=12,
    )
)
def test_a_document_without_problems_can_be_followed(document: Any) -> None:
    if not problems(document):
        assert parse(document)


@pytest.mark.parametrize("text", ["vpc:*\x00", "vpc:\ud800"], ids=["NUL", "a lone surrogate"])
@pytest.mark.parametrize("element", ["Action", "Resource"])
def test_a_document_holds_no_character_that_cannot_be_stored(element: str, text: str) -> None:
    statement = {"Effect": "Allow", "Action": "vpc:*", "Resource": "*", element: [text]}
    [found] = problems({"Version": "1", "Statement": [statement]})
    assert str(found) == f"The document holds the character U+{ord(text[-1]):04X}, which no text may hold."


def test_a_pair_of_surrogates_is_a_character_as_any() -> None:
    assert read(r'{"a": "\ud83d\ude00"}') == {"a": "\U0001f600"}
