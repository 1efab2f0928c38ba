"""RAM users and policies through their services: who may, what is refused, and what the audit says."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from console import access
from console.access import ActionDenied
from console.models import Account, Change, Policy, User
from console.ram import services
from console.reference import RAM_FULL, RAM_READ_ONLY, VPC_FULL, VPC_READ_ONLY

PASSWORD = "battery staple 9"


def document(action: Any = "vpc:*", effect: str = "Allow", resource: Any = "*") -> dict[str, Any]:
    return {"Version": "1", "Statement": [{"Effect": effect, "Action": action, "Resource": resource}]}


def system(name: str) -> Policy:
    return Policy.objects.get(account=None, name=name)


def create(by: User, name: str = "carol", **values: str) -> User:
    assert by.account is not None
    return services.create_user(
        by.account, by, **{"name": name, "display_name": "", "password": PASSWORD, **values}
    )


@pytest.fixture
def manager(account: Account) -> User:
    """A RAM user who manages the RAM users and policies of the account."""
    user = User.objects.create_user("dave", account=account)
    user.policies.add(system(RAM_FULL))
    return user


def actions(resource_type: str, resource_id: int) -> list[str]:
    found = Change.objects.filter(resource_type=resource_type, resource_id=str(resource_id)).order_by("id")
    return [change.action for change in found]


def test_a_new_user_can_log_in_and_may_do_nothing(owner: User) -> None:
    carol = create(owner, display_name="Carol")
    assert carol.check_password(PASSWORD)
    assert (carol.account, carol.first_name, carol.is_account_owner) == (owner.account, "Carol", False)
    assert not access.may(carol, "vpc:DescribeFlowLogs")
    [change] = Change.objects.filter(resource_type="User", resource_id=str(carol.pk))
    assert (change.action, change.user_name) == ("ram:CreateUser", "alice")
    assert change.values == {"name": [None, "carol"], "display_name": [None, "Carol"], "login": [None, True]}


def test_no_password_is_in_the_audit(owner: User) -> None:
    carol = create(owner)
    services.reset_password(carol, owner, "another staple 9")
    assert PASSWORD not in str(list(Change.objects.values_list("values", flat=True)))
    assert "another" not in str(list(Change.objects.values_list("values", flat=True)))


@pytest.mark.parametrize(
    "name",
    ["", "-carol", "carol smith", "carol/x", "卡罗尔", "<b>", "c" * 65, "carol\n", "*"],
)
def test_a_name_that_policies_could_not_say_is_refused(owner: User, name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        create(owner, name)
    assert "name" in caught.value.message_dict
    assert not Change.objects.exists()


@pytest.mark.parametrize("name", ["mallory", "MALLORY", "Alice"])
def test_a_name_that_is_taken_anywhere_is_refused_in_any_case(owner: User, stranger: User, name: str) -> None:
    with pytest.raises(ValidationError, match="taken"):
        create(owner, name)


@pytest.mark.parametrize(("password", "why"), [("short", "too short"), ("1234567890123", "numeric")])
def test_a_weak_password_is_refused(owner: User, password: str, why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        create(owner, password=password)
    assert why in str(caught.value.message_dict["password"])
    assert not User.objects.filter(username="carol").exists()


def test_a_generated_password_is_strong_enough_and_another_each_time(owner: User) -> None:
    passwords = {services.new_password() for _ in range(20)}
    assert len(passwords) == 20
    create(owner, password=passwords.pop())


def test_whoever_has_the_actions_does_it_too(manager: User) -> None:
    carol = create(manager)
    services.attach(carol, manager, [system(VPC_FULL)])
    services.detach(carol, manager, system(VPC_FULL))
    services.set_login(carol, manager, enabled=False)
    services.delete_user(carol, manager)
    assert actions("User", carol.pk) == [
        *("ram:CreateUser", "ram:AttachPolicyToUser", "ram:DetachPolicyFromUser"),
        *("ram:UpdateLoginProfile", "ram:DeleteUser"),
    ]


ACTS = {
    "ram:UpdateUser": lambda by, user, policy: services.change_user(user, by, display_name="x"),
    "ram:UpdateLoginProfile": lambda by, user, policy: services.reset_password(
        user, by, "correct horse staple"
    ),
    "ram:DeleteUser": lambda by, user, policy: services.delete_user(user, by),
    "ram:AttachPolicyToUser": lambda by, user, policy: services.attach(user, by, [policy]),
    "ram:DetachPolicyFromUser": lambda by, user, policy: services.detach(user, by, policy),
    "ram:CreateUser": lambda by, user, policy: create(by),
    "ram:CreatePolicy": lambda by, user, policy: services.create_policy(
        by.account, by, name="new", description="", document=document()
    ),
    "ram:CreatePolicyVersion": lambda by, user, policy: services.change_policy(
        policy, by, description="", document=document()
    ),
    "ram:DeletePolicy": lambda by, user, policy: services.delete_policy(policy, by),
}


@pytest.fixture
def custom(account: Account) -> Policy:
    """A custom policy of the account."""
    return Policy.objects.create(account=account, name="mine", document=document())


@pytest.mark.parametrize("action", ACTS)
def test_without_the_action_nothing_happens(
    account: Account, reader: User, custom: Policy, action: str
) -> None:
    by = User.objects.create_user("dave", account=account)
    others = Policy.objects.create(
        account=account, name="others", document=document([each for each in ACTS if each != action])
    )
    by.policies.add(others)
    with pytest.raises(ActionDenied, match=f"^{action}$"):
        ACTS[action](by, reader, custom)
    assert not Change.objects.exists()


@pytest.mark.parametrize("action", [each for each in ACTS if not each.startswith("ram:Create")])
def test_the_owner_of_another_account_does_nothing_here(
    stranger: User, reader: User, custom: Policy, action: str
) -> None:
    with pytest.raises(ActionDenied):
        ACTS[action](stranger, reader, custom)
    assert not Change.objects.exists()


def test_a_policy_may_speak_of_one_user_alone(account: Account, reader: User, manager: User) -> None:
    manager.policies.clear()
    of_bob = Policy.objects.create(
        account=account, name="of-bob", document=document("ram:UpdateUser", resource="acs:ram:*:*:user/bob")
    )
    manager.policies.add(of_bob)
    services.change_user(reader, manager, display_name="Bob")
    erin = User.objects.create_user("erin", account=account)
    with pytest.raises(ActionDenied):
        services.change_user(erin, manager, display_name="Erin")


def test_attaching_needs_the_action_on_the_policy_too(account: Account, reader: User, manager: User) -> None:
    manager.policies.clear()
    lesser = document(
        "ram:AttachPolicyToUser", resource=["acs:ram:*:*:user/*", f"acs:ram:*:*:policy/{VPC_READ_ONLY}"]
    )
    manager.policies.add(Policy.objects.create(account=account, name="lesser", document=lesser))
    services.attach(reader, manager, [system(VPC_READ_ONLY)])
    with pytest.raises(ActionDenied):
        services.attach(reader, manager, [system(VPC_FULL)])


def test_a_policy_of_another_account_cannot_be_attached(owner: User, reader: User, stranger: User) -> None:
    theirs = Policy.objects.create(account=stranger.account, name="theirs", document=document())
    with pytest.raises(ActionDenied):
        services.attach(reader, owner, [theirs])


def test_attaching_counts_at_once(owner: User, reader: User) -> None:
    services.attach(reader, owner, [system(VPC_FULL)])
    assert access.may(User.objects.get(pk=reader.pk), "vpc:CreateFlowLog")
    services.detach(reader, owner, system(VPC_FULL))
    assert not access.may(User.objects.get(pk=reader.pk), "vpc:CreateFlowLog")


def test_attaching_again_changes_nothing(owner: User, reader: User) -> None:
    services.attach(reader, owner, [system(VPC_READ_ONLY)])
    assert not Change.objects.exists()


@pytest.mark.parametrize("field", ["is_staff", "is_superuser"])
def test_administrators_are_not_taken_over(owner: User, account: Account, field: str) -> None:
    admin = User.objects.create_user("root", account=account, password=PASSWORD, **{field: True})
    for act in (
        lambda: services.reset_password(admin, owner, "another staple 9"),
        lambda: services.set_login(admin, owner, enabled=False),
        lambda: services.delete_user(admin, owner),
    ):
        with pytest.raises(ValidationError, match="admin site"):
            act()
    admin.refresh_from_db()
    assert admin.check_password(PASSWORD)
    assert admin.is_active


def test_nobody_locks_themself_out(manager: User) -> None:
    for act in (
        lambda: services.set_login(manager, manager, enabled=False),
        lambda: services.delete_user(manager, manager),
        lambda: services.reset_password(manager, manager, PASSWORD),
    ):
        with pytest.raises(ValidationError, match="themself"):
            act()


def test_the_owner_is_no_ram_user(owner: User, manager: User) -> None:
    with pytest.raises(User.DoesNotExist):
        services.set_login(owner, manager, enabled=False)
    with pytest.raises(User.DoesNotExist):
        services.reset_password(owner, manager, PASSWORD)
    with pytest.raises(User.DoesNotExist):
        services.delete_user(owner, manager)


def test_a_system_policy_is_never_changed(owner: User) -> None:
    policy = system(VPC_READ_ONLY)
    with pytest.raises(ActionDenied):
        services.change_policy(policy, owner, description="", document=document("*"))
    with pytest.raises(ActionDenied):
        services.delete_policy(policy, owner)


def test_a_policy_that_somebody_has_is_not_deleted(owner: User, reader: User, custom: Policy) -> None:
    services.attach(reader, owner, [custom])
    with pytest.raises(ValidationError, match="attached to 1 user"):
        services.delete_policy(custom, owner)
    services.detach(reader, owner, custom)
    pk = custom.pk
    services.delete_policy(custom, owner)
    assert actions("Policy", pk) == ["ram:DeletePolicy"]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "x" * 129, "政策", VPC_FULL])
def test_a_policy_name_that_cannot_be_is_refused(owner: User, account: Account, name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        services.create_policy(account, owner, name=name, description="", document=document())
    assert "name" in caught.value.message_dict


def test_a_policy_name_stands_once_in_an_account(owner: User, account: Account, custom: Policy) -> None:
    with pytest.raises(ValidationError, match="already"):
        services.create_policy(account, owner, name="mine", description="", document=document())


def test_a_document_that_could_not_be_followed_is_refused(owner: User, custom: Policy) -> None:
    with pytest.raises(ValidationError, match="Statement 1: Effect is Allow or Deny"):
        services.change_policy(custom, owner, description="", document=document(effect="Maybe"))
    custom.refresh_from_db()
    assert custom.document == document()


def test_a_changed_policy_counts_at_once_and_the_audit_has_both_versions(
    owner: User, reader: User, custom: Policy
) -> None:
    services.attach(reader, owner, [custom])
    services.change_policy(custom, owner, description="no more", document=document("vpc:*", "Deny"))
    assert not access.may(User.objects.get(pk=reader.pk), "vpc:DescribeFlowLogs")
    change = Change.objects.get(resource_type="Policy")
    assert change.values["document"] == [document(), document("vpc:*", "Deny")]


def test_read_only_sees_users_and_changes_none(account: Account) -> None:
    user = User.objects.create_user("dave", account=account)
    user.policies.add(system(RAM_READ_ONLY))
    assert access.may(user, "ram:ListUsers")
    assert not access.may(user, "ram:CreateUser")
