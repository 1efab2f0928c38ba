"""The search page: what it finds, how a click changes its address, and what it says when it cannot."""

import json
import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import plotly.graph_objects as go
import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client

from console.models import User
from flowlogs.models import Logstore
from flowlogs.record import FIELD_NAMES, TIME
from tests.analytics.conftest import NOW, Deliver
from tests.analytics.made_logs import Record, records

BASE = "/cn-hangzhou/log-service/flow-prod/vpc_flow/"
RANGE = {"from": str(NOW - 3600), "to": str(NOW)}
Page = Callable[..., HttpResponse]


@pytest.fixture
def logs(deliver: Deliver) -> list[Record]:
    """Deliver an hour of records and a little on both sides; return the hour, newest first."""
    made = records(400, NOW - 3900, NOW + 300)
    deliver(made)
    found = [log for log in made if NOW - 3600 <= log[TIME] < NOW]
    return sorted(found, key=lambda log: -log[TIME])


@pytest.fixture
def page(client: Client, reader: User, logstore: Logstore) -> Page:
    """Open the search page as a user who may only read; the range is the hour unless said otherwise."""
    client.force_login(reader)

    def get(text: str = "", **parameters: Any) -> HttpResponse:
        time = {} if "range" in parameters or "from" in parameters else RANGE
        return client.get(BASE, {"q": text, **time, **parameters})

    return get


def asked(location: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.mark.parametrize("path", [BASE, f"{BASE}fields/srcaddr/", f"{BASE}download/"])
class TestAccess:
    """Every page of a Logstore asks the same question in the same way."""

    def test_a_visitor_logs_in_first(self, path: str, client: Client, logstore: Logstore) -> None:
        assert client.get(path).status_code == 302

    def test_a_fragment_reloads_the_page_to_log_in(
        self, path: str, client: Client, logstore: Logstore
    ) -> None:
        response = client.get(path, headers={"HX-Request": "true"})
        assert (response.status_code, response["HX-Refresh"]) == (401, "true")

    def test_a_stranger_cannot_tell_that_it_is_there(
        self, path: str, client: Client, logstore: Logstore, stranger: User
    ) -> None:
        client.force_login(stranger)
        for address in (path, path.replace("vpc_flow", "no_store"), path.replace("flow-prod", "no-project")):
            assert client.get(address).status_code == 404

    def test_it_is_in_its_own_region_only(
        self, path: str, client: Client, logstore: Logstore, owner: User
    ) -> None:
        client.force_login(owner)
        assert client.get(path.replace("cn-hangzhou", "cn-beijing")).status_code == 404

    def test_a_reader_may(self, path: str, client: Client, logstore: Logstore, reader: User) -> None:
        client.force_login(reader)
        assert client.get(path).status_code == 200

    def test_without_the_permission_nobody_may(
        self, path: str, client: Client, logstore: Logstore, reader: User
    ) -> None:
        reader.policies.clear()
        client.force_login(reader)
        assert client.get(path).status_code == 403

    def test_nothing_can_be_posted(self, path: str, client: Client, logstore: Logstore, owner: User) -> None:
        client.force_login(owner)
        assert client.post(path).status_code == 405


class TestRawLogs:
    def test_records_come_newest_first_and_in_pages(self, page: Page, logs: list[Record]) -> None:
        first, second = page(), page(page=2)
        assert first.context["matched"] == len(logs)
        shown = [log["time"] for response in (first, second) for log in response.context["logs"]]
        assert len(shown) == 40
        assert shown == sorted(shown, reverse=True)

    @pytest.mark.parametrize("size", [20, 50, 100])
    def test_all_pages_together_hold_every_record_once(
        self, size: int, page: Page, logs: list[Record]
    ) -> None:
        found = []
        for number in range(1, -(-len(logs) // size) + 1):
            response = page(page=number, page_size=size, layout="list")
            found += [tuple(cell["text"] for cell in log["cells"]) for log in response.context["logs"]]
        expected = [
            tuple("-" if log[name] is None else str(log[name]) for name in FIELD_NAMES) for log in logs
        ]
        assert sorted(found) == sorted(expected)

    def test_what_does_not_apply_is_a_dash(self, page: Page, logs: list[Record]) -> None:
        (log, *_) = page("log-status: NODATA").context["logs"]
        cells = {cell["field"]: cell for cell in log["cells"]}
        assert (cells["srcaddr"]["text"], cells["srcaddr"]["term"]) == ("-", "")
        assert cells["log-status"]["term"] == "log-status:NODATA"

    def test_the_count_per_minute_adds_up(self, page: Page, logs: list[Record]) -> None:
        histogram = page("action: REJECT").context["histogram"]
        assert histogram["step_label"] == "minute"
        counted = {bar["start"]: bar["count"] for bar in histogram["bars"]}
        minute = NOW - NOW % 60 - 600
        assert counted[minute] == sum(
            log["action"] == "REJECT" and minute <= log[TIME] < minute + 60 for log in logs
        )
        assert sum(counted.values()) == sum(log["action"] == "REJECT" for log in logs)

    @pytest.mark.parametrize("layout", ["table", "list"])
    def test_a_page_of_240_bars_is_small(self, layout: str, page: Page, logs: list[Record]) -> None:
        response = page(range="4h", layout=layout)
        assert len(response.context["histogram"]["bars"]) >= 240
        assert len(response.content) <= 60_000

    def test_only_the_part_before_the_sql_is_searched(self, page: Page, logs: list[Record]) -> None:
        response = page("action: REJECT | select count(1) as n", tab="raw")
        assert response.context["matched"] == sum(log["action"] == "REJECT" for log in logs)

    def test_values_mean_something(self, page: Page, logs: list[Record]) -> None:
        html = page("protocol: 17").content.decode()
        assert 'title="UDP"' in html

    def test_both_layouts_hold_the_same_values(self, page: Page, logs: list[Record]) -> None:
        table, listed = (page(layout=layout, links=1) for layout in ("table", "list"))
        values = re.compile(r'name="add" value="([^"]+)"')
        # The list keeps the order of the record, the table puts the flow first.
        assert sorted(values.findall(table.content.decode())) == sorted(
            values.findall(listed.content.decode())
        )

    def test_a_page_beyond_the_last_leads_to_the_last(self, page: Page, logs: list[Record]) -> None:
        response = page(page=999)
        assert response.status_code == 302
        assert asked(response["Location"])["page"] == str(-(-len(logs) // 20))

    def test_no_logs_says_why_and_what_to_do(self, page: Page, logs: list[Record]) -> None:
        assert "No logs match the query" in page("srcaddr: 203.0.113.1").content.decode()
        assert "No logs in this time range" in page(**{"from": "1000", "to": "2000"}).content.decode()


class TestTime:
    def test_without_a_range_it_is_15_minutes(self, client: Client, owner: User, logstore: Logstore) -> None:
        client.force_login(owner)
        with time_machine.travel(NOW, tick=False):
            response = client.get(BASE)
        assert response.context["search"].time.start == NOW - 900
        assert "15 Minutes (Relative)" in response.content.decode()

    def test_links_pin_the_instant_of_a_relative_range(self, page: Page, logs: list[Record]) -> None:
        with time_machine.travel(NOW, tick=False):
            html = unescape(page(range="1h").content.decode())
        assert f"range=1h&at={NOW}&page=2" in html or f"at={NOW}" in html.split('rel="next"')[0][-300:]
        again = page(range="1h", at=NOW, page=2)
        assert again.context["matched"] == len(logs)

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"range": "1y"}, "is not a time range"),
            ({"from": "5", "to": "4"}, "ends before it starts"),
            ({"from": "soon", "to": "later"}, "is not a time"),
        ],
    )
    def test_a_range_that_cannot_be_read_says_so(
        self, parameters: dict[str, str], message: str, page: Page
    ) -> None:
        response = page(**parameters)
        assert response.status_code == 200
        assert message in response.context["error"].title
        assert "logs" not in response.context


NUL = "a\0b"


@pytest.mark.parametrize("path", ["", "download/", "overview/", "fields/srcaddr/", "charts/overview/totals/"])
@pytest.mark.parametrize(
    ("parameters", "refused"),
    [
        pytest.param({"page": NUL}, False, id="page"),
        pytest.param({"from": NUL, "to": "5"}, True, id="from"),
        pytest.param({"from": "5", "to": NUL}, True, id="to"),
        pytest.param({"at": NUL}, True, id="at"),
        pytest.param({"range": NUL}, True, id="range"),
        pytest.param({"range": NUL, "from": NUL, "to": NUL, "at": NUL, "page": NUL}, True, id="all"),
        pytest.param({"q": NUL}, True, id="query"),
        pytest.param({"page_size": NUL, "tab": NUL, "layout": NUL, "field": NUL}, False, id="choices"),
    ],
)
def test_a_nul_in_a_parameter_is_refused_or_the_default(
    path: str, parameters: dict[str, str], refused: bool, client: Client, reader: User, logstore: Logstore
) -> None:
    client.force_login(reader)
    response = client.get(BASE + path, parameters)
    assert response.status_code in (200, 400)
    takes_query = not path.startswith(("overview", "charts"))
    if refused and ("q" not in parameters or takes_query):
        assert "Null characters are not allowed" in response.content.decode()


def test_thousands_of_digits_are_a_mistake_with_its_place(page: Page) -> None:
    for text in ("9" * 4301, "* | select " + "9" * 4301):
        response = page(text)
        assert response.status_code == 200
        assert "A value has at most 4096 characters" in response.context["error"].title
        assert f"column {text.index('9') + 1}" in response.context["error"].text


@pytest.mark.parametrize("layout", ["table", "list"])
@pytest.mark.parametrize("text", ["", "log-status: OK"])
def test_a_page_of_records_is_small(text: str, layout: str, page: Page, logs: list[Record]) -> None:
    response = page(text, layout=layout)
    assert len(response.context["logs"]) == 20
    assert len(response.content) <= 60_000


class TestClicks:
    @pytest.mark.parametrize(
        ("query", "click", "expected"),
        [
            ("", {"add": "srcaddr:10.0.0.1"}, "srcaddr:10.0.0.1"),
            ("*", {"exclude": "action:REJECT"}, "not action:REJECT"),
            ("a", {"add": "dstport:22"}, "a and dstport:22"),
            ("a or b", {"add": "dstport:22"}, "(a or b) and dstport:22"),
            ("a | select 1 as one", {"add": "dstport:22"}, "a and dstport:22 | select 1 as one"),
            ("a | select 1 as one", {"only": "dstport:22"}, "dstport:22"),
            ("a", {"add": "srcaddr:fe80::1"}, 'a and srcaddr:"fe80::1"'),
            ("a", {"add": "no-such-field:1"}, "a"),
            ("a", {"add": "nonsense"}, "a"),
            ('broken "', {"add": "dstport:22"}, 'broken "'),
        ],
    )
    def test_a_value_goes_into_the_query(
        self, query: str, click: dict[str, str], expected: str, page: Page
    ) -> None:
        response = page(query, **click)
        assert response.status_code == 302
        assert asked(response["Location"])["q"] == expected

    def test_a_bar_zooms_into_its_time(self, page: Page) -> None:
        location = asked(page("a", range="1h", page=3, zoom=f"{NOW - 60:x}-{60:x}")["Location"])
        assert location == {"q": "a", "from": str(NOW - 60), "to": str(NOW)}

    def test_a_click_keeps_the_custom_range_and_the_page_size(self, page: Page) -> None:
        location = asked(page("", page_size=50, page=4, add="action:REJECT")["Location"])
        assert location == {"q": "action:REJECT", **RANGE, "page_size": "50"}


class TestGraph:
    QUERY = "* | select __time__ - __time__ % 600 as time, count(1) as n group by time order by time"

    def test_a_query_with_sql_opens_as_a_graph(self, page: Page, logs: list[Record]) -> None:
        response = page(self.QUERY)
        assert response.context["tab"] == "graph"
        assert sum(row[1] for row in response.context["result"].rows) == len(logs)
        assert response.context["matched"] == len(logs)

    @pytest.mark.parametrize("kind", ["line", "bar", "area", "ranking", "table"])
    def test_the_result_is_drawn_as_chosen(self, kind: str, page: Page, logs: list[Record]) -> None:
        response = page(self.QUERY, chart=kind)
        found = re.search(
            r'id="graph-answer" type="application/json">(.*?)</script>', response.content.decode()
        )
        assert (found is None) == (kind == "table")
        if found:
            answer = json.loads(found[1])
            assert answer["kind"] == kind
            for style in answer["styles"].values():
                go.Figure(
                    {"data": answer["figure"]["data"], "layout": answer["figure"]["layout"] | style["layout"]}
                )

    def test_a_query_without_sql_says_what_is_missing(self, page: Page, logs: list[Record]) -> None:
        assert "The query has no SQL" in page("action: REJECT", tab="graph").content.decode()

    def test_a_cut_result_says_so(self, page: Page, logs: list[Record]) -> None:
        html = page("* | select srcport, srcaddr").content.decode()
        assert "Only the first 100 rows" in html
        assert "The results are accurate" not in html

    def test_no_rows_says_so(self, page: Page, logs: list[Record]) -> None:
        assert "No data in this range" in page("srcaddr: 203.0.113.1 | select srcaddr").content.decode()

    def test_values_are_data_in_the_json_island(self, page: Page, logs: list[Record]) -> None:
        html = page("* | select '</script><b>' as name, count(1) as n", chart="bar").content.decode()
        assert "</script><b>" not in html


class TestErrors:
    @pytest.mark.parametrize(
        ("query", "line", "caret_under"),
        [
            ("action: REJECT | select srcadr", "action: REJECT | select srcadr", "srcadr"),
            ("* |\nselect count(1) as n,\n  bogus(srcaddr) as x", "  bogus(srcaddr) as x", "bogus"),
            ("(a or b", "(a or b", "(a"),
        ],
    )
    def test_a_mistake_is_shown_where_it_is(
        self, query: str, line: str, caret_under: str, page: Page, logs: list[Record]
    ) -> None:
        response = page(query)
        failure = response.context["error"]
        assert response.status_code == 200
        assert failure.excerpt == line
        assert line[failure.caret.index("^") :].startswith(caret_under)
        assert "Line " in response.content.decode()
        assert unescape(response.content.decode()).count(query.split("\n")[0]) >= 1

    def test_a_mistake_far_to_the_right_is_still_in_view(self, page: Page) -> None:
        failure = page("* | select " + "srcaddr, " * 60 + "srcadr").context["error"]
        assert len(failure.excerpt) < 110
        assert failure.excerpt[failure.caret.index("^") :].startswith("srcadr")

    def test_a_query_that_is_too_long_is_refused(self, page: Page) -> None:
        assert page("a" * 20_001).context["error"].title


class TestFragments:
    def test_htmx_gets_the_search_without_the_shell(
        self, client: Client, reader: User, logs: list[Record]
    ) -> None:
        client.force_login(reader)
        headers = {"HX-Request": "true", "HX-Boosted": "true", "HX-Target": "search"}
        fragment = client.get(BASE, RANGE, headers=headers).content.decode()
        assert fragment.lstrip().startswith('<form id="search"')
        assert "<html" not in fragment
        whole = client.get(BASE, RANGE).content.decode()
        assert '<form id="search"' in whole
        assert "<html" in whole

    def test_back_gets_the_whole_page(self, client: Client, reader: User, logstore: Logstore) -> None:
        client.force_login(reader)
        headers = {"HX-Request": "true", "HX-Target": "search", "HX-History-Restore-Request": "true"}
        response = client.get(BASE, RANGE, headers=headers)
        assert "<html" in response.content.decode()
        assert "HX-Request" in response["Vary"]


class TestQuickAnalysis:
    def fragment(self, client: Client, field: str, text: str = "") -> Any:
        return client.get(f"{BASE}fields/{field}/", {"q": text, **RANGE}).context["values"]

    def test_top_values_are_counted_over_what_is_found(
        self, client: Client, reader: User, logs: list[Record]
    ) -> None:
        client.force_login(reader)
        values = self.fragment(client, "dstport", "action: REJECT")
        ports = [log["dstport"] for log in logs if log["action"] == "REJECT"]
        expected = sorted(set(ports), key=lambda port: (-ports.count(port), port))[:10]
        assert [value["text"] for value in values["top"]] == [str(port) for port in expected]
        assert values["top"][0]["share"] == f"{100 * ports.count(expected[0]) / len(ports):.1f} %"

    def test_sizes_have_measures_as_well(self, client: Client, reader: User, logs: list[Record]) -> None:
        client.force_login(reader)
        measures = dict(self.fragment(client, "bytes")["measures"])
        sizes = [log["bytes"] for log in logs if log["bytes"] is not None]
        assert (measures["Min"], measures["Max"], measures["Sum"]) == tuple(
            str(value) for value in (min(sizes), max(sizes), sum(sizes))
        )

    def test_what_does_not_apply_can_be_searched(
        self, client: Client, reader: User, page: Page, logs: list[Record]
    ) -> None:
        values = self.fragment(client, "action")
        (without,) = [value for value in values["top"] if value["text"] == "-"]
        assert without["term"] == "action:-"
        location = asked(page("", add=without["term"])["Location"])
        assert page(location["q"]).context["matched"] == sum(log["action"] is None for log in logs)

    @pytest.mark.parametrize("field", FIELD_NAMES)
    def test_every_field_can_be_analysed(
        self, field: str, client: Client, reader: User, logs: list[Record]
    ) -> None:
        client.force_login(reader)
        values = self.fragment(client, field)
        assert "error" not in values
        assert 1 <= len(values["top"]) <= 10

    def test_without_scripts_the_page_shows_it(self, page: Page, logs: list[Record]) -> None:
        (open_field,) = [item for item in page(field="protocol").context["field_list"] if item["values"]]
        assert open_field["field"].name == "protocol"
        assert {value["text"] for value in open_field["values"]["top"]} == {"6", "17", "-"}

    def test_an_unknown_field_is_not_found(self, client: Client, reader: User, logstore: Logstore) -> None:
        client.force_login(reader)
        assert client.get(f"{BASE}fields/no-such/").status_code == 404

    def test_a_mistake_is_said_in_place(self, client: Client, reader: User, logstore: Logstore) -> None:
        client.force_login(reader)
        assert "not closed" in self.fragment(client, "action", '"')["error"]


@pytest.mark.parametrize("count", [0, 400])
@pytest.mark.parametrize(
    "parameters", [{}, {"page_size": "100"}, {"q": "* | select count(1) as n"}, {"field": "bytes"}]
)
def test_the_number_of_database_queries_is_fixed(
    count: int,
    parameters: dict[str, str],
    client: Client,
    owner: User,
    deliver: Deliver,
    django_assert_num_queries: Callable[..., Iterator[None]],
) -> None:
    deliver(records(count, NOW - 20_000, NOW))
    client.force_login(owner)
    lists_of_parts = {"q": 2, "field": 3}
    extra = sum(number - 1 for name, number in lists_of_parts.items() if name in parameters)
    client.get(BASE, RANGE)
    with django_assert_num_queries(7 + extra):
        client.get(BASE, {**RANGE, **parameters})


def test_a_chart_over_time_ends_at_the_last_complete_bucket(page: Page, logs: list[Record]) -> None:
    query = "* | select __time__ - __time__ % 300 as time, count(1) as n group by time order by time limit 99"
    with time_machine.travel(NOW, tick=False):
        response = page(query, range="1h", at=str(NOW))
        given = page(query)
    assert "up to 22:00 UTC, the last complete bucket" in response.content.decode()
    (trace,) = response.context["figure"]["figure"]["data"]
    complete = [log for log in logs if log[TIME] < NOW - 800]  # 22:00
    assert trace["x"][-1] == "2023-11-14 21:55:00"
    assert sum(trace["y"]) == len(complete)
    assert len(response.context["table"]["rows"]) == len(trace["y"]) + 3
    assert given.context["chart_ends"] == ""
    assert len(given.context["figure"]["figure"]["data"][0]["y"]) == len(trace["y"]) + 3
