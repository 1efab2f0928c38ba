"""Kills the pipeline at named points, in real processes on a real database file, and tells what is there afterwards.

``python -m tests.flowlogs.crashes FOLDER REPEATS RACES`` prints one JSON line a run. Each run works on a copy of one
small installation, in a forked process of its own: first with the crash, then twice without.
"""

# ruff: noqa: E402 - models can only be imported once Django is set up
import importlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

import time_machine
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from console.models import DELIVERY_POLICY, DELIVERY_ROLE, Account, Region, Role
from flowlogs import closing, delivery, ingest, ledger, services, spool
from flowlogs.models import Closing, Collector, FlowLog, Logstore, Part, SampleFile, Usage
from flowlogs.models.usage import DAY
from flowlogs.store import catalogue, files, workers
from flowlogs.usage import UNITS

from .factories import LATE_LIMIT, LATENESS, Lab, flow
from .factories import START as HOUR

# The last window but one of its hour: the fewer windows until the hour is over, the fewer closings in every run.
START = HOUR + 2400
END = START + 600
TIMES = (
    END + LATENESS,
    END + LATE_LIMIT + 60,
    HOUR + 3600 + LATE_LIMIT + 3 * LATENESS,
    HOUR + 4800,
    HOUR + 5000,
)
real_call = workers.call
real_time = time.time()


def die(*_args: object, **_values: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: object, name: str, when: Callable[..., bool] = lambda *_: True) -> Callable[[], None]:
    """Return what makes a process die before a function runs."""

    def arm() -> None:
        real = getattr(owner, name)

        def dying(*args: object, **values: object) -> object:
            if when(*args):
                die()
            return real(*args, **values)

        setattr(owner, name, dying)

    return arm


def after(owner: object, name: str, when: Callable[..., bool] = lambda *_: True) -> Callable[[], None]:
    """Return what makes a process die after a function has run."""

    def arm() -> None:
        real = getattr(owner, name)

        def dying(*args: object, **values: object) -> object:
            result = real(*args, **values)
            if when(*args):
                die()
            return result

        setattr(owner, name, dying)

    return arm


def temporary_of(folder: str) -> Callable[[Path], bool]:
    return lambda path: folder in path.parts and path.name.endswith(files.TEMPORARY)


def folder_of(folder: str) -> Callable[[Path], bool]:
    """The folder is forced to the disk right after a rename."""
    return lambda path: folder in path.parts and path.is_dir() and any(path.glob("*.parquet"))


def worker_runs() -> None:
    """Die while a real engine worker runs: it has its request and the caller waits."""
    workers.call = delivery.workers.call = real_call
    workers._Worker.ask = lambda worker, request, deadline: (worker.connection.send_bytes(request), die())  # type: ignore[method-assign]


def compacts(target: str, *_: object) -> bool:
    return target == "flowlogs.store.compaction:compact"


POINTS: dict[str, Callable[[], None]] = {
    "decode: after the claim": before(ingest, "_decode"),
    "decode: file written, not renamed": before(files, "synchronise", temporary_of("samples")),
    "decode: renamed, folder not synchronised": before(files, "synchronise", folder_of("samples")),
    "decode: file durable, nothing committed": before(ingest, "_commit"),
    "decode: within the transaction": before(ingest, "_add_slices"),
    "decode: committed, segments still there": after(ingest, "_commit"),
    "decode: first segment removed": after(spool, "discard"),
    "close: closing made, nobody knows": after(closing, "_close"),
    "close: before the hints": before(closing, "hint"),
    "deliver: after the claim": before(delivery, "plan"),
    "deliver: while the worker runs": worker_runs,
    "deliver: part written, not renamed": before(files, "synchronise", temporary_of("parts")),
    "deliver: renamed, folder not synchronised": before(files, "synchronise", folder_of("parts")),
    "deliver: part durable, nothing committed": before(delivery, "_commit"),
    "deliver: within the transaction": before(delivery, "_deliveries"),
    "deliver: committed": after(delivery, "_commit"),
    "compact: file durable, nothing committed": after(workers, "call", compacts),
    "compact: committed": after(catalogue, "compact"),
    "expire: rows removed, files still there": before(catalogue, "discard"),
}


def is_again(closing: Closing, *_: object) -> bool:
    return closing.delivered_at is not None


AGAIN: dict[str, Callable[[], None]] = {
    "again: part durable, nothing committed": before(delivery, "_commit", is_again),
    "again: within the transaction": before(delivery, "_rewrite"),
    "again: committed": after(delivery, "_commit", is_again),
}
"""Points at which what could not be delivered is delivered again."""


def in_process(target: str, kwargs: dict[str, object], **_limits: object) -> object:
    """Run the worker's function here, so that a crash point within it can be met."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)(**kwargs)


class Installation:
    """One small installation, and copies of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.use(folder / "original")
        call_command("migrate", verbosity=0)
        now = timezone.now()
        account = Account.objects.create(
            id="1000000000000042", name="Alpha", flow_log_activated_at=now, log_service_activated_at=now
        )
        Role.objects.create(account=account, name=DELIVERY_ROLE, policy_name=DELIVERY_POLICY)
        with time_machine.travel(START - 60, tick=False) as clock:
            lab = self.lab = Lab(account, Region.objects.get(pk="cn-hangzhou"), clock)
            lab.move(START - 60)
            self.flow_log = lab.flow_log()
            lab.flow_log("denied", traffic_type="Drop")
            for second in range(20, 600, 60):
                lab.move(START + second)
                lab.send(
                    flow(at=START + second - 1, srcport=second),
                    flow("10.0.1.2", "10.0.1.1", at=START + second - 1),
                )
            lab.move(START + 600)
        connections.close_all()

    def use(self, folder: Path) -> None:
        """Work in a folder from now on."""
        connections.close_all()
        folder.mkdir(exist_ok=True)
        connections["default"].settings_dict["NAME"] = str(folder / "flowlog.sqlite3")
        settings.FLOWLOG_STORE, settings.FLOWLOG_SPOOL = folder / "store", folder / "spool"

    def copy(self, name: str, of: str = "original") -> Path:
        """Copy the original, or what was made of it."""
        target = self.folder / name
        shutil.copytree(self.folder / of, target)
        return target

    def fail(self) -> None:
        """Let the window close without its Logstore, which is there again now, and start the flow log."""
        with time_machine.travel(START + 600, tick=False) as clock:
            lab, self.lab.clock = self.lab, clock
            Logstore.objects.filter(name="flows").delete()
            lab.move(TIMES[0])
            while lab.work():
                pass
            Logstore.objects.create(project=lab.project, name="flows")
            services.start(FlowLog.objects.get(pk=self.flow_log.pk), None)
            lab.settle(self.flow_log)

    def forked(self, folder: Path, work: Callable[[], object]) -> int:
        """Do work on an installation in a process of its own, and return how it ended (-9: killed)."""
        child = os.fork()
        if not child:
            self.use(folder)
            closing.forget()
            try:
                work()
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def live(self) -> None:
        """Let two hours pass: decode, close, deliver, compact, expire."""
        with time_machine.travel(START + 600, tick=False) as clock:
            self.lab.clock = clock
            for at in TIMES:
                self.lab.move(at)
                while self.lab.work():
                    pass
                self.lab.keep_house()

    def report(self) -> dict[str, object]:
        """Tell what is there, after the janitor has come."""
        with time_machine.travel(TIMES[-1], tick=False):
            catalogue.collect_orphans(time_machine.escape_hatch.time.time() + 2 * catalogue.ORPHAN_AGE)
            listed = {
                *Part.objects.values_list("path", flat=True),
                *SampleFile.objects.values_list("path", flat=True),
            }
            there = {
                str(path.relative_to(self.lab.store))
                for folder in ("parts", "samples")
                for path in (self.lab.store / folder).rglob("*")
                if path.is_file()
            }
            book = ledger.ledger(self.lab.account)
            return {
                "records": sorted(map(str, self.lab.rows())),
                "denied": sorted(map(str, self.lab.rows("denied"))),
                "unlisted": sorted(there - listed),
                "missing": sorted(listed - there),
                "segments": len(spool.list_sealed(self.lab.spool)),
                "undelivered": Closing.objects.exclude(state=Closing.State.DELIVERED).count(),
                "balanced": book.is_balanced,
                "usage": sorted(
                    map(
                        str,
                        Usage.objects.filter(span=DAY).values_list(
                            "flow_log__logstore_name", "start", *UNITS
                        ),
                    )
                ),
                "terms": {
                    line.flow_log.logstore_name: str((line.scope, line.delivered, line.open))
                    for line in book.flow_logs
                },
            }


def show(**values: object) -> None:
    print(json.dumps(values), flush=True)


def run(
    installation: Installation, name: str, arm: Callable[[], None] | None, repeat: int, of: str = "original"
) -> None:
    """Crash once, go on twice, and say what is there."""
    folder = installation.copy(f"{repeat}-{abs(hash(name))}", of)

    def crash() -> None:
        if arm:
            arm()
        installation.live()

    endings = [
        installation.forked(folder, crash),
        *(installation.forked(folder, installation.live) for _ in range(2)),
    ]
    installation.forked(
        folder, lambda: show(name=name, repeat=repeat, endings=endings, **installation.report())
    )
    shutil.rmtree(folder)


def race(installation: Installation, number: int) -> None:
    """Have two workers deliver one closing whose lease has run out under the first."""
    folder = installation.copy(f"race-{number}")
    installation.forked(folder, lambda: prepare_race(installation))
    at = timezone.now().timestamp() + 0.3
    children = []
    for _ in range(2):
        child = os.fork()
        if not child:
            installation.use(folder)
            time.sleep(max(at - time.time(), 0))
            with time_machine.travel(END + LATENESS + 100, tick=False):
                pk = Closing.objects.get(window__start=START).pk
                os._exit(10 + delivery.deliver(pk))
        children.append(child)
    endings = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    installation.forked(folder, installation.live)
    installation.forked(
        folder, lambda: show(name="race", repeat=number, endings=endings, **installation.report())
    )
    shutil.rmtree(folder)


def prepare_race(installation: Installation) -> None:
    with time_machine.travel(END + LATENESS, tick=False) as clock:
        installation.lab.clock = clock
        installation.lab.move(END + LATENESS)
        installation.lab.sweep()
        expired = timezone.now() - timedelta(seconds=1)
        Closing.objects.update(state=Closing.State.DELIVERING, attempt=1, lease=expired)
        Collector.objects.update(decode_lease=expired)


def main(folder: Path, repeats: int, races: int) -> None:
    for module in (workers, ingest.workers, delivery.workers, catalogue.workers, ledger.workers):
        module.call = in_process  # type: ignore[assignment]
    installation = Installation(folder)
    run(installation, "uninterrupted", None, 0)
    for name, arm in POINTS.items():
        for repeat in range(repeats):
            run(installation, name, arm, repeat)
    installation.forked(installation.copy("failed"), installation.fail)
    run(installation, "again: uninterrupted", None, 0, "failed")
    for name, arm in AGAIN.items():
        for repeat in range(repeats):
            run(installation, name, arm, repeat, "failed")
    for number in range(races):
        race(installation, number)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
