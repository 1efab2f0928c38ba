"""A day of the demo's past as spool segments: the flows, encoder, decoder and delivery of the present.

Only the receipt times are made up, as they would have been.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flowlogs.demo.network import EXPORTERS
from flowlogs.demo.traffic import MINUTE_MS, flows_ended
from flowlogs.export import IpfixEncoder
from flowlogs.spool import Datagram, discard, list_sealed, packed_address, write_segment

COLLECTOR: Final = "history"
PORT: Final = 40_000
TEMPLATE_SECONDS: Final = 600
APART_NS: Final = 10_000
SEGMENT_DATAGRAMS: Final = 6_000


def write(folder: Path, start_ms: int, end_ms: int) -> int:
    """Spool what was exported in ``[start_ms, end_ms)``; tell how many datagrams that is. Raise OSError.

    Segments of an earlier attempt are replaced.
    """
    for left in list_sealed(folder, COLLECTOR):
        discard(left)
    count = 0
    for number, datagrams in enumerate(_segments(start_ms, end_ms)):
        write_segment(folder, COLLECTOR, number, datagrams)
        count += len(datagrams)
    return count


def _segments(start_ms: int, end_ms: int) -> Iterator[list[Datagram]]:
    segment: list[Datagram] = []
    encoders = {address: IpfixEncoder(template_seconds=TEMPLATE_SECONDS) for address in EXPORTERS}
    at = start_ms
    while at < end_ms:
        until = min(at - at % MINUTE_MS + MINUTE_MS, end_ms)
        received_ns = until * 1_000_000
        for address, encoder in encoders.items():
            flows = flows_ended(address, at, until, covered_only=True)
            for datagram in encoder.encode(flows, until / 1000):
                segment.append((received_ns, packed_address(address), PORT, datagram))
                received_ns += APART_NS
        if len(segment) >= SEGMENT_DATAGRAMS:
            yield segment
            segment = []
        at = until
    if segment:
        yield segment
