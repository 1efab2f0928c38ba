"""What a password must not be, beyond Django's rules."""

import re
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.password_validation import UserAttributeSimilarityValidator
from django.core.exceptions import ValidationError

SHORTEST_NAME = 3
LEAST_BESIDE = 6
"""Characters that a password must have besides a name of its user: names are what is tried first."""


class SimilarityValidator(UserAttributeSimilarityValidator):
    """Refuses a name also where it stands several times, or with little beside it: no ratio finds these similar."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for a password that is hardly more than a name of the user."""
        super().validate(password, user)
        typed = password.casefold()
        for label, name in _names(user, self.user_attributes) if user is not None else ():
            if name in typed and len(typed.replace(name, "")) < LEAST_BESIDE:
                params = {"verbose_name": label}
                raise ValidationError(self.get_error_message(), "password_too_similar", params)


def _names(user: Any, attributes: Any) -> Iterator[tuple[str, str]]:
    """Yield what a user is called, whole and in its words, with the label of the field."""
    for attribute in attributes:
        value = str(getattr(user, attribute, None) or "").casefold()
        for name in {value, *re.split(r"[\W_]+", value)}:
            if len(name) >= SHORTEST_NAME:
                yield str(user._meta.get_field(attribute).verbose_name), name
