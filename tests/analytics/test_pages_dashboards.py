"""Overview: who may see it, what each chart answers, and what it says when there is nothing or too little."""

import json
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import parse_qs, urlsplit

import plotly.graph_objects as go
import pytest
import time_machine
from django.test import Client

from analytics.dashboards import OVERVIEW
from analytics.run import QueryBusy, QueryTimeout, RunError
from console.models import Policy, User
from flowlogs.models import Logstore
from flowlogs.record import TIME
from tests.analytics.conftest import NOW, Deliver
from tests.analytics.made_logs import records

BASE = "/cn-hangzhou/log-service/flow-prod/vpc_flow/"
PAGE = f"{BASE}overview/"
RANGE = f"from={NOW - 3600}&to={NOW}"
CHART_IDS = [chart.id for chart in OVERVIEW.charts]


def chart(name: str, query: str = RANGE) -> str:
    """Return the address of a chart's answer."""
    return f"{BASE}charts/overview/{name}/?{query}"


@pytest.fixture
def hour(deliver: Deliver) -> None:
    """Deliver an hour of records."""
    deliver(records(500, NOW - 3600, NOW))


@pytest.mark.parametrize("path", [PAGE, chart("totals")])
def test_a_visitor_logs_in_first(path: str, client: Client, logstore: Logstore) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("path", [PAGE, chart("totals")])
def test_a_stranger_cannot_tell_that_it_is_there(
    path: str, client: Client, logstore: Logstore, stranger: User
) -> None:
    client.force_login(stranger)
    there, nowhere = client.get(path), client.get(path.replace("vpc_flow", "no_store"))
    assert (there.status_code, nowhere.status_code) == (404, 404)


@pytest.mark.parametrize("path", [PAGE, chart("totals")])
def test_it_is_in_its_own_region_only(path: str, client: Client, logstore: Logstore, owner: User) -> None:
    client.force_login(owner)
    assert client.get(path.replace("cn-hangzhou", "cn-beijing")).status_code == 404


@pytest.mark.parametrize("path", [PAGE, chart("totals")])
def test_a_user_without_permission_is_told_which(
    path: str, client: Client, logstore: Logstore, reader: User
) -> None:
    reader.policies.clear()
    client.force_login(reader)
    response = client.get(path)
    assert response.status_code == 403
    assert "log:GetLogStoreLogs" in response.content.decode()


@pytest.mark.parametrize("path", [PAGE, chart("totals")])
def test_permission_for_one_logstore_is_enough(
    path: str, client: Client, logstore: Logstore, reader: User
) -> None:
    resource = f"acs:log:cn-hangzhou:{reader.account_id}:project/flow-prod/logstore/vpc_flow"
    statement = {"Effect": "Allow", "Action": "log:GetLogStoreLogs", "Resource": resource}
    policy = Policy.objects.create(
        account=reader.account, name="one-store", document={"Version": "1", "Statement": [statement]}
    )
    reader.policies.set([policy])
    client.force_login(reader)
    assert client.get(path).status_code == 200


def test_the_page_has_every_chart_with_its_query_one_click_away(
    client: Client, logstore: Logstore, reader: User
) -> None:
    client.force_login(reader)
    response = client.get(PAGE, {"from": NOW - 3600, "to": NOW})
    html = response.content.decode()
    for each in OVERVIEW.charts:
        assert f'id="chart-{each.id}"' in html
    for figure in response.context["charts"]:
        query = parse_qs(urlsplit(figure["query_url"]).query)
        assert query["q"] == [OVERVIEW.chart(figure["id"]).text(60)]
        assert (query["from"], query["to"]) == ([str(NOW - 3600)], [str(NOW)])


def test_without_a_range_it_shows_24_hours_and_pins_their_end(
    client: Client, logstore: Logstore, owner: User
) -> None:
    client.force_login(owner)
    with time_machine.travel(NOW, tick=False):
        response = client.get(PAGE)
    assert response.context["time"].label == "24 Hours (Relative)"
    assert all(f"range=24h&at={NOW}" in figure["url"] for figure in response.context["charts"])


def test_the_page_loads_nothing_but_its_frame(
    client: Client, owner: User, hour: None, django_assert_num_queries: Callable[..., object]
) -> None:
    client.force_login(owner)
    client.get(PAGE)
    with django_assert_num_queries(6):
        client.get(PAGE)


@pytest.mark.parametrize("name", CHART_IDS)
def test_a_chart_answers_what_plotly_can_draw(name: str, client: Client, reader: User, hour: None) -> None:
    client.force_login(reader)
    response = client.get(chart(name))
    answer = json.loads(response.content)
    assert answer["state"] == "drawn"
    assert answer["table"]["rows"]
    assert answer["status"].startswith("500 rows scanned in ")
    assert "no-store" in response["Cache-Control"]
    kind = OVERVIEW.chart(name).spec.kind
    assert ("tiles" in answer) == (kind == "tiles")
    if kind not in ("tiles", "table"):
        for style in answer["styles"].values():
            assert len(style["traces"]) == len(answer["figure"]["data"])
            go.Figure(
                {
                    "data": answer["figure"]["data"],
                    "layout": {**answer["figure"]["layout"], **style["layout"]},
                }
            )


def test_the_query_of_an_answer_speaks_of_the_very_range(client: Client, owner: User, hour: None) -> None:
    client.force_login(owner)
    answer = client.get(chart("verdicts", f"range=1h&at={NOW}")).json()
    query = parse_qs(urlsplit(answer["query_url"]).query)
    assert (query["range"], query["at"], query["tab"]) == (["1h"], [str(NOW)], ["graph"])
    page = client.get(answer["query_url"])
    assert page.context["result"].rows
    assert [float(row[1].replace(",", "")) for row in answer["table"]["rows"]] == [
        row[1] for row in page.context["result"].rows
    ]


@pytest.mark.parametrize("name", [name for name in CHART_IDS if name != "totals"])
def test_an_empty_range_says_so(name: str, client: Client, owner: User, logstore: Logstore) -> None:
    client.force_login(owner)
    answer = client.get(chart(name)).json()
    assert (answer["state"], answer["message"]) == ("empty", "No data in this range")


def test_totals_of_nothing_are_zero(client: Client, owner: User, logstore: Logstore) -> None:
    client.force_login(owner)
    answer = client.get(chart("totals")).json()
    assert [tile["text"] for tile in answer["tiles"]] == ["0", "-", "-", "0"]


def test_a_lost_part_is_never_passed_over(
    client: Client, owner: User, hour: None, logstore: Logstore, home: Path
) -> None:
    (home / "store" / logstore.parts.earliest("pk").path).unlink()
    client.force_login(owner)
    assert "incomplete" in client.get(chart("verdicts")).json()["status"]


@pytest.mark.parametrize(
    ("error", "waits"),
    [(QueryBusy("Too many queued queries"), True), (QueryTimeout("The query was stopped"), False)],
    ids=["busy", "timeout"],
)
def test_only_a_busy_engine_is_waited_for(
    client: Client,
    owner: User,
    logstore: Logstore,
    monkeypatch: pytest.MonkeyPatch,
    error: RunError,
    waits: bool,
) -> None:
    monkeypatch.setattr("analytics.views.dashboards.run_query", Mock(side_effect=error))
    client.force_login(owner)
    answer = client.get(chart("totals")).json()
    assert (answer["state"], answer["message"]) == ("failed", str(error))
    assert answer.get("waiting", "").startswith("Waiting") == waits


@pytest.mark.parametrize("query", ["range=1y", "from=5&to=4", "from=x&to=y"])
def test_a_range_that_cannot_be_read_says_so(
    query: str, client: Client, owner: User, logstore: Logstore
) -> None:
    client.force_login(owner)
    answer = client.get(chart("totals", query))
    assert (answer.status_code, answer.json()["state"]) == (400, "failed")
    page = client.get(f"{PAGE}?{query}")
    assert page.status_code == 200
    assert answer.json()["message"] in page.context["error"]


@pytest.mark.parametrize("path", ["charts/overview/no-such/", "charts/no-such/totals/"])
def test_an_unknown_chart_is_not_found(path: str, client: Client, owner: User, logstore: Logstore) -> None:
    client.force_login(owner)
    assert client.get(BASE + path).status_code == 404


@pytest.mark.parametrize("path", [PAGE, chart("totals")])
def test_nothing_can_be_posted(path: str, client: Client, owner: User, logstore: Logstore) -> None:
    client.force_login(owner)
    assert client.post(path).status_code == 405


def test_a_chart_over_time_ends_at_the_last_complete_bucket(
    client: Client, owner: User, deliver: Deliver
) -> None:
    logs = records(400, NOW - 3600, NOW)
    deliver(logs)
    client.force_login(owner)
    with time_machine.travel(NOW, tick=False):
        answer = client.get(chart("verdicts", f"range=1h&at={NOW}")).json()
        given = client.get(chart("verdicts")).json()
    until = (NOW - 660) // 60 * 60
    assert answer["status"].endswith("; up to 22:02 UTC, the last complete bucket")
    accepted, rejected = answer["figure"]["data"]
    assert accepted["x"][-1] == "2023-11-14 22:01:00"
    for trace, action in ((accepted, "ACCEPT"), (rejected, "REJECT")):
        assert sum(trace["y"]) == sum(log["action"] == action and log[TIME] < until for log in logs)
    assert "complete bucket" not in given["status"]
    assert given["figure"]["data"][0]["x"][-1] == "2023-11-14 22:13:00"


def test_a_range_without_a_complete_bucket_says_so(client: Client, owner: User, hour: None) -> None:
    client.force_login(owner)
    with time_machine.travel(NOW, tick=False):
        answer = client.get(chart("traffic", f"range=10m&at={NOW}")).json()
        totals = client.get(chart("totals", f"range=10m&at={NOW}")).json()
    assert (answer["state"], answer["message"]) == ("empty", "No bucket of this range is complete yet")
    assert "still on their way" in answer["hint"]
    assert totals["state"] == "drawn"
