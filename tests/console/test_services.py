"""Owners of accounts, and the gates that only they open."""

from collections.abc import Callable

import pytest

from console import access, services
from console.access import ActionDenied
from console.models import DELIVERY_POLICY, Account, Change, Role, User

Gate = Callable[[Account, User], None]


def test_ensure_owner_makes_account_owner_and_password_once(db: None) -> None:
    owner, password = services.ensure_owner("admin", "1000000000000007", "Mine", administrator=True)
    again, none = services.ensure_owner("other", "1000000000000007", "Other")
    assert password is not None
    assert len(password) >= 16
    assert owner.check_password(password)
    assert owner.is_account_owner
    assert owner.is_superuser
    assert (again, none) == (owner, None)
    assert Account.objects.get(id="1000000000000007").name == "Mine"


def test_an_owner_administers_the_installation_only_when_told_so(db: None) -> None:
    owner, _ = services.ensure_owner("demo", "1000000000000008", "Demo", is_demo=True)
    assert owner.is_account_owner
    assert (owner.is_staff, owner.is_superuser) == (False, False)


def test_owner_passes_the_gates(stranger: User) -> None:
    account = stranger.account
    assert account is not None
    services.activate_flow_logs(account, stranger)
    services.authorize_delivery(account, stranger)
    assert access.delivery_authorized(account)
    services.activate_log_service(account, stranger)
    assert access.gates(account) == []


def test_passing_a_gate_again_changes_nothing(account: Account, owner: User) -> None:
    before = account.flow_log_activated_at
    services.activate_flow_logs(account, owner)
    services.authorize_delivery(account, owner)
    assert account.flow_log_activated_at == before
    assert Role.objects.filter(account=account).count() == 1


def test_each_gate_is_written_down_once(stranger: User) -> None:
    account = stranger.account
    assert account is not None
    for gate in (services.activate_flow_logs, services.authorize_delivery, services.activate_log_service):
        gate(account, stranger)
        gate(account, stranger)
    services.revoke_delivery(account, stranger)
    told = list(Change.objects.filter(account=account, user=stranger, resource_type="Account").order_by("id"))
    assert [(change.action, list(change.values)) for change in told] == [
        ("vpc:OpenFlowLogService", ["flow_log_activated_at"]),
        ("ram:CreateRole", ["role", "policy"]),
        ("log:OpenSlsService", ["log_service_activated_at"]),
        ("ram:DeleteRole", ["role", "policy"]),
    ]
    assert told[1].values["policy"] == [None, DELIVERY_POLICY]
    assert told[3].values["policy"] == [DELIVERY_POLICY, None]


@pytest.mark.parametrize(
    "gate",
    [
        services.activate_flow_logs,
        services.authorize_delivery,
        services.activate_log_service,
        services.revoke_delivery,
    ],
)
def test_only_the_owner_of_the_account_opens_or_closes_a_gate(
    gate: Gate, account: Account, reader: User, stranger: User
) -> None:
    for user in (reader, stranger):
        with pytest.raises(ActionDenied):
            gate(account, user)
    assert access.gates(account) == []


def test_revoking_deletes_the_role_and_tells(
    account: Account, owner: User, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    heard: list[Account] = []

    def hear(account: Account, **_signal: object) -> None:
        heard.append(account)

    services.delivery_authorization_changed.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            services.revoke_delivery(account, owner)
    finally:
        services.delivery_authorization_changed.disconnect(hear)
    assert heard == [account]
    assert not access.delivery_authorized(account)


def test_an_attached_policy_opens_the_gate_again(account: Account, owner: User) -> None:
    Role.objects.filter(account=account).update(policy_name="")
    services.authorize_delivery(account, owner)
    assert access.delivery_authorized(account)
