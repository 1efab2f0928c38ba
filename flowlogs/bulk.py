"""Many rows written with as little work as can be while a transaction is open: everything else is done before it.

Nothing asks signals. Rows have their primary keys already; each write is one statement, run for every row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models

Rows = list[tuple[Any, ...]]


class Insertion:
    """Rows of a model, ready to be inserted; an automatic primary key is left to the database."""

    def __init__(self, model: type[models.Model], objects: Iterable[models.Model]) -> None:
        """Take objects that are not in the database yet."""
        fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
        self._rows: Rows = [
            tuple(field.get_db_prep_save(field.pre_save(each, True), connection) for field in fields)
            for each in objects
        ]
        columns = ", ".join(_quoted(field.column) for field in fields)
        values = ", ".join(["%s"] * len(fields))
        self._sql = f"INSERT INTO {_quoted(model._meta.db_table)} ({columns}) VALUES ({values})"

    def __call__(self) -> None:
        """Insert the rows. Raises IntegrityError."""
        _run(self._sql, self._rows)


class Update:
    """Rows of a model, ready to have some of their fields changed; ``values`` are those of each row by its key."""

    def __init__(
        self, model: type[models.Model], names: Sequence[str], values: Iterable[tuple[Any, Sequence[Any]]]
    ) -> None:
        """Take the names of the fields, and of each row its primary key and values in the same order."""
        fields: list[Any] = [model._meta.get_field(name) for name in names]
        key: Any = model._meta.pk
        self._rows: Rows = [
            (
                *(
                    field.get_db_prep_save(value, connection)
                    for field, value in zip(fields, row, strict=True)
                ),
                key.get_db_prep_save(pk, connection),
            )
            for pk, row in values
        ]
        columns = ", ".join(f"{_quoted(field.column)} = %s" for field in fields)
        table = _quoted(model._meta.db_table)
        self._sql = f"UPDATE {table} SET {columns} WHERE {_quoted(key.column)} = %s"

    def __call__(self) -> None:
        """Change the rows. Raises IntegrityError."""
        _run(self._sql, self._rows)


def _quoted(name: str | None) -> str:
    return connection.ops.quote_name(name or "")


def _run(sql: str, rows: Rows) -> None:
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)
