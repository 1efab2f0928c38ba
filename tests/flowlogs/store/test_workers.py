"""Engine workers: killable, bounded, reused, and gone when idle."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flowlogs.store import workers

JOBS = "tests.flowlogs.store.jobs"


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    workers.configure(workers=2, idle=30)
    yield
    workers.shutdown()
    workers.configure(workers=2, idle=30)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe: a read waits for a write, in whatever process."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def run(function: str, *, deadline: float = 20, **kwargs: Any) -> Any:
    return workers.call(f"{JOBS}:{function}", kwargs, deadline=deadline)


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Tell whether something becomes true; waits on nothing but the clock of another process."""
    until = time.monotonic() + seconds
    pause = threading.Event()
    while not condition() and time.monotonic() < until:
        pause.wait(0.01)
    return condition()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_value_comes_back() -> None:
    value = {"rows": [[1, None, "x"]], "data": b"\0" * 3_000_000}
    assert run("echo", value=value) == value


def test_function_runs_in_another_process_without_django() -> None:
    loaded = run("modules")
    assert run("process_id") != os.getpid()
    assert not [name for name in loaded if name.partition(".")[0] in ("django", "pytest", "console")]


def test_idle_worker_is_used_again() -> None:
    assert run("process_id") == run("process_id")


def test_secrets_of_the_environment_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@db/flowlog")
    assert "DATABASE_URL" not in run("environment")


def test_exception_comes_back_as_itself() -> None:
    with pytest.raises(LookupError) as caught:
        run("fail")
    assert caught.value.args == ("no such thing", 42)
    assert "in fail" in "".join(caught.value.__notes__)


def test_exception_that_cannot_be_pickled_comes_back_by_name() -> None:
    with pytest.raises(workers.WorkerError, match="Odd: noway"):
        run("fail_oddly")


def test_value_that_cannot_be_pickled_is_an_error_and_the_worker_lives() -> None:
    before = run("process_id")
    with pytest.raises(Exception, match="pickle"):
        run("unpicklable")
    assert run("process_id") == before


def test_unknown_function_is_an_error() -> None:
    with pytest.raises(AttributeError):
        run("missing")


def test_deadline_kills_the_worker(pipe: Path) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(run, "spin", started=str(pipe), deadline=1)
        pid = int(pipe.read_text())
        with pytest.raises(workers.WorkerTimeout, match="not finished within 1 s"):
            held.result()
    assert time.monotonic() - began < 2
    assert not is_running(pid)
    assert run("echo", value=1) == 1


def test_death_is_told_with_its_reason() -> None:
    with pytest.raises(workers.WorkerDied, match="exit code 3"):
        run("end", status=3)
    assert run("echo", value=1) == 1


def test_worker_that_died_idle_is_replaced() -> None:
    pid = run("process_id")
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert run("process_id") != pid


def test_memory_beyond_the_limit_is_refused() -> None:
    limit = 512 * 2**20
    with pytest.raises(MemoryError):
        workers.call(f"{JOBS}:allocate", {"size": 2 * limit}, deadline=20, memory_limit=limit)
    assert run("allocate", size=2 * limit) == 2 * limit


def test_kinds_have_workers_of_their_own(pipe: Path) -> None:
    """Queries that take every query worker leave the pipeline free."""
    workers.configure(workers=1)
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(waiting_query, pipe)
        assert run("echo", value="captured") == "captured"
        pipe.write_text("go on")
        assert held.result() == "go on"


def waiting_query(pipe: Path) -> Any:
    return workers.call(f"{JOBS}:wait_for", {"pipe": str(pipe)}, deadline=20, kind="query")


def test_pool_is_bounded_and_says_when_it_is_busy(pipe: Path) -> None:
    workers.configure(workers=1)
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(run, "spin", started=str(pipe))
        assert pipe.read_text()
        with pytest.raises(workers.WorkersBusy):
            run("echo", value=1, deadline=0.2)
        workers.shutdown()
        with pytest.raises(workers.WorkerDied):
            held.result()


def test_patience_is_for_a_free_worker_and_the_deadline_for_the_function(pipe: Path) -> None:
    workers.configure(workers=1)
    assert workers.call(f"{JOBS}:echo", {"value": 1}, deadline=20, patience=0) == 1
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(run, "spin", started=str(pipe))
        assert pipe.read_text()
        with pytest.raises(workers.WorkersBusy, match=r"for 0\.1 s"):
            workers.call(f"{JOBS}:echo", {"value": 1}, deadline=20, patience=0.1)
        workers.shutdown()
        with pytest.raises(workers.WorkerDied):
            held.result()


def ask(value: object, latest: str) -> Any:
    return workers.call(f"{JOBS}:echo", {"value": value}, deadline=20, latest=latest)


def spin(pipe: Path, latest: str) -> Any:
    return workers.call(f"{JOBS}:spin", {"started": str(pipe)}, deadline=20, latest=latest)


def test_a_later_call_ends_the_one_whose_place_it_takes(pipe: Path) -> None:
    """With one worker, the later call would wait for the earlier one until its deadline."""
    workers.configure(workers=1)
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(spin, pipe, "alice")
        pid = int(pipe.read_text())
        assert ask("newer", "alice") == "newer"
        with pytest.raises(workers.WorkerSuperseded):
            held.result()
    assert not is_running(pid)


def test_a_later_call_ends_one_that_still_waits_for_a_worker(pipe: Path) -> None:
    workers.configure(workers=1)
    with ThreadPoolExecutor(3) as threads:
        held = threads.submit(spin, pipe, "bob")
        assert pipe.read_text()
        waiting = threads.submit(ask, "older", "alice")
        assert eventually(lambda: "alice" in workers._pools["pipeline"]._turns)
        newer = threads.submit(ask, "newer", "alice")
        with pytest.raises(workers.WorkerSuperseded):
            waiting.result()
        assert not newer.done()
        workers.shutdown()
        with pytest.raises(workers.WorkerDied):
            held.result()
        assert newer.result() == "newer"


def test_calls_of_others_go_on(pipe: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(
            workers.call, f"{JOBS}:wait_for", {"pipe": str(pipe)}, deadline=20, latest="alice"
        )
        assert ask(1, "bob") == 1
        assert ask(2, "") == 2
        pipe.write_text("go on")
        assert held.result() == "go on"
        assert ask(3, "alice") == 3
    assert workers._pools["pipeline"]._turns == {}


def test_many_calls_for_one_place_leave_no_worker_behind() -> None:
    def outcome(number: int) -> object:
        try:
            return ask(number, "alice")
        except workers.WorkerSuperseded:
            return None

    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(outcome, range(60)))
    assert {value for value in values if value is not None} <= set(range(60))
    assert any(value is not None for value in values)
    assert ask("last", "alice") == "last"
    assert len(workers.process_ids()) <= 2


def test_many_threads_share_the_pool() -> None:
    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(lambda number: run("echo", value=number), range(100)))
    assert values == list(range(100))


def test_idle_workers_end() -> None:
    workers.configure(idle=0.2)
    pid = run("process_id")
    assert eventually(lambda: not is_running(pid))


def test_shutdown_ends_running_calls(pipe: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(run, "spin", started=str(pipe))
        assert pipe.read_text()
        workers.shutdown()
        with pytest.raises(workers.WorkerDied, match="signal 9"):
            held.result()


def test_workers_end_with_their_parent(pipe: Path) -> None:
    """Even a parent that is killed leaves none behind, not one that is at work either."""
    script = textwrap.dedent(
        f"""
        from flowlogs.store import workers
        workers.call("{JOBS}:spin", {{"started": {str(pipe)!r}}}, deadline=60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=workers.ROOT) as parent:
        pid = int(pipe.read_text())
        parent.kill()
    assert eventually(lambda: not is_running(pid) or is_zombie(pid))


def is_zombie(pid: int) -> bool:
    """Tell whether a process has ended and only waits for its new parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_forked_child_starts_workers_of_its_own() -> None:
    """A server that forks must not answer one process with what another asked."""
    script = textwrap.dedent(
        f"""
        import os
        from flowlogs.store import workers
        ours = workers.call("{JOBS}:process_id", {{}}, deadline=20)
        child = os.fork()
        theirs = workers.call("{JOBS}:process_id", {{}}, deadline=20)
        if child:
            assert theirs == ours
            _, status = os.waitpid(child, 0)
            raise SystemExit(os.waitstatus_to_exitcode(status))
        workers.shutdown()
        os._exit(0 if theirs != ours else 1)
        """
    )
    subprocess.run([sys.executable, "-c", script], cwd=workers.ROOT, check=True, timeout=60)
