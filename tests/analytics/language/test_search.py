"""The search grammar: what each form means, where a mistake is, and that a tree survives its own text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.language import COLUMNS, QueryError, compile_query
from analytics.language.search import parse
from analytics.language.terms import (
    And,
    Comparison,
    Everything,
    Not,
    Or,
    Range,
    Search,
    Term,
    both,
    either,
    to_text,
)

A, B, C = Term("a"), Term("b"), Term("c")

TREES = [
    pytest.param("", Everything(), id="empty"),
    pytest.param("*", Everything(), id="everything"),
    pytest.param("a", A, id="word"),
    pytest.param("a b", And((A, B)), id="default-is-and"),
    pytest.param("a AND b Or c", Or((And((A, B)), C)), id="keywords-ignore-case"),
    pytest.param("a or b and c", Or((A, And((B, C)))), id="and-before-or"),
    pytest.param("(a or b) c", And((Or((A, B)), C)), id="parentheses-first"),
    pytest.param("not a and b", And((Not(A), B)), id="not-binds-to-the-next"),
    pytest.param("a not b", And((A, Not(B))), id="and-not"),
    pytest.param("not (a or b)", Not(Or((A, B))), id="not-of-a-group"),
    pytest.param("not not a", Not(Not(A)), id="not-not"),
    pytest.param("action:ACCEPT", Term("ACCEPT", "action"), id="field"),
    pytest.param("direction : 'in'", Term("in", "direction"), id="spaces-and-single-quotes"),
    pytest.param('"eni-id":eni-abc', Term("eni-abc", "eni-id"), id="quoted-field"),
    pytest.param("log-status:OK tcp-flags:18", And((Term("OK", "log-status"), Comparison("tcp-flags", "=", 18))),
                 id="hyphens"),
    pytest.param("SRCADDR:10.0.0.1", Term("10.0.0.1", "srcaddr"), id="fields-ignore-case"),
    pytest.param("srcaddr:10.0.0.*", Term("10.0.0.*", "srcaddr", wildcard=True), id="wildcard"),
    pytest.param("eni-id:eni-?bc", Term("eni-?bc", "eni-id", wildcard=True), id="wildcard-letter"),
    pytest.param('srcaddr:"10.0.0.*"', Term("10.0.0.*", "srcaddr"), id="no-wildcard-in-quotes"),
    pytest.param("srcaddr:10.0.0.0/8", Term("10.0.0.0/8", "srcaddr"), id="block"),
    pytest.param("srcaddr:2001:db8::1", Term("2001:db8::1", "srcaddr"), id="ipv6"),
    pytest.param("srcaddr:::1", Term("::1", "srcaddr"), id="ipv6-short"),
    pytest.param("::1 or 2001:db8:*", Or((Term("::1"), Term("2001:db8:*", None, wildcard=True))), id="ipv6-bare"),
    pytest.param("action:*", Term("*", "action", wildcard=True), id="has-field"),
    pytest.param('not action:""', Not(Term("", "action")), id="non-empty"),
    pytest.param("action:-", Term("-", "action"), id="does-not-apply"),
    pytest.param("dstport:80", Comparison("dstport", "=", 80), id="number"),
    pytest.param("dstport=80", Comparison("dstport", "=", 80), id="number-equals"),
    pytest.param("bytes>1", Comparison("bytes", ">", 1), id="greater"),
    pytest.param("bytes >= -1", Comparison("bytes", ">=", -1), id="negative"),
    pytest.param("bytes<1 bytes<=2", And((Comparison("bytes", "<", 1), Comparison("bytes", "<=", 2))), id="less"),
    pytest.param("dstport in [1 3]", Range("dstport", 1, 3), id="closed"),
    pytest.param("dstport in (1 3)", Range("dstport", 1, 3, False, False), id="open"),
    pytest.param("dstport in [1, 3)", Range("dstport", 1, 3, True, False), id="half-open"),
    pytest.param("a in b", And((A, Term("in"), B)), id="in-is-a-word"),
    pytest.param('"and" "not"', And((Term("and"), Term("not"))), id="quoted-keywords"),
    pytest.param(r'"say \"hi\" \\"', Term('say "hi" \\'), id="escapes"),
    pytest.param("'with space'", Term("with space"), id="single-quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), TREES)
def test_search_means(text: str, tree: Search) -> None:
    assert parse(text) == (tree, None)


def test_sql_begins_after_the_first_bar_outside_quotes() -> None:
    text = "action:'a|b' | select 1 || 2"
    assert parse(text) == (Term("a|b", "action"), text.index("| select"))


MISTAKES = [
    pytest.param("foo:bar", 1, 1, "key (foo) is not config as key value config", id="unknown-field"),
    pytest.param("a and\n foo:bar", 2, 2, "key (foo)", id="second-line"),
    pytest.param("action:", 1, 8, "action needs a value", id="value-missing"),
    pytest.param("action:(a)", 1, 8, "action needs a value", id="value-is-a-group"),
    pytest.param('srcaddr:"10', 1, 9, "The quotation is not closed", id="quotation-open"),
    pytest.param("a (b or c", 1, 3, "The parenthesis is not closed", id="parenthesis-open"),
    pytest.param("a) b", 1, 2, "Unexpected ')'", id="parenthesis-extra"),
    pytest.param("a and", 1, 6, "Unexpected the end of the query", id="ends-early"),
    pytest.param("and a", 1, 1, "Unexpected 'and'", id="begins-with-and"),
    pytest.param("a or or b", 1, 6, "Unexpected 'or'", id="or-or"),
    pytest.param("not", 1, 4, "Unexpected the end of the query", id="not-alone"),
    pytest.param("dstport:http", 1, 9, "dstport holds whole numbers, not 'http'", id="text-for-a-number"),
    pytest.param("dstport:80*", 1, 9, "dstport holds whole numbers", id="wildcard-for-a-number"),
    pytest.param("bytes > 1.5", 1, 9, "bytes holds whole numbers", id="fraction"),
    pytest.param("bytes > 99999999999999999999", 1, 9, "bytes holds whole numbers", id="too-large"),
    pytest.param("action > 5", 1, 1, "action holds text", id="comparison-of-text"),
    pytest.param("action in [1 2]", 1, 1, "action holds text", id="range-of-text"),
    pytest.param("bytes in [1 2", 1, 14, "] is missing", id="range-open"),
    pytest.param("bytes in [1]", 1, 12, "A number is missing", id="range-of-one"),
    pytest.param("srcaddr:*.1", 1, 9, "A value cannot begin with a wildcard", id="wildcard-first"),
    pytest.param("?abc", 1, 1, "A value cannot begin with a wildcard", id="wildcard-first-bare"),
    pytest.param("limit 10", 1, 1, "limit is a reserved word", id="reserved"),
    pytest.param("bytes != 5", 1, 7, "Write not key:value", id="not-equal"),
    pytest.param('action:#"a b"', 1, 8, "Phrase search is not available", id="phrase"),
    pytest.param("a;b", 1, 2, "A query has no semicolon", id="semicolon"),
    pytest.param(" ".join(["a"] * 31), 1, 61, "at most 30 conditions", id="too-many"),
    pytest.param("(" * 40 + "a" + ")" * 40, 1, 31, "nested at most 30 deep", id="too-deep"),
    pytest.param("not " * 1000 + "a", 1, 121, "nested at most 30 deep", id="too-many-nots"),
    pytest.param("a\x00b", 1, 2, "control characters", id="control-character"),
    pytest.param("a\ud800", 1, 2, "control characters", id="surrogate"),
    pytest.param("a" * 70_000, 1, 65_537, "at most 65536 characters", id="too-long"),
    pytest.param("a and " + "9" * 4301, 1, 7, "at most 4096 characters", id="thousands-of-digits"),
    pytest.param(
        "dstport:" + "9" * 4301, 1, 9, "at most 4096 characters", id="thousands-of-digits-in-a-field"
    ),
    pytest.param('srcaddr:"' + "9" * 4301 + '"', 1, 9, "at most 4096 characters", id="long-quoted-value"),
    pytest.param(
        "* | select " + "9" * 4301, 1, 12, "at most 4096 characters", id="thousands-of-digits-in-sql"
    ),
    pytest.param("select * from log", 1, 1, "sql query must follow search query", id="sql-alone"),
    pytest.param("* | ", 1, 5, "The SQL after | is missing", id="sql-missing"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), MISTAKES)
def test_mistake_has_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(QueryError) as caught:
        compile_query(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert message in caught.value.message


def test_mistake_tells_what_was_expected() -> None:
    with pytest.raises(QueryError) as caught:
        compile_query("dstport in [1 2")
    assert caught.value.expected == ("]", ")")
    with pytest.raises(QueryError) as caught:
        compile_query("srcadr:1")
    assert caught.value.expected == ("srcaddr", "srcport")


NUMBERS = st.integers(-(2**63) + 1, 2**63 - 1)
LONGS = st.sampled_from([name for name, kind in COLUMNS.items() if kind == "long"])
TEXTS = st.sampled_from([name for name, kind in COLUMNS.items() if kind == "text"])
PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
WILD = st.from_regex(r"[a-z0-9.\-][a-z0-9.\-*?]{0,8}[*?]", fullmatch=True)


def terms(field: st.SearchStrategy[str | None]) -> st.SearchStrategy[Search]:
    return st.builds(Term, PRINTABLE, field) | st.builds(Term, WILD, field, st.just(True))


LEAVES: st.SearchStrategy[Search] = (
    st.just(Everything())
    | terms(st.none())
    | terms(TEXTS)
    | st.builds(Term, st.just("*"), TEXTS | LONGS, st.just(True))
    | st.builds(Comparison, LONGS, st.sampled_from(["=", ">", ">=", "<", "<="]), NUMBERS)
    | st.builds(Range, LONGS, NUMBERS, NUMBERS, st.booleans(), st.booleans())
)
ANY_TREE = st.recursive(
    LEAVES,
    lambda trees: (
        st.builds(Not, trees)
        | st.lists(trees, min_size=2, max_size=4).map(both)
        | st.lists(trees, min_size=2, max_size=4).map(either)
    ),
    max_leaves=12,
)


@given(ANY_TREE)
def test_tree_survives_its_own_text(tree: Search) -> None:
    assert parse(to_text(tree)) == (tree, None)


@given(st.text(st.sampled_from("abc:*?\"'()[]<>= |-\\/;#!\n.1") | st.characters(), max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        compile_query(text)
    except QueryError as error:
        assert error.line >= 1
        assert error.column >= 1
