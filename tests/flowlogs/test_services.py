"""The life cycle of flow logs, and what may be done in which state by whom."""

from typing import Any

import pytest

from console import changes
from console import services as accounts
from console.access import ActionDenied
from console.models import Account, Policy, Region, User
from flowlogs import services
from flowlogs.models import Coverage, Exporter, FlowLog, Instance, Logstore, Project, Vpc
from flowlogs.rules import FlowLogValues, RuleError
from tests.flowlogs.conftest import MakeFlowLog, make_vpc

Status = FlowLog.Status


def codes(error: pytest.ExceptionInfo[RuleError]) -> list[str]:
    return [violation.code for violation in error.value.violations]


def test_a_new_flow_log_starts_by_itself(make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log(owner, finished=False, name="网络-log", description="all of it")
    assert flow_log.status == Status.ACTIVATING
    services.finish_transition(flow_log.pk)
    flow_log.refresh_from_db()
    assert flow_log.status == Status.ACTIVE
    assert flow_log.name == "网络-log"
    assert flow_log.pk.startswith("fl-")
    assert len(flow_log.pk) == len("fl-") + 21


def test_a_task_is_enqueued_when_the_transaction_commits(
    make_flow_log: MakeFlowLog, owner: User, django_capture_on_commit_callbacks: Any, monkeypatch: Any
) -> None:
    sent: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        "celery.app.base.Celery.send_task", lambda app, name, args, **more: sent.append((name, args))
    )
    with django_capture_on_commit_callbacks(execute=True):
        flow_log = make_flow_log(owner, finished=False)
        assert sent == []
    assert sent == [("flowlogs.apply_flow_log", [flow_log.pk])]


def test_each_action_of_a_user_is_written_down(make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log(owner, name="first")
    services.modify(flow_log, owner, name="other", description="")
    services.modify(flow_log, owner, name="other")
    services.modify(flow_log, owner, interval=1)
    services.finish_transition(flow_log.pk)
    services.stop(flow_log, owner)
    services.finish_transition(flow_log.pk)
    services.start(flow_log, None)
    services.finish_transition(flow_log.pk)
    services.delete(flow_log, owner)
    services.finish_transition(flow_log.pk)
    with pytest.raises(RuleError):
        services.stop(flow_log, owner)
    created, *later = reversed(changes.history(flow_log.pk))
    assert (created.action, created.user, created.account, created.region_id) == (
        *("vpc:CreateFlowLog", owner, owner.account, flow_log.region_id),
    )
    assert created.values["name"] == [None, "first"]
    assert created.values["logstore_name"] == [None, "flows"]
    assert [(change.action, change.user_name, change.values) for change in later] == [
        ("vpc:ModifyFlowLogAttribute", "alice", {"name": ["first", "other"]}),
        (
            "vpc:ModifyFlowLogAttribute",
            "alice",
            {"interval": [10, 1], "status": ["Active", "Modifying"]},
        ),
        ("vpc:DeactiveFlowLog", "alice", {"status": ["Active", "Deactivating"]}),
        ("vpc:ActiveFlowLog", "", {"status": ["Inactive", "Activating"]}),
        ("vpc:DeleteFlowLog", "alice", {"status": ["Active", "Deleting"]}),
    ]


def test_what_stops_by_itself_is_written_down(make_flow_log: MakeFlowLog, logstore: Logstore) -> None:
    flow_log = make_flow_log()
    services.delete_logstore(logstore, None)
    change = changes.history(flow_log.pk)[0]
    assert (change.action, change.user_name, change.values) == (
        "vpc:DeactiveFlowLog",
        "",
        {"status": ["Active", "Inactive"], "delivery_error": ["", "LogstoreNotExist"]},
    )


def test_an_empty_name_becomes_the_id(make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log(owner)
    assert flow_log.name == flow_log.pk
    services.modify(flow_log, owner, name="named")
    services.modify(flow_log, owner, name="")
    assert flow_log.name == flow_log.pk


def test_defaults_are_the_documented_ones(make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log()
    assert (flow_log.interval, flow_log.traffic_type, flow_log.ip_version, flow_log.traffic_paths) == (
        10,
        "All",
        "IPv4",
        [],
    )


def test_start_stop_and_delete_go_through_transient_states(make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log()
    seen = []
    for action in (services.stop, services.start, services.stop, services.delete):
        action(flow_log, owner)
        seen.append(flow_log.status)
        services.finish_transition(flow_log.pk)
        if action is not services.delete:
            flow_log.refresh_from_db()
            seen.append(flow_log.status)
    assert seen == [
        "Deactivating",
        "Inactive",
        "Activating",
        "Active",
        "Deactivating",
        "Inactive",
        "Deleting",
    ]
    assert not FlowLog.objects.exists()


ACTIONS = {
    "start": lambda flow_log, by: services.start(flow_log, by),
    "stop": lambda flow_log, by: services.stop(flow_log, by),
    "delete": lambda flow_log, by: services.delete(flow_log, by),
    "modify": lambda flow_log, by: services.modify(flow_log, by, name="other"),
    "interval": lambda flow_log, by: services.modify(flow_log, by, interval=1),
}
ALLOWED = {
    Status.ACTIVE: {"stop", "delete", "modify", "interval"},
    Status.INACTIVE: {"start", "delete", "modify", "interval"},
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("status", Status.values)
def test_actions_out_of_state_get_the_documented_error(
    make_flow_log: MakeFlowLog, owner: User, status: str, action: str
) -> None:
    flow_log = make_flow_log()
    FlowLog.objects.update(status=status)
    flow_log.refresh_from_db()
    if action in ALLOWED.get(Status(status), set()):
        ACTIONS[action](flow_log, owner)
        return
    with pytest.raises(RuleError) as error:
        ACTIONS[action](flow_log, owner)
    assert codes(error) == ["IncorrectStatus.flowlog"]
    assert str(error.value) == "Invalid flowlog status."
    flow_log.refresh_from_db()
    assert (flow_log.status, flow_log.interval) == (status, 10)


@pytest.mark.parametrize(
    ("missing", "code", "said"),
    [
        ("project", "StartWithoutProject", "Create a project and a Logstore with the same names"),
        ("logstore", "StartWithoutLogstore", "Create a Logstore with the same name"),
        ("role", "GateAuthorize", "not authorized"),
    ],
)
def test_what_could_not_deliver_does_not_start(
    make_flow_log: MakeFlowLog, owner: User, account: Account, missing: str, code: str, said: str
) -> None:
    flow_log = make_flow_log()
    FlowLog.objects.update(status=Status.INACTIVE, delivery_status="FAILED", delivery_error="UnknownError")
    {"project": Project.objects.all(), "logstore": Logstore.objects.all(), "role": account.roles.all()}[
        missing
    ].delete()
    with pytest.raises(RuleError) as error:
        services.start(flow_log, owner)
    assert codes(error) == [code]
    assert said in str(error.value)
    flow_log.refresh_from_db()
    assert (flow_log.status, flow_log.delivery_error) == (Status.INACTIVE, "UnknownError")


def test_of_two_who_stop_at_once_one_is_refused(make_flow_log: MakeFlowLog, owner: User) -> None:
    make_flow_log()
    first, second = FlowLog.objects.get(), FlowLog.objects.get()
    services.stop(first, owner)
    with pytest.raises(RuleError) as error:
        services.stop(second, owner)
    assert codes(error) == ["IncorrectStatus.flowlog"]


def test_finishing_twice_or_after_the_end_changes_nothing(make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log()
    services.finish_transition(flow_log.pk)
    flow_log.refresh_from_db()
    assert flow_log.status == Status.ACTIVE
    services.delete(flow_log, owner)
    services.finish_transition(flow_log.pk)
    services.finish_transition(flow_log.pk)
    assert not FlowLog.objects.exists()


def test_a_change_of_interval_takes_a_started_flow_log_through_modifying(
    make_flow_log: MakeFlowLog, owner: User
) -> None:
    flow_log = make_flow_log()
    services.modify(flow_log, owner, interval=5, description="five minutes")
    assert flow_log.status == Status.MODIFYING
    services.finish_transition(flow_log.pk)
    flow_log.refresh_from_db()
    assert (flow_log.status, flow_log.interval, flow_log.description) == (Status.ACTIVE, 5, "five minutes")


def test_what_is_not_started_is_modified_at_once(make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log()
    FlowLog.objects.update(status=Status.INACTIVE)
    services.modify(flow_log, owner, interval=5)
    flow_log.refresh_from_db()
    assert (flow_log.status, flow_log.interval) == (Status.INACTIVE, 5)


def test_modify_keeps_the_rules(make_flow_log: MakeFlowLog, owner: User) -> None:
    flow_log = make_flow_log()
    with pytest.raises(RuleError) as error:
        services.modify(flow_log, owner, name="1", description="x", interval=2)
    assert codes(error) == ["NameLength", "NameStart", "DescriptionLength", "Interval"]
    assert FlowLog.objects.get().interval == 10


@pytest.mark.parametrize("gate", ["activate", "authorize", "log-service"])
def test_create_waits_for_every_gate(make_flow_log: MakeFlowLog, account: Account, gate: str) -> None:
    if gate == "authorize":
        account.roles.update(policy_name="")
    field = "flow_log_activated_at" if gate == "activate" else "log_service_activated_at"
    if gate != "authorize":
        Account.objects.filter(pk=account.pk).update(**{field: None})
        account.refresh_from_db()
    with pytest.raises(RuleError) as error:
        make_flow_log()
    expected = {"activate": "GateActivate", "authorize": "GateAuthorize", "log-service": "GateLogService"}
    assert codes(error) == [expected[gate]]
    assert not FlowLog.objects.exists()


def test_quota_is_10_in_a_region(make_flow_log: MakeFlowLog) -> None:
    for _ in range(10):
        make_flow_log()
    with pytest.raises(RuleError) as error:
        make_flow_log()
    assert codes(error) == ["Quota"]
    assert FlowLog.objects.count() == 10


def test_a_region_without_flow_logs_refuses(make_flow_log: MakeFlowLog, region: Region) -> None:
    region.flow_logs_available = False
    region.save()
    with pytest.raises(RuleError) as error:
        make_flow_log()
    assert codes(error) == ["RegionUnavailable"]


@pytest.mark.parametrize("kind", ["VPC", "VSwitch", "NetworkInterface"])
def test_a_blocked_instance_keeps_flow_logs_out_of_its_vpc(
    make_flow_log: MakeFlowLog, vpc: Vpc, kind: str
) -> None:
    for number in range(7):
        Instance.objects.create(pk=f"i-{number}", vpc=vpc, instance_type="ecs.n1.small")
    Instance.objects.create(pk="i-9", vpc=vpc, instance_type="ecs.n10.small")
    resource = {"VPC": "vpc-1", "VSwitch": "vsw-vpc-1-a", "NetworkInterface": "eni-vsw-vpc-1-a-1"}[kind]
    with pytest.raises(RuleError) as error:
        make_flow_log(resource_type=kind, resource_id=resource)
    assert codes(error) == ["InstanceFamily"]
    assert "i-0 (ecs.n1.small), i-1" in str(error.value)
    assert "+2" in str(error.value)
    assert "n10" not in str(error.value)


def test_an_instance_of_a_family_with_a_longer_name_blocks_nothing(
    make_flow_log: MakeFlowLog, vpc: Vpc
) -> None:
    Instance.objects.create(pk="i-9", vpc=vpc, instance_type="ecs.n10.small")
    assert make_flow_log().status == Status.ACTIVE


def test_a_resource_of_another_account_or_region_does_not_exist(
    make_flow_log: MakeFlowLog, stranger: User, region: Region, account: Account
) -> None:
    assert stranger.account is not None
    make_vpc(stranger.account, region, "vpc-other")
    make_vpc(account, Region.objects.get(pk="cn-beijing"), "vpc-far")
    for resource in ("vpc-other", "vpc-far", "vpc-none"):
        with pytest.raises(RuleError) as error:
            make_flow_log(resource_id=resource)
        assert codes(error) == ["ResourceNotExist"]


def test_a_project_must_be_in_the_region(make_flow_log: MakeFlowLog, account: Account) -> None:
    services.create_project(account, Region.objects.get(pk="cn-beijing"), None, "far")
    with pytest.raises(RuleError) as error:
        make_flow_log(project_name="far")
    assert codes(error) == ["ProjectRegion"]


@pytest.mark.parametrize(("report", "days"), [(True, 7), (False, 300)])
def test_a_new_logstore_keeps_7_days_with_the_report_else_300(
    make_flow_log: MakeFlowLog, report: bool, days: int
) -> None:
    make_flow_log(
        project_name="new",
        logstore_name="store",
        create_project=True,
        create_logstore=True,
        analysis_report=report,
    )
    logstore = Logstore.objects.get(name="store")
    assert (logstore.ttl, logstore.analysis_report, logstore.project.name) == (days, report, "new")


def test_an_existing_logstore_keeps_its_retention_until_the_report_is_switched_on(
    make_flow_log: MakeFlowLog, logstore: Logstore, owner: User
) -> None:
    services.set_retention(logstore, owner, 30)
    make_flow_log()
    logstore.refresh_from_db()
    assert (logstore.ttl, logstore.analysis_report) == (30, False)
    make_flow_log(analysis_report=True)
    logstore.refresh_from_db()
    assert (logstore.ttl, logstore.analysis_report) == (7, True)
    services.set_retention(logstore, owner, 30)
    make_flow_log(analysis_report=True)
    logstore.refresh_from_db()
    assert logstore.ttl == 30


def test_a_refused_create_leaves_no_project_behind(make_flow_log: MakeFlowLog) -> None:
    with pytest.raises(RuleError):
        make_flow_log(project_name="new", create_project=True, create_logstore=True, logstore_name="X")
    assert not Project.objects.filter(name="new").exists()


def test_a_user_who_may_not_create_projects_creates_nothing(
    make_flow_log: MakeFlowLog, reader: User, account: Account
) -> None:
    document = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "vpc:*", "Resource": "*"}]}
    reader.policies.create(account=account, name="network", document=document)
    with pytest.raises(ActionDenied) as denied:
        make_flow_log(User.objects.get(pk=reader.pk), project_name="new", create_project=True,
                      create_logstore=True)  # fmt: skip
    assert denied.value.action == "log:CreateProject"
    assert not FlowLog.objects.exists()
    assert not Project.objects.filter(name="new").exists()


WRITES = {
    "vpc:CreateFlowLog": lambda s, by: services.create_flow_log(
        s["account"],
        s["region"],
        by,
        resource_type="VPC",
        resource_id="vpc-1",
        project_name="logs",
        logstore_name="flows",
    ),
    "vpc:ActiveFlowLog": lambda s, by: services.start(s["flow_log"], by),
    "vpc:DeactiveFlowLog": lambda s, by: services.stop(s["flow_log"], by),
    "vpc:DeleteFlowLog": lambda s, by: services.delete(s["flow_log"], by),
    "vpc:ModifyFlowLogAttribute": lambda s, by: services.modify(s["flow_log"], by, name="other"),
    "vpc:BindExporter": lambda s, by: services.bind_exporter(s["exporter"], by, s["vpc"]),
    "vpc:UnbindExporter": lambda s, by: services.unbind_exporter(s["binding"], by),
    "vpc:ModifyExporter": lambda s, by: services.change_exporter(s["exporter"], by, name="other"),
    "log:CreateProject": lambda s, by: services.create_project(s["account"], s["region"], by, "new"),
    "log:CreateLogStore": lambda s, by: services.create_logstore(s["logstore"].project, by, "new"),
    "log:CreateIndex": lambda s, by: services.enable_analysis_report(s["logstore"], by),
    "log:UpdateLogStore": lambda s, by: services.set_retention(s["logstore"], by, 5),
    "log:DeleteLogStore": lambda s, by: services.delete_logstore(s["logstore"], by),
    "log:DeleteProject": lambda s, by: services.delete_project(s["logstore"].project, by),
}


@pytest.mark.parametrize("action", WRITES)
@pytest.mark.parametrize("who", ["reader", "stranger"])
def test_whoever_lacks_the_permission_changes_nothing(
    request: Any,
    make_flow_log: MakeFlowLog,
    account: Account,
    region: Region,
    vpc: Vpc,
    logstore: Logstore,
    action: str,
    who: str,
) -> None:
    exporter = Exporter.objects.create(pk="exp-1", account=account, region=region, address="192.0.2.1")
    scene = {
        "account": account,
        "region": region,
        "vpc": vpc,
        "logstore": logstore,
        "flow_log": make_flow_log(),
        "exporter": exporter,
        "binding": services.bind_exporter(exporter, None, vpc),
    }
    with pytest.raises(ActionDenied) as denied:
        WRITES[action](scene, request.getfixturevalue(who))
    assert denied.value.action == action


def test_violations_are_told_without_creating(account: Account, region: Region, vpc: Vpc) -> None:
    values = FlowLogValues("VPC", vpc.pk, "new", "store", create_project=True, create_logstore=True)
    assert services.violations(account, region, values) == []
    assert not FlowLog.objects.exists()
    assert not Project.objects.exists()


@pytest.mark.parametrize("target", ["logstore", "project"])
def test_a_deleted_target_stops_the_flow_log_and_making_it_again_continues(
    make_flow_log: MakeFlowLog, logstore: Logstore, owner: User, account: Account, region: Region, target: str
) -> None:
    flow_log = make_flow_log()
    services.delivery_succeeded([flow_log.pk])
    services.delete_logstore(logstore, owner)
    if target == "project":
        services.delete_project(logstore.project, owner)
    flow_log.refresh_from_db()
    code = "LogstoreNotExist" if target == "logstore" else "ProjectNotExist"
    assert (flow_log.status, flow_log.delivery_status, flow_log.delivery_error) == (
        Status.INACTIVE,
        "FAILED",
        code,
    )
    assert not Coverage.objects.filter(until__isnull=True).exists()

    project = Project.objects.filter(name="logs").first() or services.create_project(
        account, region, owner, "logs"
    )
    services.create_logstore(project, owner, "flows")
    services.start(flow_log, owner)
    services.finish_transition(flow_log.pk)
    flow_log.refresh_from_db()
    assert (flow_log.status, flow_log.delivery_status, flow_log.delivery_error) == (Status.ACTIVE, "", "")


def test_a_project_with_logstores_is_not_deleted(logstore: Logstore, owner: User) -> None:
    with pytest.raises(RuleError) as error:
        services.delete_project(logstore.project, owner)
    assert codes(error) == ["ProjectNotEmpty"]


def test_a_late_report_of_a_missing_target_does_not_stop_what_has_it_again(
    make_flow_log: MakeFlowLog,
) -> None:
    flow_log = make_flow_log()
    services.delivery_failed(flow_log.pk, "LogstoreNotExist")
    flow_log.refresh_from_db()
    assert (flow_log.status, flow_log.delivery_status) == (Status.ACTIVE, "")


def test_a_report_about_a_flow_log_that_is_gone_is_ignored(db: None) -> None:
    services.delivery_failed("fl-gone", "UnknownError")
    services.delivery_succeeded(["fl-gone"])


def test_a_failed_delivery_says_why_until_one_succeeds(make_flow_log: MakeFlowLog) -> None:
    flow_log = make_flow_log()
    services.delivery_failed(flow_log.pk, "UnknownError")
    flow_log.refresh_from_db()
    assert (flow_log.status, flow_log.delivery_status, flow_log.delivery_error) == (
        Status.ACTIVE,
        "FAILED",
        "UnknownError",
    )
    services.delivery_succeeded([flow_log.pk])
    flow_log.refresh_from_db()
    assert (flow_log.delivery_status, flow_log.delivery_error) == ("SUCCESS", "")


def test_revoking_says_so_at_once_and_authorizing_takes_it_back(
    make_flow_log: MakeFlowLog, owner: User, account: Account, django_capture_on_commit_callbacks: Any
) -> None:
    flow_log = make_flow_log()
    with django_capture_on_commit_callbacks(execute=True):
        accounts.revoke_delivery(account, owner)
    flow_log.refresh_from_db()
    assert (flow_log.status, flow_log.delivery_status, flow_log.delivery_error) == (
        Status.ACTIVE,
        "FAILED",
        "RoleRevoked",
    )
    with django_capture_on_commit_callbacks(execute=True):
        accounts.authorize_delivery(account, owner)
    flow_log.refresh_from_db()
    assert (flow_log.delivery_status, flow_log.delivery_error) == ("", ""), "it has delivered nothing yet"


def test_an_account_may_have_another_quota(owner: User, make_flow_log: MakeFlowLog) -> None:
    Account.objects.filter(pk=owner.account_id).update(flow_log_quota=1)
    make_flow_log()
    with pytest.raises(RuleError) as refused:
        make_flow_log(name="second")
    assert [violation.code for violation in refused.value.violations] == ["Quota"]


def test_an_account_may_switch_the_block_of_old_families_off(
    owner: User, vpc: Vpc, make_flow_log: MakeFlowLog
) -> None:
    Instance.objects.create(pk="i-old", vpc=vpc, instance_type="ecs.n1.small")
    with pytest.raises(RuleError):
        make_flow_log()
    Account.objects.filter(pk=owner.account_id).update(blocks_old_families=False)
    assert make_flow_log().pk


@pytest.mark.parametrize(
    ("resource_type", "resource_id", "denied"),
    [
        ("VPC", "vpc-1", "vpc/vpc-1"),
        ("VSwitch", "vsw-vpc-1-a", "vswitch/vsw-vpc-1-a"),
        ("VSwitch", "vsw-vpc-1-a", "vpc/vpc-1"),
        ("NetworkInterface", "eni-vsw-vpc-1-a-1", "vpc/*"),
    ],
)
def test_a_policy_may_forbid_flow_logs_of_one_vpc(
    reader: User, vpc: Vpc, make_flow_log: MakeFlowLog, resource_type: str, resource_id: str, denied: str
) -> None:
    statements = [
        {"Effect": "Allow", "Action": ["vpc:*", "log:*"], "Resource": "acs:*:*:*:flowlog/*"},
        {"Effect": "Allow", "Action": "log:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "vpc:CreateFlowLog", "Resource": f"acs:vpc:*:*:{denied}"},
    ]
    for number in (3, 2):
        document = {"Statement": statements[:number]}
        reader.policies.set(
            [Policy.objects.create(account=reader.account, name=f"{number}", document=document)]
        )
        by, asked = (
            User.objects.get(pk=reader.pk),
            {"resource_type": resource_type, "resource_id": resource_id},
        )
        if number == 3:
            with pytest.raises(ActionDenied, match="vpc:CreateFlowLog"):
                make_flow_log(by=by, **asked)
            assert not FlowLog.objects.exists()
        else:
            assert make_flow_log(by=by, **asked).pk
