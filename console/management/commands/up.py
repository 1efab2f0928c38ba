"""Start everything: web server, Celery worker, beat, collector and demo, in one command."""

import errno
import fcntl
import logging
import os
import signal
import socket
import sys
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string

from console import hooks, services
from console.children import Children
from console.models import User
from console.readiness import FOLDERS
from console.roles import Beat, Web, Worker
from console.secret import FOLDER_MODE

log = logging.getLogger(__name__)

FIRST_USER = "admin"
DEMO_USER = "demo"
DEMO = "flowlogs.demo.ensure"
DEMO_EXPORTER = "demo_exporter"
STOP_WITHIN = 2.0  # seconds that children get, and again the tasks that run
MANAGE = Path(settings.ROOT) / "manage.py"


class Command(BaseCommand):
    """Holds every role of an installation; Ctrl-C ends all of it."""

    help = (
        "Start everything: web server, Celery worker, beat, collector and demo traffic. Ctrl-C stops it. "
        "Example: python3 manage.py up --port 8080 --no-demo"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--port", type=int, default=8000, help="port of the web pages (8000; 0 takes a free one)"
        )
        parser.add_argument("--host", default="127.0.0.1", help="address of the web pages (127.0.0.1)")
        parser.add_argument("--no-demo", action="store_true", help="without the demo account and its traffic")
        parser.add_argument(
            "--collector-port",
            type=int,
            default=settings.FLOWLOG_COLLECTOR_PORT,
            help=f"UDP port of the collector ({settings.FLOWLOG_COLLECTOR_PORT})",
        )
        parser.add_argument(
            "--no-worker",
            action="store_true",
            help="leave worker and beat to `celery -A console worker` and `celery -A console beat` (needs REDIS_URL)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything, wait for a signal, stop everything."""
        if options["no_worker"] and not settings.REDIS_URL:
            raise CommandError("--no-worker needs REDIS_URL: nothing else carries tasks to another process.")
        self._use_collector_port(options["collector_port"])
        home_lock = _lock_home()
        listener = _listen(options["host"], options["port"])
        _probe_collector_port()
        _probe_redis()
        _allow_host(options["host"])
        demo = not options["no_demo"]
        user = self._prepare(demo)
        connections.close_all()
        stop = threading.Event()
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        self._run(listener, stop, user, demo=demo, worker=not options["no_worker"])
        home_lock.close()
        # Threads of tasks and requests may still run. All that they do is safe to lose at any moment.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    def _use_collector_port(self, port: int) -> None:
        """Let this process and its children agree on the port."""
        if not 1 <= port <= 65535:
            raise CommandError(f"the collector port must be from 1 to 65535, not {port}.")
        settings.FLOWLOG_COLLECTOR_PORT = port
        os.environ["FLOWLOG_COLLECTOR_PORT"] = str(port)

    def _prepare(self, demo: bool) -> str:
        """Bring the database up to date with its first users and the demo; return whom to log in as."""
        try:
            _migrate()
            user = self._ensure_owner(demo)
            if demo:
                _ensure_demo()
        except (DatabaseError, OSError) as error:
            where = settings.DATABASES["default"]["NAME"]
            raise CommandError(f"cannot prepare the database {where}: {error}.") from None
        return user

    def _ensure_owner(self, demo: bool) -> str:
        """Return the name of the user to log in as; make the first one and show their password at once.

        An installation keeps the users it has: one that began without the demo gets a second user for it.
        """
        owners = User.objects.filter(is_account_owner=True).order_by("pk")
        there = owners.filter(account_id=services.DEMO_ACCOUNT).first() if demo else owners.first()
        if there is not None:
            return there.username
        is_first = not User.objects.filter(username=FIRST_USER).exists()
        account, title = (services.DEMO_ACCOUNT, "Demo") if demo else (services.OWN_ACCOUNT, "My account")
        name = FIRST_USER if is_first else DEMO_USER
        owner, password = services.ensure_owner(name, account, title, is_demo=demo, administrator=is_first)
        self.stdout.write(f"The first user is {owner.username}, the password {password}")
        self.stdout.write("It is shown only now; change it in the account menu.")
        return owner.username

    def _run(
        self, listener: socket.socket, stop: threading.Event, user: str, *, demo: bool, worker: bool
    ) -> None:
        web = Web(listener)
        web.start()
        self._greet(listener, user)
        children = Children()
        children.start()
        children.add("the collector", *_collector_command())
        if demo and DEMO_EXPORTER in get_commands():
            children.add("the demo exporter", str(MANAGE), DEMO_EXPORTER)
        background: list[Worker | Beat] = [Worker(), Beat()] if worker else []
        for role in background:
            role.start()
        stop.wait()
        self.stdout.write("Stopping.")
        _stop(web, children, background)

    def _greet(self, listener: socket.socket, user: str) -> None:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        exporters = f"{settings.FLOWLOG_COLLECTOR_HOST}:{settings.FLOWLOG_COLLECTOR_PORT}"
        self.stdout.write(f"Flow Log Console is at http://{shown}:{port}/ (user {user})")
        self.stdout.write(f"Exporters send to UDP {exporters}. Ctrl-C stops everything.")
        self.stdout.flush()


def _lock_home() -> Any:
    """Hold the lock that keeps a second `up` off the same home."""
    for name in FOLDERS:
        _make_folder(name)
    path = settings.FLOWLOG_HOME / "up.lock"
    try:
        lock = path.open("a+")
    except OSError as error:
        raise CommandError(f"cannot write to FLOWLOG_HOME, {path}: {error.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        raise CommandError(f"`up` already runs on {settings.FLOWLOG_HOME} (process {holder}).") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _make_folder(name: str) -> None:
    """Make the folder of a setting, or say which one cannot be written and why."""
    folder: Path = getattr(settings, name)
    try:
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise CommandError(f"cannot write to {name} {folder}: {error.strerror}.") from None


def _listen(host: str, port: int) -> socket.socket:
    """Return a bound socket, or say why there is none."""
    if not 0 <= port <= 65535:
        raise CommandError(f"the port of the web pages must be from 0 to 65535, not {port}.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(
            f"cannot serve pages on {host}, port {port}: {reason}. Try another --port."
        ) from None
    return listener


def _probe_collector_port() -> None:
    """Find out now, not in a child, that the collector's address is not here or its port is taken."""
    host, port = settings.FLOWLOG_COLLECTOR_HOST, settings.FLOWLOG_COLLECTOR_PORT
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a host name"
        port_is_at_fault = getattr(error, "errno", None) in (errno.EADDRINUSE, errno.EACCES)
        advice = "Try another --collector-port" if port_is_at_fault else "Correct FLOWLOG_COLLECTOR_HOST"
        raise CommandError(f"cannot receive on {host}, UDP port {port}: {reason}. {advice}.") from None


def _probe_redis() -> None:
    """Find out now that nothing answers behind REDIS_URL; every role would ask again and again for ever."""
    if not settings.REDIS_URL:
        return
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5, socket_connect_timeout=5) as server:
            server.ping()
    except redis.RedisError as error:
        raise CommandError(f"cannot use the Redis of REDIS_URL: {error}") from None


def _allow_host(host: str) -> None:
    """Answer under the address that was asked for; names have to be set in FLOWLOG_ALLOWED_HOSTS."""
    if host not in ("", "0.0.0.0", "::") and host not in settings.ALLOWED_HOSTS:  # noqa: S104 - a comparison
        settings.ALLOWED_HOSTS.append(f"[{host}]" if ":" in host else host)


def _migrate() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


def _ensure_demo() -> None:
    """Call the demo of the app below, which this package knows by name only."""
    try:
        ensure = import_string(DEMO)
    except ImportError:
        log.warning("there is no demo in this build")
        return
    ensure()


def _collector_command() -> list[str]:
    return [
        "-m",
        "flowlogs.collector",
        *("--host", settings.FLOWLOG_COLLECTOR_HOST),
        *("--port", str(settings.FLOWLOG_COLLECTOR_PORT)),
        *("--spool", str(settings.FLOWLOG_SPOOL)),
        *("--id", "up"),
        *("--limit", str(settings.FLOWLOG_SPOOL_LIMIT)),
    ]


def _stop(web: Web, children: Children, background: list[Worker | Beat]) -> None:
    """Stop all roles at once, each within its time."""
    stopping = [threading.Thread(target=role.stop, daemon=True) for role in (web, *reversed(background))]
    stopping.append(threading.Thread(target=children.stop, args=(STOP_WITHIN,), daemon=True))
    for thread in stopping:
        thread.start()
    _join(stopping, STOP_WITHIN)
    for name, action in hooks.shutdown_actions().items():
        try:
            action()
        except Exception:
            log.exception("stopping %s failed", name)
    _join(stopping, 1.0)


def _join(threads: list[threading.Thread], within: float) -> None:
    deadline = time.monotonic() + within
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
