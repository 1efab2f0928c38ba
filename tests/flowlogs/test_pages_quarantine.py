"""Pages say what could not be delivered, and what to do: create the Logstore again, start, deliver again."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.models import Account, User
from flowlogs import ledger, services
from flowlogs.models import Closing, Delivery, FlowLog, Logstore, Window
from flowlogs.store.catalogue import KEPT_FAILED
from tests.flowlogs.conftest import MakeFlowLog

LIST = "/cn-hangzhou/flow-logs/"
LEDGER = "/cn-hangzhou/ledger/"
START = 1_772_366_400
Fail = Callable[..., None]


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """A client that is logged in as the owner."""
    client.force_login(owner)
    return client


@pytest.fixture
def fail() -> Fail:
    """Write deliveries down that failed, of so many windows and 20 flows each."""

    def write(flow_log: FlowLog, count: int = 1, since: int = START, at: datetime | None = None) -> None:
        for place in range(count):
            window = Window.objects.create(vpc=flow_log.vpc, interval=10, start=since + 600 * place)
            closing = Closing.objects.create(
                window=window, number=0, state="delivered", delivered_at=at or timezone.now()
            )
            Delivery.objects.create(
                flow_log=flow_log, closing=closing, state="failed", reason="LogstoreNotExist",
                scope_flows=20, quarantined_flows=20,
            )  # fmt: skip

    return write


def text(response: Any) -> str:
    """Return an answer with runs of white space as one space."""
    return re.sub(r"\s+", " ", response.content.decode())


def words(response: Any) -> str:
    """Return an answer without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", unescape(response.content.decode())))


@pytest.mark.parametrize("tab", ["", "?tab=deliveries", "?tab=ledger"])
def test_what_failed_can_be_delivered_again(
    page: Client, make_flow_log: MakeFlowLog, fail: Fail, tab: str
) -> None:
    flow_log = make_flow_log()
    url = f"{LIST}{flow_log.pk}/"
    assert "Deliver again" not in text(page.get(url + tab))
    fail(flow_log, 2)
    shown = page.get(url + tab)
    assert "2 closings of windows with 40 flows could not be delivered" in words(shown)
    assert f'form="flow-log-acts" formaction="{url}deliver-again/"' in text(shown)
    answer = page.post(f"{url}deliver-again/", {"next": url + tab}, follow=True)
    assert "2 closings are delivered again." in words(answer)
    assert "2 closings are being delivered again." in words(answer)
    assert set(Closing.objects.values_list("state", flat=True)) == {"pending"}


def test_what_is_gone_is_said_to_be(page: Client, make_flow_log: MakeFlowLog, fail: Fail) -> None:
    flow_log = make_flow_log()
    fail(flow_log, at=timezone.now() - KEPT_FAILED - timedelta(seconds=1))
    html = words(page.get(f"{LIST}{flow_log.pk}/?tab=ledger"))
    assert "1 closing with 20 flows cannot be delivered any more" in html
    assert "kept for 72 hours and are gone" in html or "kept for 72 hours" in html
    assert "Deliver again" not in html


def test_without_its_logstore_there_is_a_way_to_create_it(
    page: Client, make_flow_log: MakeFlowLog, fail: Fail
) -> None:
    flow_log = make_flow_log()
    fail(flow_log)
    Logstore.objects.all().delete()
    html = text(page.get(f"{LIST}{flow_log.pk}/?tab=ledger"))
    assert 'disabled title="Its Logstore does not exist.">Deliver again' in html
    assert 'logstore=flows" data-panel>Create it again' in html
    answer = page.post(f"{LIST}{flow_log.pk}/deliver-again/", follow=True)
    assert "Logstore flows does not exist." in words(answer)
    assert Closing.objects.get().state == "delivered"


def test_a_reader_sees_what_is_missing(
    client: Client, reader: User, make_flow_log: MakeFlowLog, fail: Fail
) -> None:
    flow_log = make_flow_log()
    fail(flow_log)
    client.force_login(reader)
    refused = 'disabled title="You need the permission vpc:ActiveFlowLog.">Deliver again'
    assert refused in text(client.get(f"{LIST}{flow_log.pk}/?tab=ledger"))
    assert refused in text(client.get(LEDGER))
    assert client.post(f"{LIST}{flow_log.pk}/deliver-again/").status_code == 403
    assert Closing.objects.get().state == "delivered"


def test_the_ledger_page_delivers_again(page: Client, make_flow_log: MakeFlowLog, fail: Fail) -> None:
    flow_log = make_flow_log()
    fail(flow_log)
    url = f"{LIST}{flow_log.pk}/deliver-again/"
    assert f'form="ledger-acts" formaction="{url}">Deliver again' in text(page.get(LEDGER))
    answer = page.post(url, {"next": LEDGER}, follow=True)
    assert answer.redirect_chain[-1][0] == LEDGER
    assert "Delivering again" in words(answer)


def test_the_number_of_queries_of_the_ledger_is_fixed(
    page: Client, make_flow_log: MakeFlowLog, fail: Fail, account: Account
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert page.get(LEDGER).status_code == 200
        return len(found)

    fail(make_flow_log(name="one"))
    page.get(LEDGER)
    before = queries()
    fail(make_flow_log(name="two"), 5, since=START + 86_400)
    assert ledger.ledger(account).is_balanced
    assert queries() == before


# ---- a Logstore that is created again ---------------------------------------------------------------


def test_from_the_failure_to_the_start_with_what_the_logstore_had(
    page: Client, make_flow_log: MakeFlowLog, owner: User
) -> None:
    flow_log = make_flow_log()
    logstore = Logstore.objects.get()
    services.enable_analysis_report(logstore, owner)
    services.set_retention(logstore, owner, 45)
    services.delete_logstore(logstore, owner)
    url = f"{LIST}{flow_log.pk}/"
    failed = text(page.get(url))
    assert "The Logstore does not exist." in failed
    (link,) = set(re.findall(r'href="([^"]+)" data-panel>Create a Logstore', failed))
    panel = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{url}"}
    form = page.get(unescape(link), headers=panel)
    assert "As the deleted Logstore of this name had it" in words(form)
    entered = {
        name: form.context["form"][name].value()
        for name in ("project", "logstore_name", "analysis_report", "ttl")
    }
    assert entered == {"project": "logs", "logstore_name": "flows", "analysis_report": True, "ttl": 45}
    assert f'name="next" value="{url}"' in text(form)
    made = page.post("/cn-hangzhou/log-service/create/", {**entered, "next": url})
    assert made["Location"] == url
    again = Logstore.objects.get()
    assert (again.name, again.analysis_report, again.ttl) == ("flows", True, 45)
    after = page.get(url)
    assert "does not exist" not in words(after)
    assert "The Logstore has been re-created. Start the flow log to continue delivery. Start" in words(after)
    assert f'form="flow-log-acts" formaction="{url}start/">Start' in text(after)
    assert "Start the flow log to continue delivery." in words(page.get(LIST))
    page.post(f"{url}start/")
    assert "re-created" not in words(page.get(url))


def test_another_name_begins_with_the_usual(page: Client, logstore: Logstore, owner: User) -> None:
    services.set_retention(logstore, owner, 45)
    services.delete_logstore(logstore, owner)
    url = "/cn-hangzhou/log-service/create/"
    assert page.get(f"{url}?project=logs&logstore=other").context["form"]["ttl"].value() == 300
    page.post(url, {"project": "logs", "logstore_name": "other", "analysis_report": "on", "ttl": "45"})
    assert Logstore.objects.get().ttl == 7, "a report without a past keeps a week"
