"""Engine workers: run a function in a process of its own that can be killed.

A scan, a sort or one hostile scalar call cannot always be interrupted from inside, and the memory of an
engine is only given back when its process ends. Workers are plain child processes without Django, kept
for a few idle seconds. Queries and the capture pipeline have separate pools, so that a heavy query never
delays capture.
"""

from __future__ import annotations

import atexit
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

Kind = Literal["query", "pipeline"]

ROOT = Path(__file__).resolve().parents[2]
# Secrets of the parent's environment stay out of a process that runs what people type.
KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV", "PYTHONHASHSEED")


class WorkerFailure(Exception):
    """Base class: the function did not return a value."""


class WorkerTimeout(WorkerFailure):
    """The deadline passed and the worker was killed."""


class WorkersBusy(WorkerTimeout):
    """No worker became free in time; the function was not started."""


class WorkerSuperseded(WorkerFailure):
    """A later call with the same ``latest`` took its place; it was ended, or never started."""


class WorkerDied(WorkerFailure):
    """The worker process ended without an answer; the call may be tried again."""


class WorkerError(WorkerFailure):
    """The function raised an exception that cannot be brought back as itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many workers each pool may have, and how many seconds an idle one is kept."""

    workers: int = 2
    idle: float = 30.0


_limits = Limits()


def configure(*, workers: int | None = None, idle: float | None = None) -> None:
    """Set the size of each pool and the idle time in seconds; what is not named stays."""
    global _limits
    _limits = replace(
        _limits,
        workers=_limits.workers if workers is None else workers,
        idle=_limits.idle if idle is None else idle,
    )


def call(
    target: str,
    kwargs: Mapping[str, Any],
    *,
    deadline: float,
    patience: float | None = None,
    memory_limit: int | None = None,
    kind: Kind = "pipeline",
    latest: str = "",
) -> Any:
    """Run ``package.module:function`` with keyword arguments in an engine worker and return its value.

    ``patience`` is how many seconds to wait for a free worker (None: ``deadline``), ``deadline`` how many
    the function may take from then on. Raises WorkersBusy and WorkerTimeout.
    Of calls of one process with the same ``latest`` only the last one goes on: the others raise WorkerSuperseded.
    ``memory_limit`` is the greatest address space in bytes. Arguments and value are pickled. An exception
    of the function is raised here as itself where it can be pickled, else as WorkerError.
    """
    request = pickle.dumps((target, dict(kwargs), memory_limit), pickle.HIGHEST_PROTOCOL)
    with _pools[kind].worker(deadline if patience is None else patience, latest) as worker:
        succeeded, content = pickle.loads(worker.ask(request, deadline))  # noqa: S301 - our own child
        if succeeded:
            return content
        error = _rebuilt(*content)
        worker.spent = isinstance(error, MemoryError)
        raise error


def shutdown() -> None:
    """End all engine workers; calls that are running raise WorkerDied. A later call starts new ones."""
    for pool in _pools.values():
        pool.shutdown()


def process_ids() -> list[int]:
    """Return the process ids of all engine workers, for those who measure them."""
    return [process for pool in _pools.values() for process in pool.process_ids()]


def _rebuilt(name: str, message: str, content: bytes | None) -> Exception:
    if content is not None:
        try:
            error = pickle.loads(content)  # noqa: S301 - from our own child
        except Exception as problem:  # a class that only the worker can import
            return WorkerError(f"{name}: {message} ({problem})")
        if isinstance(error, Exception):
            return error
    return WorkerError(f"{name}: {message}")


class _Worker:
    """One child process and the socket to it. Its standard input tells it that the parent lives."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flowlogs.store.worker", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=2,  # what an engine prints must not mix with the output of a command
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
                env={name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ},
            )
        self.connection: Connection[Any, Any] = Connection(ours.detach())
        self.idle_since = 0.0
        self.spent = False
        self.turn: _Turn | None = None

    def ask(self, request: bytes, deadline: float) -> bytes:
        """Send a request and wait for its answer; raises WorkerTimeout or WorkerDied."""
        self.spent = True  # until the answer is here: a late one must never reach the next caller
        try:
            self.connection.send_bytes(request)
            if not self.connection.poll(deadline):
                raise WorkerTimeout(f"not finished within {deadline:g} s")
            answer = self.connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise WorkerDied(f"the engine worker ended ({_ending(self.process)})") from error
        self.spent = False
        return answer

    def is_alive(self) -> bool:
        return not self.spent and self.process.poll() is None

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()
        if self.process.stdin:
            self.process.stdin.close()


def _ending(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return "no exit code"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


@dataclass(slots=True, eq=False)
class _Turn:
    """A call, and whether a later one has taken its place."""

    latest: str
    is_superseded: bool = False


class _Pool:
    """The workers of one kind. An idle one is used again, last used first, until its time is over."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._turns: dict[str, _Turn] = {}
        self._reaper: threading.Timer | None = None

    @contextmanager
    def worker(self, timeout: float, latest: str = "") -> Iterator[_Worker]:
        """Lend a worker, started if none is idle; raises WorkersBusy after ``timeout`` seconds."""
        turn = self._begin(latest)
        try:
            worker = self._take(timeout, turn)
            try:
                yield worker
            finally:
                self._give_back(worker)
        except WorkerFailure as error:
            if turn.is_superseded:
                raise WorkerSuperseded("a later call took its place") from error
            raise
        finally:
            self._end(turn)

    def shutdown(self) -> None:
        """Kill every worker of this pool."""
        with self._changed:
            idle, self._idle = self._idle, []
            if self._reaper is not None:
                self._reaper.cancel()
                self._reaper = None
            for worker in self._busy:
                worker.process.kill()
        for worker in idle:
            worker.end()

    def process_ids(self) -> list[int]:
        """Return the process ids of the workers of this pool."""
        with self._changed:
            return [worker.process.pid for worker in (*self._idle, *self._busy)]

    def _begin(self, latest: str) -> _Turn:
        """End the call whose place this one takes, if there is one."""
        turn = _Turn(latest)
        if not latest:
            return turn
        with self._changed:
            before, self._turns[latest] = self._turns.get(latest), turn
            if before is not None:
                before.is_superseded = True
                for worker in self._busy:
                    if worker.turn is before:
                        worker.process.kill()
                self._changed.notify_all()
        return turn

    def _end(self, turn: _Turn) -> None:
        with self._changed:
            if self._turns.get(turn.latest) is turn:
                del self._turns[turn.latest]

    def _take(self, timeout: float, turn: _Turn) -> _Worker:
        with self._changed:
            if not self._changed.wait_for(lambda: turn.is_superseded or self._has_room(), timeout):
                raise WorkersBusy(f"all {_limits.workers} engine workers were busy for {timeout:g} s")
            if turn.is_superseded:
                raise WorkerSuperseded("a later call took its place")
            worker = self._reusable() or _Worker()
            worker.turn = turn
            self._busy.add(worker)
            return worker

    def _has_room(self) -> bool:
        return len(self._busy) < _limits.workers

    def _reusable(self) -> _Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive():
                return worker
            worker.end()
        return None

    def _give_back(self, worker: _Worker) -> None:
        with self._changed:
            # one that is being ended may still seem alive
            is_ended = worker.turn is not None and worker.turn.is_superseded
            if worker.is_alive() and not is_ended:
                self._busy.discard(worker)
                worker.turn = None
                worker.idle_since = time.monotonic()
                self._idle.append(worker)
                self._schedule_reaper()
                self._changed.notify_all()
                return
        worker.end()
        with self._changed:
            self._busy.discard(worker)
            self._changed.notify_all()

    def _schedule_reaper(self) -> None:
        if self._reaper is None:
            self._reaper = threading.Timer(_limits.idle, self._reap)
            self._reaper.daemon = True
            self._reaper.start()

    def _reap(self) -> None:
        oldest = time.monotonic() - _limits.idle
        with self._changed:
            expired = [worker for worker in self._idle if worker.idle_since <= oldest]
            self._idle = [worker for worker in self._idle if worker.idle_since > oldest]
            self._reaper = None
            if self._idle:
                self._schedule_reaper()
        for worker in expired:
            worker.end()


def _new_pools() -> dict[Kind, _Pool]:
    return {"query": _Pool(), "pipeline": _Pool()}


def _forget() -> None:
    """Start with empty pools in a forked child: the sockets belong to the parent's calls."""
    global _pools
    _pools = _new_pools()


_pools = _new_pools()
atexit.register(shutdown)
os.register_at_fork(after_in_child=_forget)
