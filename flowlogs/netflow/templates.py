"""Template sets of NetFlow v9 (RFC 3954 sections 5.2, 6.1) and IPFIX (RFC 7011 section 3.4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from . import elements as ie

V9, IPFIX = 9, 10
DATA_TEMPLATE: Final = -1
VARIABLE: Final = 65535
FIRST_TEMPLATE_ID: Final = 256
LONGEST_RECORD: Final = 65535 - 16 - 4
MOST_FIELDS: Final = 1024
V9_SCOPE: Final = -1
"""Stands for the enterprise of a v9 scope field, whose type is no element number."""

_TWO: Final = struct.Struct(">HH")
_THREE: Final = struct.Struct(">HHH")
_ENTERPRISE: Final = struct.Struct(">I")
_ALL_TEMPLATES: Final = {False: 2, True: 3}

_ADDRESS_LENGTHS: Final = {
    ie.SOURCE_IPV4: 4, ie.DESTINATION_IPV4: 4, ie.SOURCE_IPV6: 16, ie.DESTINATION_IPV6: 16,
}  # fmt: skip
_COUNTERS: Final = frozenset((
    ie.OCTET_DELTA, ie.PACKET_DELTA, ie.OCTET_TOTAL, ie.PACKET_TOTAL, ie.POST_OCTET_DELTA, ie.POST_PACKET_DELTA,
    ie.INITIATOR_OCTETS, ie.RESPONDER_OCTETS, ie.INITIATOR_PACKETS, ie.RESPONDER_PACKETS,
))  # fmt: skip


class FieldSpecifier(NamedTuple):
    """One field of a template; ``length`` 65535 stands for variable length."""

    element: int
    length: int
    enterprise: int


class Template(NamedTuple):
    """A template as it was sent, from its field count on. ``scopes`` counts scope fields; -1 for flows."""

    version: int
    scopes: int
    raw: bytes

    @property
    def is_options(self) -> bool:
        """Tell whether its data records are options."""
        return self.scopes != DATA_TEMPLATE

    def fields(self) -> list[FieldSpecifier]:
        """Return the field specifiers in the order of the record."""
        found: list[FieldSpecifier] = []
        raw, offset = self.raw, 4 if self.is_options else 2
        while offset < len(raw):
            element, length = _TWO.unpack_from(raw, offset)
            offset += 4
            enterprise = 0
            if self.version == IPFIX and element & 0x8000:
                (enterprise,) = _ENTERPRISE.unpack_from(raw, offset)
                element &= 0x7FFF
                offset += 4
            elif self.version == V9 and len(found) < self.scopes:
                enterprise = V9_SCOPE
            elif self.version == V9 and element == ie.CISCO_FIREWALL_EVENT:
                element = ie.FIREWALL_EVENT
            found.append(FieldSpecifier(element, length, enterprise))
        return found


class Announcement(NamedTuple):
    """What a template set says of one template id.

    Without a template the id is taken back (2 or 3: every template of that kind), or, where it is not ``usable``,
    describes records that cannot exist or be read.
    """

    template_id: int
    template: Template | None
    usable: bool = True


class MalformedTemplateError(ValueError):
    """The rest of a template set cannot be read. ``template_id`` is 0 when not even that could."""

    def __init__(self, template_id: int) -> None:
        super().__init__(template_id)
        self.template_id = template_id


def read_templates(
    body: bytes, version: int, options: bool, known: Mapping[int, Template]
) -> Iterator[Announcement]:
    """Yield the templates of the body of a set; one equal to the ``known`` one of its id is that very object.

    Raise MalformedTemplateError at the first whose end cannot be found: nothing after it can be.
    """
    offset = 0
    while offset + 4 <= len(body):
        template_id, count = _TWO.unpack_from(body, offset)
        if template_id < FIRST_TEMPLATE_ID and (
            version == V9 or count or template_id != _ALL_TEMPLATES[options]
        ):
            if any(body[offset:]):
                raise MalformedTemplateError(0)
            return
        if version == IPFIX and count == 0:
            yield Announcement(template_id, None)
            offset += 4
            continue
        previous = known.get(template_id)
        if (
            previous is not None
            and previous.is_options == options
            and body.startswith(previous.raw, offset + 2)
        ):
            yield Announcement(template_id, previous)
            offset += 2 + len(previous.raw)
            continue
        end, scopes = _extent(body, offset, version, options)
        template = Template(version, scopes, body[offset + 2 : end])
        usable = _is_usable(template)
        yield Announcement(template_id, template if usable else None, usable)
        offset = end


def _extent(body: bytes, offset: int, version: int, options: bool) -> tuple[int, int]:
    """Return where the template at ``offset`` ends, and its number of scope fields."""
    template_id, count = _TWO.unpack_from(body, offset)
    start, scopes = offset + 4, DATA_TEMPLATE
    if options:
        start += 2
        if start > len(body):
            raise MalformedTemplateError(template_id)
        _, first, second = _THREE.unpack_from(body, offset)
        # RFC 3954 gives two lengths in bytes, RFC 7011 two counts of fields
        if version == V9:
            scopes, count = first // 4, (first + second) // 4
            malformed = bool(first % 4 or second % 4)
        else:
            scopes, malformed = second, not 0 < second <= count
        if malformed:
            raise MalformedTemplateError(template_id)
    end = _end_of_fields(body, start, count, version)
    if end > len(body) or count > MOST_FIELDS:
        raise MalformedTemplateError(template_id)
    return end, scopes


def _end_of_fields(body: bytes, offset: int, count: int, version: int) -> int:
    """Return where ``count`` field specifiers end; past the body when it holds fewer."""
    if version == V9:
        return offset + 4 * count
    for _ in range(count):
        if offset + 4 > len(body):
            return len(body) + 1
        # the first bit of an element says that an enterprise number follows
        offset += 8 if body[offset] & 0x80 else 4
    return offset


def _is_usable(template: Template) -> bool:
    """Tell whether records of the template can exist, and its addresses and counters can be read."""
    smallest = 0
    for element, length, enterprise in template.fields():
        variable = length == VARIABLE and template.version == IPFIX
        smallest += 1 if variable else length
        if enterprise not in (0, ie.REVERSE_ENTERPRISE):
            continue
        known_length = 0 if variable else length
        if known_length != _ADDRESS_LENGTHS.get(element, known_length):
            return False
        if element in _COUNTERS and not 1 <= known_length <= 8:
            return False
    return 0 < smallest <= LONGEST_RECORD
