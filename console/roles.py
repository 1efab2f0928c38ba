"""The roles that one process can hold beside each other: web server, Celery worker, Celery beat."""

import gc
import logging
import socket
import sys
import threading
import warnings

from celery import beat
from celery.exceptions import SecurityWarning
from django.conf import settings
from django.template.loader import get_template
from django.urls import get_resolver
from waitress.server import create_server

from console.celery import app
from console.wsgi import application

log = logging.getLogger(__name__)

WEB_THREADS = 8
SWITCH_INTERVAL = 0.0005
"""Seconds after which a task gives way to a page. A page gives way at every row that SQLite reads and waits so
long to come on again: beside a busy task the list of flow logs takes 0.5 s with this, 3.1 s with Python's 5 ms."""
GARBAGE = (10_000, 20, 10)
"""When Python looks for garbage: a page makes some thousand objects and frees nearly all of them by itself."""
WORKER_THREADS = 4  # tasks mostly wait for engine workers and the database


class Web:
    """The web server, on sockets that are bound already."""

    def __init__(self, listener: socket.socket) -> None:
        options: dict[str, object] = {"sockets": [listener], "threads": WEB_THREADS, "ident": None}
        # nobody is believed about addresses, but that a proxy asks is of interest: see console.scrapers
        options["clear_untrusted_proxy_headers"] = False
        if settings.FLOWLOG_SECURE:
            # Only a proxy on this machine is believed about the scheme and the address of its clients.
            options["trusted_proxy"] = "127.0.0.1"
            options["trusted_proxy_count"] = 1
            options["trusted_proxy_headers"] = {"x-forwarded-proto", "x-forwarded-for"}
            options["clear_untrusted_proxy_headers"] = True
        self._server = create_server(application, **options)
        self._thread = threading.Thread(target=self._server.run, name="web", daemon=True)

    def start(self) -> None:
        """Answer requests from now on."""
        _load_pages()
        # what is loaded by now stays for good: to look through it for garbage holds a page up by 0.1 s
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests and let those that run finish for a second."""
        self._server.close()
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=1)


class Worker:
    """A Celery worker with a pool of threads."""

    def __init__(self) -> None:
        # Celery warns of running as root because of pickle; our messages are JSON.
        warnings.filterwarnings("ignore", category=SecurityWarning)
        self._worker = app.Worker(
            pool="threads",
            concurrency=WORKER_THREADS,
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        self._thread = threading.Thread(target=self._worker.start, name="worker", daemon=True)

    def start(self) -> None:
        """Take tasks from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more tasks and wait for those that run."""
        self._worker.stop()
        self._thread.join()


class Beat:
    """The clock that sends periodic tasks."""

    def __init__(self) -> None:
        self._service = beat.Service(app, scheduler_cls="celery.beat:Scheduler")
        self._thread = threading.Thread(target=self._service.start, name="beat", daemon=True)

    def start(self) -> None:
        """Send tasks from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more."""
        self._service.stop()
        self._thread.join(1)


def _load_pages() -> None:
    """Read what the first visitor of each page would wait for: addresses, views and templates."""
    get_resolver().url_patterns  # noqa: B018
    folder = settings.ROOT / "templates"
    for file in folder.rglob("*.html"):
        get_template(str(file.relative_to(folder)))
