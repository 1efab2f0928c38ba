"""What /readyz and /metrics tell about the shell itself."""

import shutil
import time
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from console.hooks import Health, Metric
from console.models import Heartbeat

STALE = timedelta(seconds=60)
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
    """Tell whether there is room for new parts and spool segments."""
    free = shutil.disk_usage(settings.FLOWLOG_HOME).free
    return Health(free >= LEAST_FREE, f"{free // 2**20} MiB free")


def metrics() -> Iterable[Metric]:
    """Return what the shell measures about itself."""
    yield Metric("flowlog_uptime_seconds", time.monotonic() - _started, "Seconds since this process started.")
    free = shutil.disk_usage(settings.FLOWLOG_HOME).free
    yield Metric("flowlog_disk_free_bytes", free, "Bytes free below FLOWLOG_HOME.")
    for last in Heartbeat.objects.all():
        age = (timezone.now() - last.at).total_seconds()
        labels = (("role", last.name),)
        yield Metric(
            "flowlog_heartbeat_age_seconds", age, "Seconds since a role was last alive.", labels=labels
        )
