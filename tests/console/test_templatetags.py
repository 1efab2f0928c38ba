"""Bytes, counts, times, states and identifiers as pages write them."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.template import Context, Template

from console.templatetags.console import bytesize, count

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def render(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KB"),
        (1536, "1.5 KB"),
        (10 * 2**30, "10.0 GB"),
        (5 * 2**70, "5,120.0 EB"),
        (-2048, "-2.0 KB"),
    ],
)
def test_bytesize(value: int | None, expected: str) -> None:
    assert bytesize(value) == expected.replace(" ", "\N{NO-BREAK SPACE}"), "on one line"


@pytest.mark.parametrize(("value", "expected"), [(None, "-"), (0, "0"), (1234567, "1,234,567")])
def test_count(value: int | None, expected: str) -> None:
    assert count(value) == expected


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 3, 1, 11, 59, 30, tzinfo=UTC), "just now"),
        (datetime(2026, 3, 1, 11, 57, tzinfo=UTC), "3\xa0minutes ago"),
        (datetime(2026, 2, 28, 12, tzinfo=UTC), "1\xa0day ago"),
        (datetime(2026, 3, 1, 12, 10, tzinfo=UTC), "in 10\xa0minutes"),
        (datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC), "in less than a minute"),
        (NOON.timestamp() - 120, "2\xa0minutes ago"),
    ],
)
def test_when_is_relative(moment: datetime | float, text: str) -> None:
    with time_machine.travel(NOON, tick=False):
        assert f">{text}</time>" in render("{% when moment %}", moment=moment)


def test_when_keeps_the_exact_time() -> None:
    shown = render("{% when moment %}", moment=NOON)
    assert 'datetime="2026-03-01T12:00:00Z"' in shown
    assert 'title="2026-03-01 12:00:00 UTC"' in shown


def test_when_there_is_no_time() -> None:
    assert render("{% when moment %}", moment=None) == "-"


def test_status_dot_has_words() -> None:
    assert (
        render("{% status_dot 'success' 'Started' %}") == '<span class="status status-success">Started</span>'
    )
    assert "status-off" in render("{% status_dot 'unheard' 'x' %}")


@pytest.mark.parametrize("source", ["{{ value|copyable }}", "{% status_dot 'error' value %}"])
def test_text_is_escaped(source: str) -> None:
    shown = render(source, value='"><script>alert(1)</script>')
    assert "<script>" not in shown
    assert shown.count("<svg") == shown.count("copyable")
