"""Which passwords are refused because they are a name of the user."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from console.models import User

USER = User(username="carol.ops", first_name="Carol Jones", email="cj@example.org")


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("carol.opscarol.ops", id="the name twice"),
        pytest.param("carolcarol", id="a word of it twice"),
        pytest.param("CarolCAROLcarol", id="three times, in other case"),
        pytest.param("Carol Jones 1", id="the display name with little beside it"),
        pytest.param("jones-jones-77", id="a word of the display name twice"),
        pytest.param("12carol.ops99", id="the name with digits around it"),
    ],
)
def test_a_password_that_is_hardly_more_than_a_name_is_refused_once(password: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validate_password(password, USER)
    assert [error.code for error in caught.value.error_list] == ["password_too_similar"]


@pytest.mark.parametrize(
    "password", ["carol buys seven staples", "correct horse 7", "opsopsops battery", "battery staple 9"]
)
def test_a_name_within_a_longer_password_is_no_fault(password: str) -> None:
    validate_password(password, USER)


def test_without_a_user_names_do_not_matter() -> None:
    validate_password("carolcarol7x")
