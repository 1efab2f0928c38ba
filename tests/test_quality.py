"""The code is formatted, free of lint, type-checked, and its migrations are complete."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent
CODE = ["manage.py", "console", "flowlogs", "analytics", "tests"]


def run(*arguments: str) -> None:
    """Run a module of the environment over the code; its output is the failure."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_formatted() -> None:
    run("ruff", "format", "--check", *CODE)


def test_free_of_lint() -> None:
    run("ruff", "check", "--output-format", "concise", *CODE)


def test_types() -> None:
    run("mypy")


@pytest.mark.django_db
def test_migrations_complete() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=1)
