"""Killed at any point and run again, the pipeline has each record exactly once; a failing disk spoils nothing."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pytest

from flowlogs import aggregate
from flowlogs.decoding import write_samples
from flowlogs.jobs import Job
from flowlogs.store import compaction, files

from .test_aggregate import INTERFACES, INTERVAL, START, TYPES, order, read, sample

ROOT = Path(__file__).resolve().parents[2]
KILLED = -signal.SIGKILL
POINTS = (
    "decode: after the claim",
    "decode: file written, not renamed",
    "decode: renamed, folder not synchronised",
    "decode: file durable, nothing committed",
    "decode: within the transaction",
    "decode: committed, segments still there",
    "decode: first segment removed",
    "close: closing made, nobody knows",
    "close: before the hints",
    "deliver: after the claim",
    "deliver: while the worker runs",
    "deliver: part written, not renamed",
    "deliver: renamed, folder not synchronised",
    "deliver: part durable, nothing committed",
    "deliver: within the transaction",
    "deliver: committed",
    "compact: file durable, nothing committed",
    "compact: committed",
    "expire: rows removed, files still there",
)
AGAIN = (
    "again: part durable, nothing committed",
    "again: within the transaction",
    "again: committed",
)


# ---- killed processes -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory) -> list[dict]:
    """All runs of ``tests.flowlogs.crashes``: one process that forks, so that Django starts once."""
    repeats, races = (3, 200) if request.config.getoption("--long") else (1, 5)
    command = [sys.executable, "-m", "tests.flowlogs.crashes", str(tmp_path_factory.mktemp("crashes"))]
    done = subprocess.run(
        [*command, str(repeats), str(races)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def named(runs: list[dict], name: str) -> list[dict]:
    found = [run for run in runs if run["name"] == name]
    assert found, f"no run of {name}"
    return found


def assert_as_if_nothing_had_happened(run: dict, uninterrupted: dict) -> None:
    assert run["records"] == uninterrupted["records"]
    assert run["denied"] == uninterrupted["denied"]
    assert run["terms"] == uninterrupted["terms"]
    assert run["usage"] == uninterrupted["usage"]
    assert (run["unlisted"], run["missing"]) == ([], []), "orphans are collected, nothing listed is gone"
    assert (run["segments"], run["undelivered"], run["balanced"]) == (0, 0, True)


def test_the_run_without_a_crash_delivers_everything(runs):
    (run,) = named(runs, "uninterrupted")
    assert run["endings"] == [0, 0, 0]
    # per round two flows: one is out of eni-a, one is between eni-b and eni-a; the denied ones are not on port 443
    assert sum("'OK'" in record for record in run["records"]) == 10 + 2
    assert run["terms"]["flows"].startswith("(Amount(flows=30, packets=150, bytes=21000), Amount(flows=30,")
    assert_as_if_nothing_had_happened(run, run)


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_run_again_each_record_is_there_once(runs, point):
    (uninterrupted,) = named(runs, "uninterrupted")
    for run in named(runs, point):
        assert run["endings"] == [KILLED, 0, 0]
        assert_as_if_nothing_had_happened(run, uninterrupted)


def test_what_is_delivered_again_is_what_was_owed(runs):
    (uninterrupted,) = named(runs, "uninterrupted")
    (run,) = named(runs, "again: uninterrupted")
    # markers of windows before that went with the Logstore, and of those while the flow log was not started
    assert [r for r in run["records"] if "'OK'" in r] == [r for r in uninterrupted["records"] if "'OK'" in r]
    assert run["denied"] == uninterrupted["denied"]
    assert_as_if_nothing_had_happened(run, run)


@pytest.mark.parametrize("point", AGAIN)
def test_killed_while_delivering_again_each_record_is_there_once(runs, point):
    (uninterrupted,) = named(runs, "again: uninterrupted")
    for run in named(runs, point):
        assert run["endings"] == [KILLED, 0, 0]
        assert_as_if_nothing_had_happened(run, uninterrupted)


def test_of_two_workers_on_one_closing_exactly_one_commits(runs):
    (uninterrupted,) = named(runs, "uninterrupted")
    for run in named(runs, "race"):
        assert sorted(run["endings"]) == [10, 11], "11: delivered, 10: did not"
        assert_as_if_nothing_had_happened(run, uninterrupted)


# ---- a failing disk ---------------------------------------------------------------------------------


def write_sample_file(folder: Path) -> Path:
    columns = {name: np.array([sample()[name]] * 5000, dtype) for name, dtype in TYPES.items()}
    columns["srcport"] = np.arange(5000).astype(np.uint16)
    write_samples([columns], folder / "new" / "samples.parquet")
    return folder / "new" / "samples.parquet"


def close_window(folder: Path) -> Path:
    source = folder / "source.parquet"
    if not source.exists():
        write_sample_file(folder).rename(source)
    part = folder / "parts" / "1" / "part.parquet"
    aggregate.close(Job((str(source),), START, INTERVAL, INTERFACES, (order(),), {1: str(part)}))
    return part


def compact_hour(folder: Path) -> Path:
    source = folder / "part.parquet"
    if not source.exists():
        close_window(folder).rename(source)
    target = folder / "hours" / "hour.parquet"
    compaction.compact([str(source)], str(target), 5000, str(folder / "spill"))
    return target


STEPS = pytest.mark.parametrize("step", [write_sample_file, close_window, compact_hour])


@contextmanager
def failing_at(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, call: int, code: int
) -> Iterator[list[int]]:
    """Have a function of the system fail at one call; yields the calls that were made."""
    calls: list[int] = []
    real = getattr(owner, name)

    def failing(*args: object, **values: object) -> object:
        calls.append(len(calls) + 1)
        if len(calls) == call:
            raise OSError(code, os.strerror(code))
        return real(*args, **values)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, failing)
        yield calls


def prepare(step: Callable[[Path], Path], folder: Path) -> None:
    """Make what a step reads, and leave nothing of what it writes."""
    step(folder).unlink()


@STEPS
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
@pytest.mark.parametrize(
    ("owner", "name"), [(os, "fsync"), (Path, "replace"), (Path, "mkdir")], ids=["fsync", "rename", "mkdir"]
)
def test_a_disk_that_fails_at_call_n_leaves_nothing_half_done(step, code, owner, name, tmp_path, monkeypatch):
    """N = 1, 2, 3 … until the step passes."""
    prepare(step, tmp_path)
    whole = None
    for call in range(1, 20):
        with failing_at(monkeypatch, owner, name, call, code) as calls:
            try:
                path = step(tmp_path)
            except OSError as error:
                assert error.errno == code
            else:
                assert len(calls) < call
                break
        assert not list(tmp_path.rglob(f"*{files.TEMPORARY}")), "no temporary file is left"
        for found in (
            p for p in tmp_path.rglob("*.parquet") if p.name not in ("source.parquet", "part.parquet")
        ):
            assert len(read(str(found))) == 5000, "what has its final name is whole"
    else:
        pytest.fail("never passed")
    whole = read(str(path))
    assert len(whole) == 5000


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let every write beyond a size fail, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@STEPS
@pytest.mark.parametrize("size", [0, 1, 1000, 4096, 8192])
def test_an_engine_that_cannot_write_on_leaves_nothing_half_done(step, size, tmp_path):
    prepare(step, tmp_path)
    with largest_file(size), pytest.raises((OSError, duckdb.Error)):
        step(tmp_path)
    assert not list(tmp_path.rglob(f"*{files.TEMPORARY}"))
    assert {path.name for path in tmp_path.rglob("*.parquet")} <= {"source.parquet", "part.parquet"}
    assert len(read(str(step(tmp_path)))) == 5000


def test_the_order_of_a_durable_file(tmp_path, monkeypatch):
    """Written, forced to the disk, renamed, its folder forced to the disk; every new folder as well."""
    seen = []
    real_fsync, real_replace = os.fsync, Path.replace
    monkeypatch.setattr(
        os,
        "fsync",
        lambda fd: (seen.append(("fsync", Path(f"/proc/self/fd/{fd}").resolve())), real_fsync(fd))[1],
    )
    monkeypatch.setattr(
        Path, "replace", lambda path, to: (seen.append(("rename", to)), real_replace(path, to))[1]
    )
    path = tmp_path / "parts" / "7" / "a.parquet"
    with files.durable(path) as temporary:
        temporary.write_bytes(b"content")
        assert not path.exists()
    new_folders = [("fsync", tmp_path), ("fsync", tmp_path / "parts")]
    assert seen == [*new_folders, ("fsync", temporary), ("rename", path), ("fsync", path.parent)]


def test_two_writers_of_one_name_do_not_share_a_temporary_file(tmp_path):
    path = tmp_path / "version.json.z"
    with files.durable(path) as one:
        one.write_bytes(b"whole")
        with files.durable(path) as other:
            other.write_bytes(b"whole")
            assert one != other
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]
