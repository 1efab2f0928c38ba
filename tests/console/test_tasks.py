"""Periodic tasks of the shell."""

import pytest
from django.db import connection

from console.models import Region
from console.tasks import tune_database


def test_the_database_learns_how_big_its_tables_are(region: Region) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("other databases analyze by themselves")
    with connection.cursor() as cursor:
        tune_database()
        cursor.execute("SELECT COUNT(*) FROM sqlite_stat1 WHERE tbl = 'console_region'")
        assert cursor.fetchone()[0] > 0
