"""CSV cells: text is never a formula, numbers stay numbers."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.csvsafe import csv_cell

FORMULA = re.compile(r"(^|[,;|\t\r\n])[=+\-@\t\r\x00]")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1 234", "'+1 234"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t'=1"),
        ("\x00=1", "'\x00=1"),
        ("a;=1", "a;'=1"),
        ("a\n=1", "a\n'=1"),
        ("-", "-"),
        ("-5", "-5"),
        ("+1.5e3", "+1.5e3"),
        ("eni-bp1", "eni-bp1"),
        ("10.0.0.1", "10.0.0.1"),
        ("", ""),
    ],
)
def test_cell(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


@given(st.text(st.sampled_from("=+-@\t\r\n\x00,;|'\"1a ") | st.characters(exclude_categories=["Cs"])))
def test_no_text_becomes_a_formula(text: str) -> None:
    cell = csv_cell(text)
    if cell != text or not re.fullmatch(r"-|[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text):
        assert not FORMULA.search(cell)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_stay_numbers(number: float) -> None:
    assert csv_cell(str(number)) == str(number)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00")), min_size=1))
def test_writer_quotes_what_is_left(texts: list[str]) -> None:
    file = io.StringIO()
    csv.writer(file).writerow(map(csv_cell, texts))
    assert next(csv.reader(io.StringIO(file.getvalue(), newline=""))) == [csv_cell(text) for text in texts]
