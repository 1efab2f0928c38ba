"""The Celery application. The broker carries hints only: rows in the database are the record of what is due."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

from django.conf import settings
from kombu.entity import Exchange, Queue

from console import hooks

app = Celery("console")

_MEMORY = {"polling_interval": 0.05}
# A worker that dies gives its messages back within seconds, not after the library's hour.
_REDIS = {"visibility_timeout": 300, "unacked_restore_interval": 5, "unacked_restore_throttle": 1}

app.conf.update(
    # The host part keeps kombu from warning that it is missing.
    broker_url=settings.REDIS_URL or "memory://localhost/",
    broker_transport_options=_REDIS if settings.REDIS_URL else _MEMORY,
    broker_connection_retry_on_startup=True,
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=240,
    # A worker takes from its queues in turn. So what is due every second is never behind a thousand
    # deliveries: periodic tasks are in "control", work that people wait for can name "capture".
    task_queues=[
        Queue(name, Exchange(name), routing_key=name) for name in ("celery", "capture", hooks.CONTROL_QUEUE)
    ],
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    beat_scheduler="celery.beat:Scheduler",
    timezone="UTC",
)
app.autodiscover_tasks(["console", "flowlogs", "analytics"])


@app.on_after_finalize.connect
def schedule_periodic_tasks(sender: Celery, **_signal: object) -> None:
    """Hand beat what the apps have registered; they have by the time the application is final."""
    sender.conf.beat_schedule = hooks.periodic_tasks()
