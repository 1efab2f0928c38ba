"""Run the tests: pytest, in the development environment that manage.py has entered."""

import os
import sys

import pytest
from django.conf import settings
from django.core.management.base import BaseCommand

USAGE = """usage: python3 manage.py test [pytest arguments]

Runs all tests; every argument goes to pytest.

  python3 manage.py test                        all that are not long
  python3 manage.py test --long                 all
  python3 manage.py test tests/console -k login

Tests that need a tool which is not installed are skipped with its name.
FLOWLOG_REQUIRE_TOOLS=1 makes them fail instead.
"""


# A file's tests stay together, so that what they share is made once; files come in the order of
# tests/conftest.py, which is the one that keeps all cores busy to the end. One process more than there are cores:
# tests with a browser or another program wait half of their time. A later -n overrides ours.
PROCESSES = (os.cpu_count() or 1) + 1
ON_ALL_CORES = ("-n", str(PROCESSES), "--dist", "loadfile", "--no-loadscope-reorder")


class Command(BaseCommand):
    """Hands its arguments to pytest as they are."""

    help = "Run the tests; arguments go to pytest. Example: python3 manage.py test --long"

    def run_from_argv(self, argv: list[str]) -> None:
        """Run pytest and end with its exit code."""
        arguments = argv[2:]
        if arguments in (["--help"], ["-h"]):
            self.stdout.write(USAGE, ending="")
            return
        os.chdir(settings.ROOT)
        sys.exit(pytest.main([*ON_ALL_CORES, *arguments]))
