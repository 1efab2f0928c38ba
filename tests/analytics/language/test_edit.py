"""Terms that a page adds to the query of its user."""

import pytest

from analytics.language import QueryError, add_term
from analytics.language.search import parse
from analytics.language.terms import And, Not, Or, Term


@pytest.mark.parametrize(
    ("query", "field", "value", "negate", "changed"),
    [
        pytest.param("", "action", "REJECT", False, "action:REJECT", id="empty"),
        pytest.param("*", "action", "REJECT", True, "not action:REJECT", id="everything"),
        pytest.param("dstport:22", "action", "REJECT", False, "dstport:22 and action:REJECT", id="and"),
        pytest.param("a or b", "dstport", 443, False, "(a or b) and dstport:443", id="or-is-grouped"),
        pytest.param("a", "action", None, False, "a and action:-", id="does-not-apply"),
        pytest.param("a", "srcaddr", "2001:db8::1", False, 'a and srcaddr:"2001:db8::1"', id="colons"),
        pytest.param("a", "vm-id", 'x" or "y', False, r'a and vm-id:"x\" or \"y"', id="quotes"),
        pytest.param("a", "vm-id", "*", False, 'a and vm-id:"*"', id="star-is-a-value"),
        pytest.param("a action:OK", "action", "OK", False, "a action:OK", id="already-there"),
        pytest.param("action:OK", "action", "OK", False, "action:OK", id="the-only-one"),
        pytest.param("a | select 1", "dstport", 22, True, "a and not dstport:22 | select 1", id="sql-stays"),
        pytest.param("|select '|'", "dstport", 22, False, "dstport:22 |select '|'", id="only-sql"),
    ],
)
def test_term_is_added(query: str, field: str, value: str | int | None, negate: bool, changed: str) -> None:
    assert add_term(query, field, value, negate) == changed
    parse(changed)


def test_added_value_is_only_a_value() -> None:
    query = add_term("a or b", "vm-id", "x' or \"y) | select", negate=True)
    tree, sql = parse(query)
    assert sql is None
    assert tree == And((Or((Term("a"), Term("b"))), Not(Term("x' or \"y) | select", "vm-id"))))


def test_broken_query_is_refused() -> None:
    with pytest.raises(QueryError):
        add_term("(a", "action", "OK")
