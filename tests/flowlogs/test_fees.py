"""Generation fees as the documentation reckons them: free volume, tiers, shares, estimates."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlogs import fees
from flowlogs.fees import GB, TB, Month

CENT = Decimal("0.01")
NAMES = st.text("abc", max_size=3)


@pytest.mark.parametrize(
    ("size", "fee"),
    [
        pytest.param(0, "0", id="nothing"),
        pytest.param(3 * GB, "0", id="documented: 3 GB are free"),
        pytest.param(5 * GB, "0", id="5 GB are free"),
        pytest.param(6 * GB, "0.37", id="6 GB"),
        pytest.param(100 * GB, "35.15", id="documented: 100 GB"),
        pytest.param(10 * TB, "3786.95", id="10 TB are all in the first tier"),
        pytest.param(10 * TB + GB, "3787.135", id="the next GB is cheaper"),
        pytest.param(30 * TB, "7575.75", id="30 TB"),
        pytest.param(50 * TB, "9091.27", id="50 TB"),
        pytest.param(60 * TB, "9470.15", id="documented: 60 TB"),
    ],
)
def test_fee_of_a_month(size: int, fee: str) -> None:
    assert fees.bill(size).fee == Decimal(fee)


def test_the_documented_60_tb_have_four_parts() -> None:
    bill = fees.bill(60 * TB)
    assert [step.fee for step in bill.steps] == [
        Decimal(fee) for fee in ("3786.95", "3788.80", "1515.52", "378.88")
    ]
    assert [step.size for step in bill.steps] == [10 * TB, 20 * TB, 20 * TB, 10 * TB]
    assert [step.free for step in bill.steps] == [5 * GB, 0, 0, 0]


def test_a_single_byte_is_not_lost() -> None:
    assert fees.bill(5 * GB + 1).fee * GB == Decimal("0.37")
    assert fees.gigabytes(1) * GB == 1


@given(st.integers(0, 100 * TB))
def test_all_bytes_are_in_one_step_and_the_free_ones_are_charged_nowhere(size: int) -> None:
    bill = fees.bill(size)
    assert sum(step.size for step in bill.steps) == size
    assert bill.free == min(size, 5 * GB)
    assert bill.amount == round(bill.fee, 2) or abs(bill.amount - bill.fee) == CENT / 2


@given(st.dictionaries(NAMES, st.integers(0, 80 * TB)))
def test_shares_sum_to_the_bill_and_are_in_proportion(sizes: dict[str, int]) -> None:
    found = fees.shares(sizes)
    bill = fees.bill(sum(sizes.values()))
    assert found.keys() == sizes.keys()
    assert sum(found.values(), Decimal(0)) == bill.amount
    for name, share in found.items():
        assert share == round(share, 2)
        assert abs(share - bill.fee * sizes[name] / max(bill.size, 1)) < CENT + Decimal("1e-9")
        assert share >= 0
        assert sizes[name] or not share


@given(st.dictionaries(NAMES, st.integers(0, 80 * TB)), st.sets(NAMES))
def test_the_shares_of_some_are_those_that_they_have_among_all(sizes: dict[str, int], some: set[str]) -> None:
    among_all = fees.shares(sizes)
    assert fees.shares(sizes, only=some) == {name: among_all[name] for name in some & sizes.keys()}


def test_the_share_of_a_flow_log_is_its_part_of_the_volume() -> None:
    assert fees.shares({"a": 75 * GB, "b": 25 * GB}) == {"a": Decimal("26.36"), "b": Decimal("8.79")}


def test_an_estimate_is_what_comes_to_the_bill() -> None:
    alone = fees.monthly_estimate(GB)
    assert (alone.size, alone.fee) == (30 * GB, Decimal("9.25"))
    beside = fees.monthly_estimate(GB, beside=5 * GB)
    assert beside.fee == Decimal("11.10"), "the free volume is used up by others"
    assert fees.monthly_estimate(GB, beside=40 * TB).fee == Decimal("2.22"), "and so are the dearer tiers"
    assert fees.monthly_estimate(0).fee == 0


def test_a_projection_adds_the_rate_of_a_day_for_what_is_left() -> None:
    assert fees.projected(100, 24, 86_400 * 10) == 340
    assert fees.projected(100, 24, 43_200) == 112
    assert fees.projected(100, 24, -5) == 100


@pytest.mark.parametrize(
    ("second", "month", "length"),
    [
        pytest.param(1_767_225_599, "2025-12", 31, id="last second of a year"),
        pytest.param(1_767_225_600, "2026-01", 31, id="first second of a year"),
        pytest.param(1_709_164_800, "2024-02", 29, id="leap day"),
    ],
)
def test_months_are_those_of_utc(second: int, month: str, length: int) -> None:
    found = Month.of(second)
    assert str(found) == month
    assert Month.parse(month) == found
    assert found.start <= second < found.end
    assert found.end - found.start == length * 86_400


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "2026-1", "12026-01", "2026-01-01", "٢026-01"]
)
def test_what_is_no_month(text: str) -> None:
    assert Month.parse(text) is None
