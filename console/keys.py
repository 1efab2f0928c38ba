"""Texts of requests as keys of rows."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Model


def key_of(model: type[Model], text: str) -> Any:
    """Return a text as the primary key of a model, or None where no row can have it.

    A number that is no key of the database is none: to look it up among others fails.
    """
    field = model._meta.pk
    assert field is not None
    try:
        key = field.to_python(text)
    except ValidationError:
        return None
    if isinstance(key, int):
        least, most = connection.ops.integer_field_range(field.get_internal_type())
        return key if (least is None or key >= least) and (most is None or key <= most) else None
    return None if "\x00" in str(key) else key
