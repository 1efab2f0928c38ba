"""What /readyz and /metrics tell about the shell itself."""

import shutil
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from console.hooks import Health, Metric
from console.models import Heartbeat

STALE = timedelta(seconds=60)
FOLDERS = ("FLOWLOG_HOME", "FLOWLOG_STORE", "FLOWLOG_SPOOL")
LEAST_FREE = 256 * 2**20  # bytes; below it parts can no longer be written with confidence
_started = time.monotonic()


def beat(name: str) -> None:
    """Note that a background role is alive now."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})


def database() -> Health:
    """Ask the database for an answer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return Health(cursor.fetchone() == (1,))


def migrations() -> Health:
    """Compare the migrations on disk with those applied."""
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return Health(not pending, f"{len(pending)} to apply" if pending else "")


def worker() -> Health:
    """Tell whether a scheduled task has run within the last minute."""
    last = Heartbeat.objects.filter(name="worker").first()
    if last is None:
        return Health(False, "no task has run yet")
    age = timezone.now() - last.at
    return Health(age <= STALE, f"last task {int(age.total_seconds())} s ago")


def disk() -> Health:
    """Tell whether there is room for the database, new parts and spool segments; the fullest folder decides."""
    name, free = min(_free().items(), key=lambda found: found[1])
    return Health(free >= LEAST_FREE, f"{free // 2**20} MiB free in {name}")


def _free() -> dict[str, int]:
    """Return the bytes that are free in each folder of the installation, by the name of its setting."""
    return {name: shutil.disk_usage(_nearest(getattr(settings, name))).free for name in FOLDERS}


def _disk_metrics() -> Iterable[Metric]:
    for name, free in _free().items():
        labels = (("folder", name),)
        yield Metric(
            "flowlog_disk_free_bytes", free, "Bytes free in a folder of the settings.", labels=labels
        )


def _nearest(folder: Path) -> Path:
    """Return the folder, or the one above it in which it would be made."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def metrics() -> Iterable[Metric]:
    """Return what the shell measures about itself."""
    yield Metric("flowlog_uptime_seconds", time.monotonic() - _started, "Seconds since this process started.")
    yield from _disk_metrics()
    for last in Heartbeat.objects.all():
        age = (timezone.now() - last.at).total_seconds()
        labels = (("role", last.name),)
        yield Metric(
            "flowlog_heartbeat_age_seconds", age, "Seconds since a role was last alive.", labels=labels
        )
