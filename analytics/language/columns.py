"""The columns of the table ``log``: the fields of the record, the time and the topic of a log."""

from __future__ import annotations

from flowlogs.record import FIELDS, TIME, FieldType

TOPIC_COLUMN = "__topic__"

COLUMNS: dict[str, FieldType] = {
    TIME: "long",
    **{field.name: field.type for field in FIELDS},
    TOPIC_COLUMN: "text",
}
TEXT_COLUMNS: tuple[str, ...] = tuple(field.name for field in FIELDS if field.type == "text")
LONG_COLUMNS: tuple[str, ...] = tuple(field.name for field in FIELDS if field.type == "long")
ADDRESS_COLUMNS = frozenset({"srcaddr", "dstaddr"})

SQL_TYPES: dict[FieldType, str] = {"long": "BIGINT", "text": "VARCHAR"}


def closest(name: str) -> tuple[str, ...]:
    """Return the columns that begin like a name, for the list of what was expected."""
    return tuple(column for column in COLUMNS if column.startswith(name[:2].lower()))
