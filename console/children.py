"""Child processes that are kept running: restarted when they die, ended with their parent."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

SHORTEST_PAUSE = 0.5  # seconds before the first restart; doubles with each that follows soon
LONGEST_PAUSE = 30.0
STEADY = 60.0  # seconds after which a child counts as healthy again


@dataclass
class Child:
    """A command and the process that runs it now."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = SHORTEST_PAUSE
    due: float = field(default=0.0)


class Children:
    """Starts children, starts them again when they die, and ends them all."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="children", daemon=True)

    def start(self) -> None:
        """Begin to watch. Children are started by the watching thread, which lives as long as this process:
        the kernel ends a child when the thread that started it ends."""
        self._thread.start()

    def add(self, name: str, *arguments: str) -> None:
        """Run `python arguments…` from now on."""
        command = [sys.executable, "-m", "console.child", str(os.getpid()), sys.executable, *arguments]
        with self._lock:
            self._children.append(Child(name, command))

    def stop(self, within: float) -> None:
        """Ask all children to end, and end those that have not after so many seconds."""
        self._stopping.set()
        self._thread.join()
        deadline = time.monotonic() + within
        running = [child for child in self._children if child.process and child.process.poll() is None]
        for child in running:
            _process(child).terminate()
        for child in running:
            try:
                _process(child).wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("%s does not end, so it is killed", child.name)
                _process(child).kill()

    def _watch(self) -> None:
        while not self._stopping.wait(0.1):
            with self._lock:
                children = list(self._children)
            now = time.monotonic()
            for child in children:
                if child.process is None:
                    if now >= child.due:
                        _start(child, now)
                elif child.process.poll() is not None:
                    _plan_restart(child, now)


def _start(child: Child, now: float) -> None:
    # A session of its own: Ctrl-C in the terminal reaches only the parent, which ends its children in order.
    child.process = subprocess.Popen(child.command, stdin=subprocess.DEVNULL, start_new_session=True)
    child.started = now


def _plan_restart(child: Child, now: float) -> None:
    if now - child.started > STEADY:
        child.pause = SHORTEST_PAUSE
    log.error(
        "%s ended with code %d; it is started again in %.1f s",
        child.name,
        _process(child).returncode,
        child.pause,
    )
    child.process, child.due = None, now + child.pause
    child.pause = min(child.pause * 2, LONGEST_PAUSE)


def _process(child: Child) -> subprocess.Popen[bytes]:
    assert child.process is not None
    return child.process
