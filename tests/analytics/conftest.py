"""A Logstore with made-up records."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from console.models import Account, Region
from flowlogs.models import Logstore, Project
from tests.analytics.made_logs import Record, store

NOW = 1_700_000_000
Deliver = Callable[[Iterable[Record]], None]


@pytest.fixture
def logstore(account: Account, region: Region, home: Path) -> Logstore:
    """The Logstore ``flow-prod/vpc_flow``, which is empty."""
    project = Project.objects.create(account=account, region=region, name="flow-prod")
    return Logstore.objects.create(project=project, name="vpc_flow", ttl=300)


@pytest.fixture
def deliver(logstore: Logstore) -> Deliver:
    """The function that puts records into the Logstore."""

    def put(logs: Iterable[Record]) -> None:
        store(logstore, logs)

    return put
