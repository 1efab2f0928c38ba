"""The walk over the datagrams of a batch: headers, templates, options; data sets are only put into groups.

This is the one place with a Python loop per datagram and per set. Flow records are never looked at here.
"""

from __future__ import annotations

import struct
from array import array
from typing import Final

from . import version5
from .groups import Group, records_of
from .layout import Kind, Layout, layout_of
from .model import Reason
from .options import View
from .registry import Registry, Stream
from .sessions import WaitingSet
from .templates import FIRST_TEMPLATE_ID, IPFIX, V9, Announcement, MalformedTemplateError, read_templates

V9_HEADER: Final = struct.Struct(">HHIIII")
IPFIX_HEADER: Final = struct.Struct(">HHIII")
SET_HEADER: Final = struct.Struct(">HH")
TEMPLATE_SETS: Final = {V9: (0, 1), IPFIX: (2, 3)}

ROW_FIELDS: Final = (
    "received_ns", "clock_ns", "export_ms", "uptime_ms", "stream", "sequence", "view", "options", "unseen", "unsure",
)  # fmt: skip
"""What is noted of a datagram. ``unseen`` flows are those that its header counts but a cut took away."""

ROW_WIDTH: Final = len(ROW_FIELDS)
_VIEW, _OPTIONS, _UNSEEN, _UNSURE = (
    ROW_FIELDS.index(name) for name in ("view", "options", "unseen", "unsure")
)
NO_UPTIME: Final = -1
NO_SEQUENCE: Final = -1
"""Stands in the row of a set that waited for its template: its datagram has a row already."""


class Scan:
    """Walks the datagrams of a batch in order and notes what the columns are made from.

    ``rows`` holds ``ROW_WIDTH`` numbers a datagram; ``groups`` the data sets by layout; ``views`` what the exporters
    told of themselves; ``waited`` the serial numbers of the datagrams whose sets waited, by their rows.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.groups: dict[Layout, Group] = {}
        self.rows = array("q")
        self.views: list[View] = [View()]
        self.waited: dict[int, int] = {}
        self._count = 0
        self._malformed = -1
        self._options: dict[Layout, Group] = {}
        self._v5_views: dict[int, int] = {1: 0}
        self._v5_layout = version5.layout()

    def add(self, received_ns: int, address: bytes, port: int, payload: bytes) -> None:
        """Read one datagram. Whatever is wrong with it is counted, never raised."""
        registry = self.registry
        registry.tick(received_ns)
        version, size = int.from_bytes(payload[:2], "big"), len(payload)
        if version == IPFIX and size >= IPFIX_HEADER.size:
            self._ipfix(received_ns, address, port, payload)
        elif version == V9 and size >= V9_HEADER.size:
            self._v9(received_ns, address, port, payload)
        elif version == version5.V5 and size >= version5.HEADER.size:
            self._v5(received_ns, address, port, payload)
        else:
            is_short = version in (version5.V5, V9, IPFIX)
            index = registry.index((address, port, 0, version if is_short else 0))
            counters = registry.counters[index]
            counters.datagrams += 1
            counters.malformed += is_short
            counters.unsupported += not is_short
            registry.lose(
                index, 1, "datagrams", received_ns, Reason.TRUNCATED if is_short else Reason.UNSUPPORTED
            )

    def _ipfix(self, received_ns: int, address: bytes, port: int, payload: bytes) -> None:
        _, length, seconds, sequence, domain = IPFIX_HEADER.unpack_from(payload)
        stream = self.registry.stream((address, port, domain, IPFIX))
        row = self._row(stream, received_ns, seconds * 1000, NO_UPTIME, sequence)
        size = len(payload)
        if length < IPFIX_HEADER.size:
            self._break(stream, row, Reason.MALFORMED)
            return
        whole = self._sets(stream, row, payload, IPFIX_HEADER.size, min(length, size))
        if length > size or not whole:
            self._break(stream, row, Reason.TRUNCATED if length > size else Reason.MALFORMED)
        elif length < size:
            # a datagram holds one message (RFC 7011 section 10.3.3); what follows it is not read
            self._malform(stream, row)

    def _v9(self, received_ns: int, address: bytes, port: int, payload: bytes) -> None:
        _, _, uptime_ms, seconds, sequence, domain = V9_HEADER.unpack_from(payload)
        stream = self.registry.stream((address, port, domain, V9))
        row = self._row(stream, received_ns, seconds * 1000, uptime_ms, sequence)
        if not self._sets(stream, row, payload, V9_HEADER.size, len(payload)):
            # v9 headers tell no length: a set that is cut off is all there is to see of a cut
            self._break(stream, row, Reason.TRUNCATED)

    def _v5(self, received_ns: int, address: bytes, port: int, payload: bytes) -> None:
        _, count, uptime_ms, seconds, nanoseconds, sequence, engine, sampling = version5.HEADER.unpack_from(
            payload
        )
        stream = self.registry.stream((address, port, engine, version5.V5))
        stream.view = self._v5_view(version5.sampling_rate(sampling))
        stream.viewed = stream.session.options
        export_ms = seconds * 1000 + nanoseconds // 1_000_000
        row = self._row(stream, received_ns, export_ms, uptime_ms, sequence)
        if count > version5.MOST_RECORDS:
            self._break(stream, row, Reason.MALFORMED)
            return
        start = version5.HEADER.size
        present = min((len(payload) - start) // version5.RECORD_LENGTH, count)
        if present:
            body = payload[start : start + present * version5.RECORD_LENGTH]
            self._add(self._group(self._v5_layout), stream, row, body)
        if present < count:
            self._malform(stream, row)
            self._note(row, _UNSEEN, count - present)
            self.registry.lose(stream.index, count - present, "flows", received_ns, Reason.TRUNCATED)

    def _v5_view(self, rate: int) -> int:
        if rate not in self._v5_views:
            self._v5_views[rate] = len(self.views)
            self.views.append(View(rate=rate))
        return self._v5_views[rate]

    def _row(self, stream: Stream, received_ns: int, export_ms: int, uptime_ms: int, sequence: int) -> int:
        if stream.viewed is not stream.session.options:
            self._look(stream)
        clock_ns, number = self.registry.clock_ns, stream.number
        self.rows.extend(
            (received_ns, clock_ns, export_ms, uptime_ms, number, sequence, stream.view, 0, 0, 0)
        )
        self._count += 1
        return self._count - 1

    def _note(self, row: int, field: int, value: int) -> None:
        self.rows[row * ROW_WIDTH + field] = value

    def _look(self, stream: Stream) -> None:
        """Bring the view of a stream up to what its exporter has told."""
        stream.viewed = stream.session.options
        stream.view = 0
        if stream.viewed.facts:
            stream.view = len(self.views)
            self.views.append(stream.viewed.view(stream.id[2]))

    def _break(self, stream: Stream, row: int, reason: Reason) -> None:
        """Count a datagram of which not all could be read."""
        self._malform(stream, row)
        self._lose_rest(stream, row, reason)

    def _malform(self, stream: Stream, row: int) -> None:
        """Count a datagram as malformed, once."""
        stream.counters.malformed += row != self._malformed
        self._malformed = row

    def _lose_rest(self, stream: Stream, row: int, reason: Reason) -> None:
        self._note(row, _UNSURE, 1)
        received_ns, serial = self.rows[row * ROW_WIDTH], self.waited.get(row, self.registry.serial)
        self.registry.break_datagram(stream, serial, received_ns, reason)

    def _sets(self, stream: Stream, row: int, payload: bytes, offset: int, end: int) -> bool:
        """Read the sets of a datagram; tell whether all of them are whole."""
        template_set, options_set = TEMPLATE_SETS[stream.id[3]]
        while offset + 4 <= end:
            set_id, length = SET_HEADER.unpack_from(payload, offset)
            after = offset + length
            if length < 4 or after > end:
                break
            body = payload[offset + 4 : after]
            if set_id >= FIRST_TEMPLATE_ID:
                group = stream.groups.get(set_id) or self._find_group(stream, set_id)
                if group is None:
                    self._wait(stream, row, set_id, body)
                else:
                    self._add(group, stream, row, body)
            elif set_id in (template_set, options_set):
                self._templates(stream, row, body, set_id == options_set)
            else:
                stream.counters.reserved_sets += 1
            offset = after
        if self._options:
            self._tell(stream, row)
        return offset == end or not any(payload[offset:end])

    def _find_group(self, stream: Stream, template_id: int) -> Group | None:
        template = stream.state.templates.get(template_id)
        if template is None:
            return None
        layout = layout_of(template)
        # options are read with their datagram, and never kept in a group
        group = Group(layout) if layout.kind is Kind.OPTIONS else self._group(layout)
        stream.groups[template_id] = group
        return group

    def _group(self, layout: Layout) -> Group:
        group = self.groups.get(layout)
        if group is None:
            group = self.groups[layout] = Group(layout)
        return group

    def _add(self, group: Group, stream: Stream, row: int, body: bytes) -> None:
        """Put the body of a data set into its group, without the padding behind its last record."""
        layout = group.layout
        if layout.kind is Kind.OPTIONS:
            group = self._options.setdefault(layout, Group(layout))
        if layout.size and (padding := len(body) % layout.size):
            if len(body) == padding:
                if any(body):
                    stream.counters.undecodable_sets += 1
                    self._lose_rest(stream, row, Reason.UNDECODABLE)
                return
            body = body[:-padding]
        group.bodies.append(body)
        group.rows.append(row)

    def _templates(self, stream: Stream, row: int, body: bytes, is_options: bool) -> None:
        """Take the templates of a set, and the data that waited for them."""
        try:
            for announcement in read_templates(body, stream.id[3], is_options, stream.state.templates):
                self._announce(stream, row, announcement, is_options)
        except MalformedTemplateError as error:
            # a template that stood in its place would read the data that follow wrongly
            self.registry.drop_template(stream, error.template_id)
            self._malform(stream, row)
            stream.counters.rejected_templates += 1

    def _announce(self, stream: Stream, row: int, announcement: Announcement, is_options: bool) -> None:
        template_id, template, usable = announcement
        if template is not None:
            if self.registry.store_template(stream, template_id, template):
                self._take_waiting(stream, row, template_id)
        elif usable:
            self.registry.withdraw(stream, template_id, is_options)
        else:
            self.registry.drop_template(stream, template_id)
            stream.counters.rejected_templates += 1

    def _wait(self, stream: Stream, row: int, template_id: int, body: bytes) -> None:
        if body:
            self._note(row, _UNSURE, 1)
            received_ns, clock_ns, export_ms, uptime_ms = self.rows[row * ROW_WIDTH : row * ROW_WIDTH + 4]
            serial = self.registry.serial
            waiting = WaitingSet(template_id, serial, received_ns, export_ms, uptime_ms, clock_ns, body)
            self.registry.wait(stream, waiting)

    def _take_waiting(self, stream: Stream, row: int, template_id: int) -> None:
        """Put data that waited for a template into its group, each with the times of its own datagram."""
        group = self._find_group(stream, template_id)
        if group is None or template_id not in stream.state.waiting:
            return
        for each in self.registry.take_waiting(stream, template_id):
            own = self._row(stream, each.received_ns, each.export_ms, each.uptime_ms, NO_SEQUENCE)
            self.waited[own] = each.datagram
            self._add(group, stream, own, each.body)

    def _tell(self, stream: Stream, row: int) -> None:
        """Take the options of a datagram; they hold for all of its flows, also those before them."""
        options, domain = stream.session.options, stream.id[2]
        for layout, group in self._options.items():
            found = records_of(group)
            stream.counters.options_records += len(found.records)
            own = found.counts[found.rows == row].sum()
            self._note(row, _OPTIONS, self.rows[row * ROW_WIDTH + _OPTIONS] + int(own))
            for torn in found.rows[found.torn].tolist():
                stream.counters.undecodable_sets += 1
                self._lose_rest(stream, torn, Reason.UNDECODABLE)
            if layout.tells and len(found.records):
                options = options.told(domain, found.records)
        self._options = {}
        if options is not stream.session.options:
            self.registry.tell_options(stream, options)
            self._look(stream)
            for each in range(row, self._count):
                self._note(each, _VIEW, stream.view)
