"""The network pages: who may see and do what, what they show, and at which cost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape
from pytest_django.asserts import assertContains, assertNotContains

from console import policies
from console.models import Account, Change, Policy, User
from console.reference import SYSTEM_POLICIES, VPC_FULL
from flowlogs import services
from flowlogs.models import (
    Gateway,
    Instance,
    NetworkAcl,
    NetworkAclRule,
    NetworkInterface,
    RouteEntry,
    SecurityGroup,
    SecurityGroupRule,
    Vpc,
    VSwitch,
)
from flowlogs.networks.kinds import KINDS, NAVIGATION
from tests.flowlogs.conftest import MakeFlowLog, make_interface

HERE, ELSEWHERE = "cn-hangzhou", "cn-beijing"
XSS = '"><script>alert(1)</script>'
LOGGED_BY = 2
SWITCH = "vsw-vpc-1-a"
ENI = "eni-vsw-vpc-1-a-1"
NEW: dict[str, dict[str, str]] = {
    "vpc": {"name": "new", "cidr_blocks": "192.168.0.0/16"},
    "vswitch": {"vpc_id": "vpc-1", "cidr_block": "10.0.9.0/24"},
    "eni": {"vswitch_id": SWITCH, "private_ip": "10.0.0.90"},
    "instance": {"vpc_id": "vpc-1", "instance_type": "ecs.g7.large"},
    "security-group": {"vpc_id": "vpc-1", "name": "new"},
    "network-acl": {"vpc_id": "vpc-1", "name": "new"},
    "gateway": {"vpc_id": "vpc-1", "kind": "nat"},
    "route": {"destination": "192.0.2.0/24", "gateway_id": "ngw-1"},
    "security-group-rule": {"security_group_id": "sg-1", "direction": "ingress", "peer": "192.0.2.0/24"},
    "network-acl-rule": {"network_acl_id": "nacl-1", "direction": "egress", "order": "9"},
}
CHANGED: dict[str, dict[str, str]] = {
    **{slug: {**values, "name": "changed"} for slug, values in NEW.items()},
    "eni": {"vswitch_id": SWITCH, "private_ip": "10.0.0.1", "name": "changed"},
    "vpc": {"cidr_blocks": "10.0.0.0/8", "name": "changed"},
    "vswitch": {"cidr_block": "10.0.0.0/24", "name": "changed"},
    "route": {"destination": "203.0.113.0/24", "gateway_id": "ngw-1"},
}
FREE = ("eni", "network-acl", "route", "security-group-rule", "network-acl-rule")
"""Kinds whose resource of the scene nothing uses."""
PAGES = [
    (kind.slug, page)
    for kind in KINDS.values()
    for page in ("list", "create", "detail", "edit", "delete", "import", "export")
    if not (page == "detail" and kind.part_of)
]
NETWORK_PAGES = {f"{slug}-{page}" for slug, page in PAGES} | {f"{slug}-batch" for slug in KINDS}
"""The addresses; those of batches have tests of their own."""
ACTION_OF = {"list": "list", "detail": "list", "export": "list", "import": "create"}
WRITES = [(slug, page) for slug, page in PAGES if page not in ("list", "detail", "export")]
NAMED = [(slug, page) for slug, page in PAGES if page in ("detail", "edit", "delete")]


@pytest.fixture
def scene(vpc: Vpc, settings: Any, tmp_path: Path) -> dict[str, Any]:
    """One resource of each kind, and a folder for files."""
    settings.FLOWLOG_STORE = tmp_path
    group = SecurityGroup.objects.create(pk="sg-1", vpc=vpc, name="web")
    acl = NetworkAcl.objects.create(pk="nacl-1", vpc=vpc, name="list")
    gateway = Gateway.objects.create(pk="ngw-1", vpc=vpc, kind="nat", name="out")
    rule = SecurityGroupRule.objects.create(security_group=group, direction="ingress", cidr="0.0.0.0/0")
    acl_rule = NetworkAclRule.objects.create(network_acl=acl, direction="ingress", order=1, policy="accept")
    route = RouteEntry.objects.create(vpc=vpc, gateway=gateway, destination="0.0.0.0/0")
    NetworkInterface.objects.get(pk=ENI).security_groups.add(group)
    return {
        "vpc": "vpc-1", "vswitch": SWITCH, "eni": ENI, "instance": "i-vsw-vpc-1-a-1", "security-group": "sg-1",
        "network-acl": "nacl-1", "gateway": "ngw-1", "route": route.pk, "security-group-rule": rule.pk,
        "network-acl-rule": acl_rule.pk,
    }  # fmt: skip


def address(scene: dict[str, Any], slug: str, page: str, region: str = HERE) -> str:
    named = [scene[slug]] if page in ("detail", "edit", "delete") else []
    return reverse(f"flowlogs:{slug}-{page}", args=[region, *named])


def ask(
    client: Client, scene: dict[str, Any], slug: str, page: str, region: str = HERE, **headers: str
) -> Any:
    """Read a page, or do what it is for."""
    url = address(scene, slug, page, region)
    if (slug, page) not in WRITES:
        return client.get(url, headers=headers)
    kind = KINDS[slug]
    resource = kind.model.objects.get(pk=scene[slug])
    posts = {
        "create": NEW[slug],
        "edit": CHANGED[slug],
        "delete": {"confirmation": kind.named(resource)},
        "import": {"text": json.dumps([NEW[slug]])},
    }
    return client.post(url, posts[page], headers=headers)


def confirmed(client: Client, sent: Any) -> dict[str, str]:
    """Return what the preview of a file sends to confirm it."""
    page = client.get(sent["Location"]).content.decode()
    return dict(re.findall(r'type="hidden" name="(draft|effect)" value="(\w+)"', page))


def state() -> list[Any]:
    """Return all that a page could change."""
    return [
        Change.objects.count(),
        *(list(kind.model.objects.order_by("pk").values()) for kind in KINDS.values()),
    ]


@pytest.mark.parametrize(("slug", "page"), PAGES)
def test_a_stranger_without_a_session_is_sent_to_the_login_page(
    client: Client, scene: dict[str, Any], slug: str, page: str
) -> None:
    before = state()
    assert ask(client, scene, slug, page)["Location"].startswith(reverse("console:login"))
    assert state() == before


@pytest.mark.parametrize(("slug", "page"), NAMED)
def test_others_and_other_regions_find_nothing(
    client: Client, scene: dict[str, Any], owner: User, stranger: User, slug: str, page: str
) -> None:
    before = state()
    client.force_login(stranger)
    assert ask(client, scene, slug, page).status_code == 404
    client.force_login(owner)
    assert ask(client, scene, slug, page, ELSEWHERE).status_code == 404
    assert client.get(address({**scene, slug: "nothing-here"}, slug, page)).status_code == 404
    assert state() == before


@pytest.mark.parametrize("slug", KINDS)
def test_lists_and_files_of_another_account_are_empty(
    client: Client, scene: dict[str, Any], stranger: User, slug: str
) -> None:
    client.force_login(stranger)
    page = client.get(address(scene, slug, "list") + "?page_size=30").content.decode()
    assert "Nothing here yet" in page
    file = b"".join(client.get(address(scene, slug, "export")).streaming_content).decode()  # type: ignore[attr-defined]
    assert file.count("\n") == 1


@pytest.mark.parametrize(("slug", "page"), WRITES)
def test_who_may_only_read_is_told_which_action_is_missing(
    client: Client, scene: dict[str, Any], reader: User, slug: str, page: str
) -> None:
    client.force_login(reader)
    before = state()
    for headers in ({}, {"HX_Request": "true"}):
        response = ask(client, scene, slug, page, **headers)
        assert response.status_code == 403
        assert KINDS[slug].actions[ACTION_OF.get(page, page)] in response.content.decode()
    assert state() == before


@pytest.mark.parametrize(("slug", "page"), [each for each in PAGES if each not in WRITES])
def test_who_may_only_read_reads_and_sees_why_nothing_else(
    client: Client, scene: dict[str, Any], reader: User, slug: str, page: str
) -> None:
    client.force_login(reader)
    response = client.get(address(scene, slug, page))
    assert response.status_code == 200
    if page != "export":
        assertContains(response, f"You need the permission {KINDS[slug].actions['edit']}.")


@pytest.mark.parametrize(("slug", "page"), PAGES)
def test_a_user_without_any_policy_sees_nothing(
    client: Client, scene: dict[str, Any], account: Account, slug: str, page: str
) -> None:
    client.force_login(User.objects.create_user("carol", account=account))
    response = ask(client, scene, slug, page)
    assert response.status_code == 403
    assert KINDS[slug].actions[ACTION_OF.get(page, page)] in response.content.decode()


@pytest.mark.parametrize(("slug", "page"), PAGES)
def test_the_owner_reads_every_page(
    client: Client, scene: dict[str, Any], owner: User, slug: str, page: str
) -> None:
    client.force_login(owner)
    before = state()
    response = client.get(address(scene, slug, page))
    assert response.status_code == 200
    assert page == "export" or len(response.content) <= 60_000
    assert state() == before


@pytest.mark.parametrize(("slug", "page"), WRITES)
def test_the_owner_does_what_a_page_is_for(
    client: Client, scene: dict[str, Any], owner: User, slug: str, page: str
) -> None:
    client.force_login(owner)
    before = state()
    if page == "delete" and slug not in FREE:
        assert ask(client, scene, slug, page).status_code == 200
        assert state() == before
        return
    response = ask(client, scene, slug, page)
    assert response.status_code == 302
    if page == "import":
        assert state() == before
        assertContains(client.get(response["Location"]), "To be created")
        assert client.post(address(scene, slug, page), confirmed(client, response)).status_code == 302
    assert state() != before


@pytest.mark.parametrize(("slug", "page"), WRITES)
def test_without_its_token_a_form_changes_nothing(
    scene: dict[str, Any], owner: User, slug: str, page: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    before = state()
    for headers in ({}, {"HX_Request": "true"}):
        assert ask(client, scene, slug, page, **headers).status_code == 403
    assert state() == before


@pytest.mark.parametrize(("slug", "page"), [each for each in PAGES if each[1] != "export"])
def test_what_people_name_things_is_escaped(
    client: Client, scene: dict[str, Any], owner: User, slug: str, page: str
) -> None:
    for model in (Vpc, VSwitch, NetworkInterface, Instance, SecurityGroup, NetworkAcl, Gateway):
        model.objects.update(name=XSS)
    Vpc.objects.update(description=XSS)
    SecurityGroupRule.objects.update(description=XSS)
    VSwitch.objects.update(zone_id=XSS)
    Change.objects.create(
        account=owner.account, action=XSS, resource_type=KINDS[slug].type, resource_id=str(scene[slug]),
        user_name=XSS, values={XSS: [XSS, XSS]},
    )  # fmt: skip
    client.force_login(owner)
    assertNotContains(client.get(address(scene, slug, page)), "<script>alert")


def test_what_is_refused_comes_back_escaped_and_beside_its_field(
    client: Client, scene: dict[str, Any], owner: User
) -> None:
    client.force_login(owner)
    response = client.post(address(scene, "eni", "create"), {**NEW["eni"], "private_ip": XSS})
    assertNotContains(response, "<script>alert")
    assertContains(response, "is not an IPv4 address")
    response = client.post(address(scene, "eni", "import"), {"text": f"id,{XSS}\neni-1,{XSS}"}, follow=True)
    assertNotContains(response, "<script>alert")
    assertContains(response, "nothing will be imported")


def count(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("slug", ["vpc", "vswitch", "eni", "instance"])
@pytest.mark.parametrize("page", ["list", "detail"])
def test_pages_cost_the_same_queries_for_few_and_many(
    client: Client, scene: dict[str, Any], owner: User, vpc: Vpc, slug: str, page: str
) -> None:
    client.force_login(owner)
    url = address(scene, slug, page) + "?page_size=10"
    for number in range(20, 24):
        make_interface(VSwitch.objects.get(pk=SWITCH), number)
    few = count(client, url)
    for number in range(30, 38):
        VSwitch.objects.create(pk=f"vsw-{number}", vpc=vpc, cidr_block=f"10.0.{number}.0/24")
        make_interface(VSwitch.objects.get(pk=f"vsw-{number}"), 1).security_groups.add("sg-1")
        Vpc.objects.create(pk=f"vpc-{number}", account=vpc.account, region=vpc.region)
    # counting begins with the second page
    assert count(client, url) <= few + 1
    assert few <= 25


def pages_of(client: Client, url: str) -> list[list[str]]:
    """Follow the pages of a list to its end and return the names on each."""
    found, query = [], ""
    while True:
        response = client.get(url + query)
        found.append([row.name for row in response.context["table"].rows])
        following = response.context["pager"]["next"]
        if following is None:
            return found
        query = f"&after={following}"


@pytest.mark.parametrize("sort", ["name", "-name"])
def test_pages_follow_each_other_without_gap_or_repetition(
    client: Client, scene: dict[str, Any], owner: User, vpc: Vpc, sort: str
) -> None:
    Instance.objects.bulk_create(
        Instance(pk=f"i-{number:02}", vpc=vpc, name=f"same-{number % 3}", instance_type="ecs.g7.large")
        for number in range(25)
    )
    client.force_login(owner)
    url = address(scene, "instance", "list") + f"?search=same&page_size=10&sort={sort}"
    pages = pages_of(client, url)
    assert [len(page) for page in pages] == [10, 10, 5]
    names = [name for page in pages for name in page]
    assert names == sorted(names, reverse=sort.startswith("-"))
    last = client.get(url + "&after=" + client.get(url).context["pager"]["next"])
    back = client.get(url + f"&before={last.context['pager']['previous']}")
    assert [row.name for row in back.context["table"].rows] == pages[0]
    assert back.context["pager"]["previous"] is None
    assert back.context["pager"]["total"] == "25"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=10.0.0.2", ["web-2"]),
        ("search=10.0.1", ["web-1"]),
        ("search=203.0", ["web-2"]),
        ("search=WEB-2", ["web-2"]),
        ("search=vsw-vpc-1-b", ["web-1"]),
        ("search=web+2", ["web-2"]),
        ("search=nobody", []),
        ("vswitch=vsw-vpc-1-b", ["web-1"]),
        ("security_group=sg-1", ["web-1"]),
        ("vpc=vpc-2", []),
        ("vpc=vpc-1&search=web-2&sort=-name", ["web-2"]),
        ("after=nothing&sort=rubbish&page_size=7", ["web-1", "web-1", "web-2"]),
    ],
)
def test_lists_are_searched_and_filtered_in_their_address(
    client: Client, scene: dict[str, Any], owner: User, query: str, found: list[str]
) -> None:
    NetworkInterface.objects.filter(name="web-2").update(public_ip="203.0.113.7")
    client.force_login(owner)
    response = client.get(address(scene, "eni", "list") + "?" + query)
    assert [row.name for row in response.context["table"].rows] == found
    if not found:
        assertContains(response, "Clear filter")


WEB_1, WEB_2, WEB_B = ENI, "eni-vsw-vpc-1-a-2", "eni-vsw-vpc-1-b-1"


@pytest.mark.parametrize(
    ("watched", "loggers"),
    [
        ([], {}),
        ([("VPC", "vpc-1")], {WEB_1: "log-0", WEB_2: "log-0", WEB_B: "log-0"}),
        ([("VSwitch", SWITCH)], {WEB_1: "log-0", WEB_2: "log-0"}),
        ([("NetworkInterface", WEB_B)], {WEB_B: "log-0"}),
        (
            [("NetworkInterface", WEB_1), ("VSwitch", SWITCH)],
            {WEB_1: "log-1 +1", WEB_2: "log-1"},
        ),
        (
            [("NetworkInterface", WEB_1), ("NetworkInterface", WEB_2), ("NetworkInterface", WEB_B)],
            {WEB_1: "log-0", WEB_2: "log-1", WEB_B: "log-2"},
        ),
    ],
    ids=["nothing", "vpc", "vswitch", "eni", "vswitch-and-eni", "every-eni"],
)
@pytest.mark.parametrize("few", [500, 0], ids=["few-vswitches", "many-vswitches"])
def test_the_list_of_enis_says_what_logs_each_and_is_narrowed_by_it(
    client: Client,
    scene: dict[str, Any],
    owner: User,
    make_flow_log: MakeFlowLog,
    monkeypatch: pytest.MonkeyPatch,
    watched: list[tuple[str, str]],
    loggers: dict[str, str],
    few: int,
) -> None:
    monkeypatch.setattr("flowlogs.networks.interfaces.MOST_BARE", few)
    for number, (kind, pk) in enumerate(watched):
        make_flow_log(name=f"log-{number}", resource_type=kind, resource_id=pk)
    client.force_login(owner)
    url = address(scene, "eni", "list")
    assert logged_by(client, url) == {**dict.fromkeys((WEB_1, WEB_2, WEB_B), "Nothing"), **loggers}
    assert logged_by(client, f"{url}?logged=yes") == loggers
    assert logged_by(client, f"{url}?logged=no").keys() == {WEB_1, WEB_2, WEB_B} - loggers.keys()
    assert logged_by(client, f"{url}?logged=perhaps") == {}
    bare_there = {WEB_1, WEB_2} - loggers.keys()
    assert logged_by(client, f"{url}?vswitch={SWITCH}&logged=no").keys() == bare_there


def logged_by(client: Client, url: str) -> dict[str, str]:
    """Return what the list of ENIs says of each in the column after name and addresses."""
    rows = client.get(url).context["table"].rows
    cells = {row.resource.pk: row.cells[LOGGED_BY].cell for row in rows}
    return {pk: f"{cell.text} {cell.sub}".strip() for pk, cell in cells.items()}


def test_a_flow_log_that_is_stopped_logs_nothing_in_the_list(
    client: Client, scene: dict[str, Any], owner: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log()
    client.force_login(owner)
    url = address(scene, "eni", "list")
    assertContains(client.get(url), f'href="/{HERE}/flow-logs/{flow_log.pk}/"', count=3)
    services.stop(flow_log, None)
    services.finish_transition(flow_log.pk)
    assertNotContains(client.get(url), flow_log.name)
    assert len(logged_by(client, f"{url}?logged=no")) == 3


def test_flow_logs_are_named_only_to_those_who_may_see_them(
    client: Client, scene: dict[str, Any], reader: User, make_flow_log: MakeFlowLog
) -> None:
    flow_log = make_flow_log(name="secret-log")
    client.force_login(reader)
    url = address(scene, "eni", "list")
    assertContains(client.get(url), flow_log.name)
    denied = {"Effect": "Deny", "Action": "vpc:DescribeFlowLogs", "Resource": "*"}
    document = {"Version": "1", "Statement": [denied]}
    reader.policies.add(Policy.objects.create(account=reader.account, name="no-logs", document=document))
    assertNotContains(client.get(url), flow_log.name)


def test_details_of_an_eni_say_what_covers_it(
    client: Client, owner: User, make_flow_log: MakeFlowLog, scene: dict[str, Any]
) -> None:
    make_flow_log(name="all-of-it", interval=5)
    client.force_login(owner)
    page = client.get(address(scene, "eni", "detail"))
    assertContains(page, "all-of-it")
    assertContains(page, "5 minutes")
    make_flow_log(name="of-the-vswitch", resource_type="VSwitch", resource_id=SWITCH)
    assertContains(client.get(address(scene, "vswitch", "detail")), "of-the-vswitch")
    assertContains(client.get(address(scene, "vpc", "detail")), "of-the-vswitch")


def test_a_file_with_an_error_writes_nothing_even_when_confirmed(
    client: Client, scene: dict[str, Any], owner: User
) -> None:
    client.force_login(owner)
    url = address(scene, "vswitch", "import")
    text = "id,vpc_id,cidr_block\nvsw-x,vpc-1,10.7.0.0/24\nvsw-y,vpc-1,10.0.0.0/25\n"
    response = client.post(url, {"file": SimpleUploadedFile("x.csv", text.encode())}, follow=True)
    assertContains(response, "1 error: nothing will be imported")
    assertContains(response, "The CIDR block overlaps with that of vsw-vpc-1-a.")
    draft = response.redirect_chain[0][0].partition("draft=")[2]
    before = state()
    assertContains(client.post(url, {"draft": draft}), "1 error: nothing will be imported")
    assert state() == before


def test_what_is_confirmed_is_what_the_preview_showed(
    client: Client, scene: dict[str, Any], owner: User
) -> None:
    client.force_login(owner)
    url = address(scene, "eni", "import")
    text = json.dumps([{"id": ENI, "vswitch_id": SWITCH, "private_ip": "10.0.0.1", "name": "from-the-file"}])
    post = confirmed(client, client.post(url, {"text": text}))
    NetworkInterface.objects.filter(pk=ENI).update(name="by-another")
    before = state()
    answer = client.post(url, post, follow=True)
    assertContains(answer, "The network was changed meanwhile.")
    assertContains(answer, "by-another → from-the-file")
    assertContains(
        client.post(url, {"draft": post["draft"]}, follow=True), "The network was changed meanwhile."
    )
    assert state() == before
    again = {**post, "effect": answer.context["batch"].effect}
    assert client.post(url, again)["Location"] == address(scene, "eni", "list")
    assert NetworkInterface.objects.get(pk=ENI).name == "from-the-file"


def test_what_others_change_elsewhere_leaves_a_preview_as_it_is(
    client: Client, scene: dict[str, Any], owner: User
) -> None:
    client.force_login(owner)
    url = address(scene, "vpc", "import")
    post = confirmed(client, client.post(url, {"text": json.dumps([NEW["vpc"]])}))
    client.post(address(scene, "eni", "edit"), CHANGED["eni"])
    assert client.post(url, post)["Location"] == address(scene, "vpc", "list")


def test_who_may_not_do_what_a_file_says_is_told_before_they_read_it(
    client: Client, scene: dict[str, Any], reader: User
) -> None:
    create = {"Effect": "Allow", "Action": "vpc:CreateVpc", "Resource": "*"}
    reader.policies.add(
        Policy.objects.create(
            account=reader.account, name="creates", document={"Version": "1", "Statement": [create]}
        )
    )
    client.force_login(reader)
    url = address(scene, "vpc", "import")
    new, changed = ([NEW["vpc"]], [{"id": "vpc-1", "name": "changed"}])
    assertContains(client.post(url, {"text": json.dumps(new)}, follow=True), "To be created")
    answer = client.post(url, {"text": json.dumps(changed)}, follow=True)
    assert answer.status_code == 403
    assert "vpc:ModifyVpcAttribute" in answer.content.decode()


def test_a_page_says_how_much_it_takes_and_where_it_stopped(
    client: Client, scene: dict[str, Any], owner: User
) -> None:
    client.force_login(owner)
    url = address(scene, "vpc", "import")
    assertContains(client.get(url), "At most 100,000 rows and 16 MB.")
    answer = client.post(url, {"text": "cidr_blocks\n" + "x\n" * 1500}, follow=True)
    assertContains(answer, "More than 1,000 errors: nothing will be imported")
    assertContains(answer, "800 more errors are not shown.")
    assertContains(answer, "What stands after line 1,001 was not checked.")


def test_a_text_with_an_error_stays_in_the_form(client: Client, scene: dict[str, Any], owner: User) -> None:
    client.force_login(owner)
    text = '\n[{"id": "vpc-7", "color": 1}, {"id": }]</textarea>'
    stays = escape(text)
    response = client.post(address(scene, "vpc", "import"), {"text": text}, follow=True)
    assertContains(response, f">\n{stays}</textarea>")
    assertContains(response, "This is not JSON: a value is missing here.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "id,name,cidr_blocks\n\nvpc-7,http://x,10.7.0.0/16\n",
            [{"Line": "3", "Column": "name"}],
            id="csv",
        ),
        pytest.param(
            '[{"cidr_blocks": "10.7.0.0/16", "color": 1},\n  {"id": }]',
            [
                {"Object": "1", "Line": "1", "Character": "2", "Field": "color"},
                {"Object": "2", "Line": "2", "Character": "10", "Field": "-"},
            ],
            id="json",
        ),
    ],
)
def test_each_column_of_the_errors_says_one_thing(
    client: Client, scene: dict[str, Any], owner: User, text: str, expected: list[dict[str, str]]
) -> None:
    client.force_login(owner)
    page = client.post(address(scene, "vpc", "import"), {"text": text}, follow=True).content.decode()
    table = page.partition('aria-labelledby="errors-title"')[2].partition("</table>")[0]
    headings = re.findall(r"<th [^>]*>(.*?)</th>", table)
    assert headings == [*expected[0], "Error"]
    rows = [re.findall(r'<td [^>]*data-label="(.*?)">(.*?)</td>', row) for row in table.split("<tr>")[2:]]
    assert [{name: value for name, value in row if name != "Error"} for row in rows] == expected


def test_a_draft_is_of_one_account_and_one_kind(
    client: Client, scene: dict[str, Any], owner: User, stranger: User
) -> None:
    client.force_login(owner)
    sent = client.post(address(scene, "vpc", "import"), {"text": json.dumps([NEW["vpc"]])})
    draft = sent["Location"].partition("draft=")[2]
    before = state()
    for user, slug in ((owner, "vswitch"), (stranger, "vpc")):
        client.force_login(user)
        response = client.post(address(scene, slug, "import"), {"draft": draft})
        assertContains(response, "The file is no longer kept.")
    client.force_login(owner)
    assertContains(client.post(address(scene, "vpc", "import"), {"draft": "../../x"}), "no longer kept")
    assert state() == before


@pytest.mark.parametrize(
    ("post", "said"),
    [
        ({"text": " "}, "There is nothing to import"),
        ({"file": SimpleUploadedFile("x.csv", b"\xff\xfe\x00")}, "The file is not UTF-8 text."),
    ],
)
def test_a_file_that_cannot_be_read_is_said_so(
    client: Client, scene: dict[str, Any], owner: User, post: dict[str, Any], said: str
) -> None:
    client.force_login(owner)
    assertContains(client.post(address(scene, "vpc", "import"), post), said)


def test_an_export_is_what_the_list_is_narrowed_to(
    client: Client, scene: dict[str, Any], owner: User
) -> None:
    client.force_login(owner)
    response = client.get(address(scene, "eni", "export") + "?format=json&search=10.0.0.2")
    assert response["Content-Disposition"] == 'attachment; filename="enis-cn-hangzhou.json"'
    [eni] = json.loads(b"".join(response.streaming_content))  # type: ignore[attr-defined]
    assert (eni["id"], eni["private_ip"]) == ("eni-vsw-vpc-1-a-2", "10.0.0.2")


@pytest.mark.parametrize("slug", KINDS)
def test_the_system_policy_of_full_access_allows_all(slug: str) -> None:
    _, document = SYSTEM_POLICIES[VPC_FULL]
    for verb in KINDS[slug].actions:
        assert policies.allow([document], *KINDS[slug].permission(verb, HERE, "1000000000000042", "x"))


def test_deleting_wants_the_name(client: Client, scene: dict[str, Any], owner: User) -> None:
    client.force_login(owner)
    response = client.post(address(scene, "eni", "delete"), {"confirmation": "another"})
    assertContains(response, "That is not its name.")
    assert NetworkInterface.objects.filter(pk=ENI).exists()


def test_what_is_not_empty_cannot_be_deleted_and_says_why(
    client: Client, scene: dict[str, Any], owner: User
) -> None:
    client.force_login(owner)
    for slug, named in (("vpc", SWITCH), ("vswitch", ENI), ("instance", ENI), ("security-group", ENI)):
        response = client.get(address(scene, slug, "delete"))
        assertContains(response, named)
        assertContains(response, '<button class="button button-danger" disabled>')
        assertNotContains(response, 'name="confirmation"')
    response = client.get(address(scene, "eni", "delete"))
    assertContains(response, '<button class="button button-danger">')
    assertContains(response, 'name="confirmation"')


def test_an_eni_that_nothing_covers_leads_to_its_flow_log(
    client: Client, scene: dict[str, Any], owner: User
) -> None:
    client.force_login(owner)
    form = f"/{HERE}/flow-logs/create/?resource_type=NetworkInterface&amp;resource_id={ENI}"
    assertContains(client.get(address(scene, "eni", "detail")), f'href="{form}" data-panel')


def test_every_kind_has_a_line_in_the_navigation(client: Client, scene: dict[str, Any], owner: User) -> None:
    client.force_login(owner)
    page = client.get(address(scene, "vpc", "list")).content.decode()
    for kind in NAVIGATION:
        assert f'href="/cn-hangzhou/{kind.path}/"' in page
