"""Send the demo's traffic to a collector in the place of this process."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from flowlogs.demo.network import EXPORTERS
from flowlogs.management.process import become

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104


class Command(BaseCommand):
    """Becomes ``python -m flowlogs.demo.exporter``."""

    help = (
        "Send the demo's flows as real IPFIX over loopback until stopped. "
        "Example: python3 manage.py demo_exporter --to 127.0.0.1:4739 --source 127.0.0.2"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        host = settings.FLOWLOG_COLLECTOR_HOST
        target = f"{'127.0.0.1' if host in EVERYWHERE else host}:{settings.FLOWLOG_COLLECTOR_PORT}"
        parser.add_argument("--to", default=target, metavar="HOST:PORT", help=f"the collector ({target})")
        parser.add_argument(
            "--source", action="append", choices=list(EXPORTERS), help="an address to send from (all of them)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        sources = [f"--source={address}" for address in options["source"] or EXPORTERS]
        become("flowlogs.demo.exporter", f"--to={options['to']}", *sources)
