"""Periodic tasks of the shell."""

from celery import shared_task

from console import readiness


@shared_task(name="console.tasks.heartbeat")
def heartbeat() -> None:
    """Note that beat, broker and worker together are alive."""
    readiness.beat("worker")
