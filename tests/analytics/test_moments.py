"""Instants as people type them."""

import pytest

from analytics.moments import parse_moment

NOW = 1720775420


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1720775420", 1720775420),
        ("0", 0),
        ("now", NOW),
        ("now-90s", NOW - 90),
        ("now-1h", NOW - 3600),
        ("now-2w", NOW - 1_209_600),
        ("2024-07-12T09:10:20Z", NOW),
        ("2024-07-12T09:10:20", NOW),
        ("2024-07-12 11:10:20+02:00", NOW),
        ("2024-07-12", 1720742400),
        ("2024-02-29", 1709164800),
    ],
)
def test_moment(text: str, moment: int) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "now-1", "now+1h", "2023-02-29", "-5", "12:00", "１２"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time: give Unix seconds"):
        parse_moment(text, NOW)
