"""Versions of the inventory: which one counts when several are written at the same time, and how many are written."""

import itertools
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from console.models import Account, Region
from flowlogs import inventory
from flowlogs.models import InventoryVersion, Vpc


def vpc(account: Account, region: Region, name: str) -> None:
    Vpc.objects.create(id=f"vpc-{name}", account=account, region=region, name=name)


def test_of_two_at_the_same_time_the_one_that_saw_more_counts(
    account: Account, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc(account, region, "first")
    look = inventory.content
    nested = False

    def slow() -> dict:
        nonlocal nested
        seen = look()
        if not nested:
            nested = True
            # somebody else commits, looks and writes before this one writes
            vpc(account, region, "second")
            inventory.record(timezone.now() + timedelta(milliseconds=5))
        return seen

    monkeypatch.setattr(inventory, "content", slow)
    inventory.record()
    version = inventory.in_force(int((timezone.now() + timedelta(seconds=1)).timestamp() * 1000))
    assert {each["id"] for each in inventory.load(version)["vpcs"]} == {"vpc-first", "vpc-second"}


def test_commits_that_wait_while_it_is_recorded_are_recorded_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder, recorded = inventory._Recorder(), []
    begun, all_asked = threading.Event(), threading.Event()
    times = itertools.count(1)

    def monotonic() -> int:
        now = next(times)
        # the first asked and began, nine more have asked
        if now == 11:
            all_asked.set()
        return now

    def record() -> None:
        recorded.append(1)
        begun.set()
        assert all_asked.wait(10)

    monkeypatch.setattr(inventory, "time", SimpleNamespace(monotonic=monotonic))
    monkeypatch.setattr(inventory, "record", record)
    threads = [threading.Thread(target=recorder.record) for _ in range(10)]
    threads[0].start()
    assert begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(recorded) == 2, "once for the first, once for all who asked after that had begun"


def test_what_did_not_change_is_not_written_again(account: Account, region: Region) -> None:
    vpc(account, region, "first")
    inventory.record()
    number = InventoryVersion.objects.count()
    inventory.record()
    assert InventoryVersion.objects.count() == number
