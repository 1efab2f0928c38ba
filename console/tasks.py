"""Periodic tasks of the shell."""

from celery import shared_task
from django.db import connection

from console import readiness

ROWS_ANALYZED = 1000


@shared_task(name="console.tasks.heartbeat")
def heartbeat() -> None:
    """Note that beat, broker and worker together are alive."""
    readiness.beat("worker")


@shared_task(name="console.tasks.tune_database")
def tune_database() -> None:
    """Let SQLite look at its tables again, so that its plans fit them; other databases do so by themselves."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA analysis_limit={ROWS_ANALYZED}")
            cursor.execute("ANALYZE")
