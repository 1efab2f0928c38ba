"""Exporters are bound to what they observe, by those who own it."""

import pytest

from console.access import ActionDenied
from console.models import Account, Region, User
from flowlogs import services
from flowlogs.models import Exporter, NetworkInterface, Vpc, VSwitch
from flowlogs.rules import RuleError
from tests.flowlogs.conftest import make_vpc


@pytest.fixture
def exporter(db: None) -> Exporter:
    """An exporter that nobody has claimed."""
    return Exporter.objects.create(pk="exp-1", address="192.0.2.1")


def codes(error: pytest.ExceptionInfo[RuleError]) -> list[str]:
    return [violation.code for violation in error.value.violations]


@pytest.mark.parametrize("model", [Vpc, VSwitch, NetworkInterface])
def test_the_first_binding_claims_the_exporter(
    exporter: Exporter, vpc: Vpc, owner: User, model: type[Vpc | VSwitch | NetworkInterface]
) -> None:
    resource = model.objects.order_by("pk").first()
    assert resource is not None
    binding = services.bind_exporter(exporter, owner, resource)
    exporter.refresh_from_db()
    assert (exporter.account_id, exporter.region_id) == (vpc.account_id, vpc.region_id)
    assert str(binding) == f"exp-1 observes {resource.pk}"


def test_binding_twice_is_refused(exporter: Exporter, vpc: Vpc, owner: User) -> None:
    services.bind_exporter(exporter, owner, vpc)
    with pytest.raises(RuleError) as error:
        services.bind_exporter(exporter, owner, vpc)
    assert codes(error) == ["ExporterBound"]


def test_an_exporter_of_another_account_is_taken(
    exporter: Exporter, vpc: Vpc, owner: User, stranger: User, region: Region
) -> None:
    assert stranger.account is not None
    services.bind_exporter(exporter, owner, vpc)
    theirs = make_vpc(stranger.account, region, "vpc-theirs")
    with pytest.raises(RuleError) as error:
        services.bind_exporter(exporter, stranger, theirs)
    assert codes(error) == ["ExporterTaken"]


def test_nobody_binds_to_a_vpc_of_another_account(exporter: Exporter, vpc: Vpc, stranger: User) -> None:
    with pytest.raises(ActionDenied):
        services.bind_exporter(exporter, stranger, vpc)


def test_an_exporter_stays_in_its_region(exporter: Exporter, vpc: Vpc, owner: User, account: Account) -> None:
    services.bind_exporter(exporter, owner, vpc)
    far = make_vpc(account, Region.objects.get(pk="cn-beijing"), "vpc-far")
    with pytest.raises(RuleError) as error:
        services.bind_exporter(exporter, owner, far)
    assert codes(error) == ["ExporterRegion"]


def test_unbinding_takes_the_binding_away(exporter: Exporter, vpc: Vpc, owner: User) -> None:
    binding = services.bind_exporter(exporter, owner, vpc)
    services.unbind_exporter(binding, owner)
    assert not exporter.bindings.exists()


def test_a_name_keeps_the_rules(exporter: Exporter, vpc: Vpc, owner: User) -> None:
    services.bind_exporter(exporter, owner, vpc)
    exporter.refresh_from_db()
    services.change_exporter(exporter, owner, name="edge")
    with pytest.raises(RuleError):
        services.change_exporter(exporter, owner, name="1")
    exporter.refresh_from_db()
    assert exporter.name == "edge"


def test_a_profile_that_decoding_could_not_follow_is_refused(
    exporter: Exporter, vpc: Vpc, owner: User
) -> None:
    services.bind_exporter(exporter, owner, vpc)
    exporter.refresh_from_db()
    with pytest.raises(RuleError) as error:
        services.change_exporter(exporter, owner, drop_ports=[2**32], observation_points={"1": "MAYBE"})
    assert codes(error) == ["ObservationPoints", "DropPorts"]
    exporter.refresh_from_db()
    assert (exporter.drop_ports, exporter.observation_points) == ([], {})
