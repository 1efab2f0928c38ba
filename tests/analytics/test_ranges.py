"""Time ranges in addresses: half-open, UTC, and a bucket that gives a chart its points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.ranges import RangeError, TimeRange, between, instant, relative, step_label, written

NOW = 1_700_000_000


@pytest.mark.parametrize(
    ("text", "seconds", "label"),
    [
        ("15m", 900, "15 Minutes (Relative)"),
        ("1h", 3600, "1 Hour (Relative)"),
        ("4h", 14_400, "4 Hours (Relative)"),
        ("24h", 86_400, "24 Hours (Relative)"),
        ("7d", 604_800, "7 Days (Relative)"),
        ("1d", 86_400, "1 Day (Relative)"),
    ],
)
def test_a_relative_range_ends_now(text, seconds, label):
    time = relative(text, NOW)
    assert (time.start, time.end, time.label) == (NOW - seconds, NOW, label)
    assert time.parameters() == {"range": text, "at": str(NOW)}


@pytest.mark.parametrize("text", ["", "15", "m", "0m", "-1h", "15 m", "1y", "9999999m", "４h", "5000d"])
def test_what_is_no_length_says_so(text):
    with pytest.raises(RangeError):
        relative(text, NOW)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1700000000", NOW),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14 22:13:20", NOW),
        ("2023-11-14T22:13", NOW - 20),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-15T06:13:20+08:00", NOW),
        (" 2023-11-14 ", NOW - 80_000),
        ("0", 0),
        ("now", NOW),
        ("now-1h", NOW - 3600),
    ],
)
def test_instants_are_utc_unless_they_say_otherwise(text, at):
    assert instant(text, NOW) == at


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2023-13-01", "2023-02-30", "-5", "1e9", "999999999999", "1969-12-31"]
)
def test_what_is_no_instant_says_so(text):
    with pytest.raises(RangeError):
        instant(text, NOW)


def test_a_range_ends_after_it_starts():
    assert between("1700000000", "1700000060", NOW).seconds == 60
    for end in ("1700000000", "1699999999"):
        with pytest.raises(RangeError, match="before it starts"):
            between("1700000000", end, NOW)


@pytest.mark.parametrize(
    ("length", "most", "step"),
    [
        ("15m", 200, 60),
        ("1h", 200, 60),
        ("4h", 200, 120),
        ("24h", 200, 600),
        ("7d", 200, 3600),
        ("30d", 200, 21_600),
        ("4h", 240, 60),
        ("3650d", 200, 2_419_200),
    ],
)
def test_the_bucket_grows_with_the_range(length, most, step):
    assert relative(length, NOW).step(most) == step


@given(st.integers(1, 3650 * 86_400), st.integers(30, 400))
def test_no_range_has_many_more_points_than_asked(seconds, most):
    time = TimeRange(NOW - seconds, NOW)
    step = time.step(most)
    assert step >= 60
    assert seconds <= step * most or step == 28 * 86_400


@pytest.mark.parametrize(
    ("seconds", "label"),
    [
        (60, "minute"),
        (300, "5 minutes"),
        (3600, "hour"),
        (7200, "2 hours"),
        (86_400, "day"),
        (90, "90 seconds"),
    ],
)
def test_buckets_in_words(seconds, label):
    assert step_label(seconds) == label


@given(st.integers(0, 4_000_000_000))
def test_what_is_written_reads_back(at):
    assert instant(written(at), NOW) == at
