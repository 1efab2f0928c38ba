"""Run the collector of this installation in the place of this process."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from flowlogs.management.process import become


class Command(BaseCommand):
    """Becomes ``python -m flowlogs.collector`` with this installation's settings."""

    help = (
        "Receive datagrams of exporters into the spool. Example: python3 manage.py collector --id edge-2 --host :: "
        "--port 2055. Host, port and limit default to FLOWLOG_COLLECTOR_HOST, FLOWLOG_COLLECTOR_PORT and "
        "FLOWLOG_SPOOL_LIMIT."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--id", default="main", help="name of this collector, unique in the installation")
        parser.add_argument("--host", default=settings.FLOWLOG_COLLECTOR_HOST)
        parser.add_argument("--port", type=int, default=settings.FLOWLOG_COLLECTOR_PORT)
        parser.add_argument("--limit", type=int, default=settings.FLOWLOG_SPOOL_LIMIT, help="bytes")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = [f"--{name}={options[name]}" for name in ("id", "host", "port", "limit")]
        become("flowlogs.collector", f"--spool={settings.FLOWLOG_SPOOL}", *chosen)
