"""Which field of a record fills which column of the flows, decided once per template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from . import elements as ie

UPTIME, MILLISECONDS, SECONDS, NTP, DELTA = "uptime", "ms", "s", "ntp", "delta"


class Moment(NamedTuple):
    """A field that tells a time, and how."""

    encoding: str
    field: str


class Copy(NamedTuple):
    """A column and the field that holds it; of several fields the one that is not zero."""

    column: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The fields of one direction of a record; an empty name or tuple is what the template does not have.

    ``family`` is 4 or 6, or 0 where the template has addresses of both; ``source6`` and ``destination6`` are names
    without the letter of the half. ``icmp4`` and ``icmp6`` are one field (type and code) or two. ``duration`` is a
    field and its units in a millisecond. ``octets`` and ``packets`` name the counters that ``copies`` takes.
    """

    family: int
    copies: tuple[Copy, ...]
    octets: str
    packets: str
    source4: str
    destination4: str
    source6: str
    destination6: str
    ip_version: str
    icmp4: tuple[str, ...]
    icmp6: tuple[str, ...]
    start: Moment | None
    end: Moment | None
    observed: Moment | None
    duration: tuple[str, int] | None
    system_init: str
    sampling: SamplingFields
    reverse: bool


class SamplingFields(NamedTuple):
    """The fields of a record that tell a sampling rate, or the selector that has one."""

    interval: str
    packets_and_space: tuple[str, ...]
    size_and_population: tuple[str, ...]
    probability: str
    selector: str

    @property
    def has_rate(self) -> bool:
        """Tell whether the record itself has a rate."""
        return bool(self.interval or self.packets_and_space or self.size_and_population or self.probability)


_OCTETS: Final = (
    ie.OCTET_DELTA,
    ie.INITIATOR_OCTETS,
    ie.POST_OCTET_DELTA,
    ie.OCTET_TOTAL,
    ie.LAYER2_OCTET_DELTA,
)
_PACKETS: Final = (ie.PACKET_DELTA, ie.INITIATOR_PACKETS, ie.POST_PACKET_DELTA, ie.PACKET_TOTAL)
_COPIES: Final[tuple[tuple[str, tuple[int, ...]], ...]] = (
    ("protocol", (ie.PROTOCOL, ie.NEXT_HEADER)),
    ("firewall_event", (ie.FIREWALL_EVENT,)),
    ("forwarding_status", (ie.FORWARDING_STATUS,)),
    ("observation_point", (ie.OBSERVATION_POINT,)),
    ("end_reason", (ie.END_REASON,)),
)
_PER_DIRECTION: Final = (("tcp_flags", ie.TCP_FLAGS), ("flow_direction", ie.FLOW_DIRECTION))
"""Copies that say nothing of the reverse direction of a biflow unless it has its own."""

_STARTS: Final = (
    (MILLISECONDS, ie.START_MILLISECONDS), (NTP, ie.START_MICROSECONDS), (NTP, ie.START_NANOSECONDS),
    (SECONDS, ie.START_SECONDS), (DELTA, ie.START_DELTA), (UPTIME, ie.START_SYSUPTIME),
)  # fmt: skip
_ENDS: Final = (
    (MILLISECONDS, ie.END_MILLISECONDS), (NTP, ie.END_MICROSECONDS), (NTP, ie.END_NANOSECONDS),
    (SECONDS, ie.END_SECONDS), (DELTA, ie.END_DELTA), (UPTIME, ie.END_SYSUPTIME),
)  # fmt: skip
_OBSERVED: Final = (
    (MILLISECONDS, ie.OBSERVED_MILLISECONDS), (NTP, ie.OBSERVED_MICROSECONDS), (NTP, ie.OBSERVED_NANOSECONDS),
    (SECONDS, ie.OBSERVED_SECONDS),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Names:
    """The field names of a record, asked by preference; with ``reverse``, those of the reverse direction first."""

    names: frozenset[str]
    reverse: bool = False

    def first(self, *elements: int) -> str:
        own = self.own(*elements) if self.reverse else ""
        return own or next((str(element) for element in elements if str(element) in self.names), "")

    def own(self, *elements: int) -> str:
        """Return the first name that speaks of the reverse direction alone."""
        return next((f"r{element}" for element in elements if f"r{element}" in self.names), "")

    def all(self, *elements: int) -> tuple[str, ...]:
        found = tuple(self.first(element) for element in elements)
        return found if all(found) else ()

    def moment(self, candidates: tuple[tuple[str, int], ...]) -> Moment | None:
        field = self.first(*(element for _, element in candidates))
        encodings = {str(element): encoding for encoding, element in candidates}
        return Moment(encodings[field.removeprefix("r")], field) if field else None

    def address6(self, element: int) -> str:
        return str(element) if f"{element}h" in self.names else ""


def flow_plans(names: frozenset[str]) -> tuple[Plan, ...]:
    """Return the plans of a record with these fields: none when it is no IP flow, two when it is a biflow.

    A record is a flow when it has both addresses of a family and a counter or a firewall event. Delta counters come
    before totals, which a record may hold beside them; they are never added.
    """
    forward = _Names(names)
    octets, packets = forward.first(*_OCTETS), forward.first(*_PACKETS)
    if not (octets or packets or forward.first(ie.FIREWALL_EVENT)) or not _has_addresses(forward):
        return ()
    plan = _plan(forward, octets, packets)
    octets, packets = _reverse_counters(forward, octets, packets)
    if not (octets or packets):
        return (plan,)
    return (plan, _plan(_Names(names, reverse=True), octets, packets))


def _has_addresses(names: _Names) -> bool:
    both6 = names.address6(ie.SOURCE_IPV6) and names.address6(ie.DESTINATION_IPV6)
    return bool(names.all(ie.SOURCE_IPV4, ie.DESTINATION_IPV4) or both6)


def _reverse_counters(names: _Names, octets: str, packets: str) -> tuple[str, str]:
    """Return the counters of the reverse direction (RFC 5103), or those of the responder of a firewall's flow.

    A responder's counters describe the whole connection: beside delta counters of one direction they are not used.
    """
    reverse_octets, reverse_packets = names.own(*_OCTETS), names.own(*_PACKETS)
    of_connection = octets in ("", str(ie.INITIATOR_OCTETS)) and packets in ("", str(ie.INITIATOR_PACKETS))
    if of_connection and not (reverse_octets or reverse_packets):
        return names.first(ie.RESPONDER_OCTETS), names.first(ie.RESPONDER_PACKETS)
    return reverse_octets, reverse_packets


def _plan(names: _Names, octets: str, packets: str) -> Plan:
    source4, destination4 = names.all(ie.SOURCE_IPV4, ie.DESTINATION_IPV4) or ("", "")
    source6, destination6 = names.address6(ie.SOURCE_IPV6), names.address6(ie.DESTINATION_IPV6)
    if not (source6 and destination6):
        source6 = destination6 = ""
    if names.reverse:
        source4, destination4, source6, destination6 = destination4, source4, destination6, source6
    return Plan(
        family=0 if source4 and source6 else 4 if source4 else 6,
        copies=_copies(names, octets, packets),
        octets=octets,
        packets=packets,
        source4=source4,
        destination4=destination4,
        source6=source6,
        destination6=destination6,
        ip_version=names.first(ie.IP_VERSION),
        icmp4=names.all(ie.ICMP_TYPE_CODE_IPV4) or names.all(ie.ICMP_TYPE_IPV4, ie.ICMP_CODE_IPV4),
        icmp6=names.all(ie.ICMP_TYPE_CODE_IPV6) or names.all(ie.ICMP_TYPE_IPV6, ie.ICMP_CODE_IPV6),
        start=names.moment(_STARTS),
        end=names.moment(_ENDS),
        observed=names.moment(_OBSERVED),
        duration=_duration(names),
        system_init=names.first(ie.SYSTEM_INIT),
        sampling=sampling_fields(names.names),
        reverse=names.reverse,
    )


def sampling_fields(names: frozenset[str]) -> SamplingFields:
    """Return the sampling fields of a record, of flows or of options."""
    found = _Names(names)
    return SamplingFields(
        interval=found.first(ie.SAMPLING_INTERVAL, ie.SAMPLER_INTERVAL),
        packets_and_space=found.all(ie.SAMPLING_PACKETS, ie.SAMPLING_SPACE),
        size_and_population=found.all(ie.SAMPLING_SIZE, ie.SAMPLING_POPULATION),
        probability=found.first(ie.SAMPLING_PROBABILITY),
        selector=found.first(ie.SELECTOR_ID, ie.SAMPLER_ID),
    )


def _copies(names: _Names, octets: str, packets: str) -> tuple[Copy, ...]:
    copies = [Copy("packets", (packets,)), Copy("bytes", (octets,))]
    copies += _ends(names)
    copies += [Copy(column, (names.first(*elements),)) for column, elements in _COPIES]
    for column, element in _PER_DIRECTION:
        copies.append(Copy(column, (names.own(element) if names.reverse else names.first(element),)))
    return tuple(copy for copy in copies if copy.fields and copy.fields[0])


def _ends(names: _Names) -> list[Copy]:
    """Return the copies of ports and interfaces; those of the reverse direction change sides."""
    source = _port(names, ie.SOURCE_PORT, ie.TCP_SOURCE_PORT, ie.UDP_SOURCE_PORT)
    destination = _port(names, ie.DESTINATION_PORT, ie.TCP_DESTINATION_PORT, ie.UDP_DESTINATION_PORT)
    forward = _Names(names.names)
    ingress = (forward.first(ie.INGRESS_INTERFACE, ie.INGRESS_PHYSICAL),)
    egress = (forward.first(ie.EGRESS_INTERFACE, ie.EGRESS_PHYSICAL),)
    if names.reverse:
        source, destination, ingress, egress = destination, source, egress, ingress
    return [
        Copy("srcport", source),
        Copy("dstport", destination),
        Copy("input_if", ingress),
        Copy("output_if", egress),
    ]


def _port(names: _Names, any_protocol: int, tcp: int, udp: int) -> tuple[str, ...]:
    forward = _Names(names.names)
    if port := forward.first(any_protocol):
        return (port,)
    return tuple(port for port in (forward.first(tcp), forward.first(udp)) if port)


def _duration(names: _Names) -> tuple[str, int] | None:
    if field := names.first(ie.DURATION_MILLISECONDS):
        return field, 1
    field = names.first(ie.DURATION_MICROSECONDS)
    return (field, 1000) if field else None
