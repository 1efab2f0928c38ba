"""The panel for the tags of a flow log."""

import re

import pytest
from django.test import Client

from console.models import User
from flowlogs.models import FlowLog
from tests.flowlogs.conftest import MakeFlowLog
from tests.flowlogs.test_pages_flow_logs import FRAGMENT, LIST, said, text


@pytest.fixture
def flow_log(make_flow_log: MakeFlowLog) -> FlowLog:
    """A started flow log with a tag."""
    return make_flow_log(name="web", tags={"team": "network"})


@pytest.fixture
def here(flow_log: FlowLog) -> str:
    return f"{LIST}{flow_log.pk}/tags/"


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    """A client that is logged in as the owner."""
    client.force_login(owner)
    return client


def test_tags_are_shown_and_changed(page: Client, flow_log: FlowLog, here: str) -> None:
    html = text(page.get(here))
    assert 'value="team"' in html
    assert 'value="network"' in html
    response = page.post(here, {"tags_key": ["team", "env"], "tags_value": ["web", ""]})
    assert response["Location"] == f"{LIST}{flow_log.pk}/"
    assert said(response) == ["The tags of flow log web are changed."]
    flow_log.refresh_from_db()
    assert flow_log.tags == {"team": "web", "env": ""}


def test_a_panel_is_sent_on_as_a_whole(page: Client, flow_log: FlowLog, here: str) -> None:
    assert page.post(here, {}, headers=FRAGMENT)["HX-Redirect"] == f"{LIST}{flow_log.pk}/"
    flow_log.refresh_from_db()
    assert flow_log.tags == {}


def test_what_breaks_a_rule_is_said_and_changes_nothing(page: Client, flow_log: FlowLog, here: str) -> None:
    html = text(page.post(here, {"tags_key": ["aliyun"], "tags_value": ["<script>"]}))
    assert "The tag aliyun cannot start with aliyun or acs:." in html
    assert "<script>" not in re.sub(r"<script[ >].*?</script>", "", html)
    flow_log.refresh_from_db()
    assert flow_log.tags == {"team": "network"}


@pytest.mark.parametrize("sent", [("a\x00b", "c"), ("a", "c\x1bd"), ("a\x7fb", "")])
def test_tags_have_no_control_characters(
    page: Client, flow_log: FlowLog, here: str, sent: tuple[str, str]
) -> None:
    html = text(page.post(here, {"tags_key": [sent[0]], "tags_value": [sent[1]]}))
    assert "\N{REPLACEMENT CHARACTER}" in html
    assert "cannot contain control characters." in html
    flow_log.refresh_from_db()
    assert flow_log.tags == {"team": "network"}


def test_a_description_has_no_nul(page: Client, flow_log: FlowLog) -> None:
    response = page.post(
        f"{LIST}{flow_log.pk}/edit/", {"name": "web", "description": "a\x00b", "interval": "10"}
    )
    assert "Null characters are not allowed." in text(response)
    flow_log.refresh_from_db()
    assert flow_log.description == ""


def test_another_row_changes_nothing_yet(page: Client, flow_log: FlowLog, here: str) -> None:
    sent = {"tags_key": ["env", ""], "tags_value": ["test", ""], "refresh": "tag"}
    assert page.post(here, sent).content.decode().count('name="tags_key"') == 3
    flow_log.refresh_from_db()
    assert flow_log.tags == {"team": "network"}


def test_only_those_who_may_tag_get_there(client: Client, reader: User, stranger: User, here: str) -> None:
    client.force_login(reader)
    response = client.get(here)
    assert response.status_code == 403
    assert "vpc:TagResources" in text(response)
    client.force_login(stranger)
    assert client.get(here).status_code == 404
