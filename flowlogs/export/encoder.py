"""What IPFIX and NetFlow v9 share: templates that are repeated, and datagrams filled with records."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from flowlogs.export.fields import FLOW, ICMP, TEMPLATE_IDS, Columns, Layout

SET_HEADER: Final = struct.Struct("!HH")
PAYLOAD: Final = 1400
"""Octets of UDP payload that every path carries unfragmented."""
KINDS: Final = tuple(TEMPLATE_IDS)


class Encoder(ABC):
    """Turns flows into the datagrams of one observation domain; keeps its sequence and template times.

    Templates go out with the first datagram, and again after ``template_seconds`` of export time or
    ``template_datagrams`` datagrams: over UDP nobody confirms them (RFC 7011 8.1, RFC 3954 9).
    """

    header_octets: ClassVar[int]
    template_set: ClassVar[int]
    alignment: ClassVar[int] = 1
    longest_batch: ClassVar[int] = 65535

    def __init__(
        self,
        layouts: Mapping[tuple[int, bool], Layout],
        domain: int,
        *,
        sequence: int = 0,
        template_seconds: int = 60,
        template_datagrams: int = 1000,
    ) -> None:
        self.domain = domain
        self.sequence = sequence
        self._layouts = layouts
        self._template_seconds = template_seconds
        self._template_datagrams = template_datagrams
        self._templates = self._set(self.template_set, b"".join(layouts[kind].template() for kind in KINDS))
        self._announced_at = -template_seconds
        self._since_announced = 0

    def encode(
        self, flows: NDArray[np.void], export_time_s: float, max_payload: int = PAYLOAD
    ) -> list[bytes]:
        """Encode flows (of dtype ``FLOW``) as datagrams of at most ``max_payload`` octets.

        Raise ValueError for a value that its field cannot hold, or a payload too small for a record.
        """
        if unknown := set(np.unique(flows["family"]).tolist()) - {4, 6}:
            raise ValueError(f"no address family {unknown}")
        seconds = int(export_time_s)
        datagrams: list[bytes] = []
        for kind, rows in _by_kind(flows):
            layout = self._layouts[kind]
            records = layout.records(self._columns(rows), len(rows))
            datagrams += self._fill(layout, memoryview(records), len(rows), seconds, max_payload)
        return datagrams

    def _fill(
        self, layout: Layout, records: memoryview, count: int, seconds: int, max_payload: int
    ) -> Iterator[bytes]:
        size = layout.record_type.itemsize
        done = 0
        while done < count:
            announced = self._announcement(seconds)
            room = max_payload - self.header_octets - len(announced) - SET_HEADER.size - self.alignment + 1
            batch = min(room // size, self.longest_batch, count - done)
            if batch < 1:
                raise ValueError(f"a payload of {max_payload} octets has no room for templates and a record")
            data = self._set(layout.template_id, records[done * size : (done + batch) * size])
            templates = len(KINDS) if announced else 0
            length = self.header_octets + len(announced) + len(data)
            yield self._header(length, batch, templates, seconds) + announced + data
            self._since_announced += 1
            done += batch

    def _announcement(self, seconds: int) -> bytes:
        """Give the template set when it is due, else nothing."""
        due = seconds - self._announced_at >= self._template_seconds or seconds < self._announced_at
        if not due and self._since_announced < self._template_datagrams:
            return b""
        self._announced_at = seconds
        self._since_announced = 0
        return self._templates

    def _set(self, set_id: int, content: bytes | memoryview) -> bytes:
        padding = -(len(content) + SET_HEADER.size) % self.alignment
        return SET_HEADER.pack(set_id, SET_HEADER.size + len(content) + padding) + content + b"\0" * padding

    @abstractmethod
    def _columns(self, flows: NDArray[np.void]) -> Columns:
        """Give the columns that the layouts name."""

    @abstractmethod
    def _header(self, length: int, records: int, templates: int, seconds: int) -> bytes:
        """Give the header of the next datagram, and count it."""


def columns_of(flows: NDArray[np.void]) -> dict[str, NDArray[Any]]:
    """Give the columns of an array of flows by name."""
    return {name: flows[name] for name in FLOW.names or ()}


def _by_kind(flows: NDArray[np.void]) -> Iterator[tuple[tuple[int, bool], NDArray[np.void]]]:
    """Split flows by address family and by whether they have ports; nothing is copied where all are alike."""
    for family, is_icmp in KINDS:
        own = (flows["family"] == family) & ((flows["protocol"] == ICMP[family]) == is_icmp)
        if own.all():
            yield (family, is_icmp), flows
            return
        if own.any():
            yield (family, is_icmp), flows[own]
