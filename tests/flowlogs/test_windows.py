"""Window arithmetic: aligned, half-open, and interval changes at boundaries that both intervals share."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlogs.windows import (
    INTERVALS,
    Schedule,
    common_boundary,
    hour_of,
    starts_between,
    window_end,
    window_start,
)

instants = st.integers(0, 2**32)
intervals = st.sampled_from(INTERVALS)


@given(instants, intervals)
def test_a_window_is_aligned_to_the_epoch_and_holds_its_instant(at, interval):
    start = window_start(at, interval)
    end = window_end(start, interval)
    assert start % (interval * 60) == 0
    assert start <= at < end
    assert end - start == interval * 60


@given(instants, intervals)
def test_the_end_of_a_window_belongs_to_the_next_one(at, interval):
    end = window_end(window_start(at, interval), interval)
    assert window_start(end, interval) == end
    assert window_start(end - 1, interval) == window_start(at, interval)


@given(instants, intervals)
def test_no_window_crosses_an_hour(at, interval):
    start = window_start(at, interval)
    assert hour_of(start) == hour_of(window_end(start, interval) - 1)


@given(st.sampled_from((0, *INTERVALS)), st.sampled_from((0, *INTERVALS)), instants)
def test_a_common_boundary_is_the_first_that_both_intervals_share(old, new, after):
    boundary = common_boundary(old, new, after)
    step = max(old or 1, new or 1) * 60
    assert boundary >= after
    assert all(boundary % (interval * 60) == 0 for interval in (old, new) if interval)
    assert boundary - after < step


@pytest.mark.parametrize(
    ("old", "new", "after", "expected"),
    [
        pytest.param(10, 1, 601, 1200, id="shorter: at the end of the long window"),
        pytest.param(1, 10, 601, 1200, id="longer: where a long window may begin"),
        pytest.param(5, 10, 300, 600, id="five is not a boundary of ten"),
        pytest.param(5, 1, 300, 300, id="a boundary itself counts"),
        pytest.param(0, 5, 301, 600, id="from nothing"),
        pytest.param(5, 0, 301, 600, id="to nothing"),
    ],
)
def test_changes_of_interval_wait_for_a_boundary(old, new, after, expected):
    assert common_boundary(old, new, after) == expected


@given(instants, st.integers(0, 7200), intervals)
def test_windows_of_a_span_are_all_that_touch_it(since, length, interval):
    until = since + length
    starts = list(starts_between(since, until, interval))
    everything = range(window_start(since, interval) - 1200, until + 1200)
    touching = {window_start(at, interval) for at in everything if since <= at < until}
    assert touching <= set(starts)
    assert all(start < until and window_end(start, interval) > since for start in starts)
    assert starts == sorted(set(starts))


def test_windows_are_utc_whatever_the_local_time_does():
    autumn_change_in_berlin = int(datetime(2026, 10, 25, 1, 0, tzinfo=UTC).timestamp())
    assert window_start(autumn_change_in_berlin + 59, 10) == autumn_change_in_berlin


@pytest.mark.parametrize(
    ("lateness", "late_limit", "closes", "final"),
    [
        pytest.param(60, 600, 1060, 1600, id="default"),
        pytest.param(0, 0, 1000, 1000, id="at once"),
        pytest.param(90, 30, 1090, 1090, id="a limit below the lateness cannot come first"),
    ],
)
def test_a_window_closes_after_its_lateness_and_for_good_at_the_limit(lateness, late_limit, closes, final):
    plan = Schedule(lateness, late_limit)
    assert (plan.closes_at(1000), plan.final_at(1000)) == (closes, final)
