"""What a decoder must remember of every exporter from one batch to the next."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from .model import StreamKey, address_bytes, address_text
from .options import Options
from .sequence import Missing, Point, Tracker, continues
from .templates import Template

FORMAT: Final = 1
ITEM_OVERHEAD: Final = 256
"""Bytes that a template or a waiting set is counted for beside its own."""

FACT_SIZE: Final = 192
ENOUGH_HITS: Final = 2
ENOUGH_MISSES: Final = 8
MOST_HITS: Final = 32

SessionId = tuple[bytes, int]
"""Source address and port: what RFC 7011 calls the transport session."""

StreamId = tuple[bytes, int, int, int]
"""Source address and port, observation domain, version."""


class WaitingSet(NamedTuple):
    """A data set whose template has not come yet. ``datagram`` is the serial number of its datagram."""

    template_id: int
    datagram: int
    received_ns: int
    export_ms: int
    uptime_ms: int
    since_ns: int
    body: bytes

    @property
    def size(self) -> int:
        """The bytes it is counted for."""
        return len(self.body) + ITEM_OVERHEAD


@dataclass(slots=True)
class StreamState:
    """Templates in the order in which they were last announced, waiting sets by the id of their template.

    ``seen`` is the serial number of the last datagram; ``told`` are those of datagrams that count as lost already,
    while sets of them wait.
    """

    templates: dict[int, Template] = field(default_factory=dict)
    waiting: dict[int, list[WaitingSet]] = field(default_factory=dict)
    tracker: Tracker = field(default_factory=Tracker)
    seen: int = 0
    told: frozenset[int] = frozenset()

    def copy(self) -> StreamState:
        """Return a state that goes its own way."""
        waiting = {template_id: list(sets) for template_id, sets in self.waiting.items()}
        return StreamState(dict(self.templates), waiting, self.tracker.copy(), self.seen, self.told)

    @property
    def waiting_size(self) -> int:
        """The bytes that its waiting sets are counted for."""
        return sum(each.size for sets in self.waiting.values() for each in sets)

    @property
    def size(self) -> int:
        """The bytes that its templates and waiting sets are counted for."""
        templates = sum(len(template.raw) + ITEM_OVERHEAD for template in self.templates.values())
        return templates + self.waiting_size


@dataclass(slots=True)
class SharedSequence:
    """Whether the domains of a session are numbered as one: how often that was so (``hits``), and was not.

    Some exporters put noise where the domain is, or count all their domains together. It is watched from the datagram
    after ``since`` on, a serial number. ``domain`` is that of the last datagram.
    """

    since: int
    tracker: Tracker = field(default_factory=Tracker)
    hits: int = 0
    misses: int = 0
    domain: int = 0

    def copy(self) -> SharedSequence:
        """Return one that goes its own way."""
        return replace(self, tracker=self.tracker.copy())

    @property
    def is_one(self) -> bool:
        """Tell whether the domains are numbered as one."""
        return self.hits >= ENOUGH_HITS and self.hits > self.misses

    @property
    def is_refuted(self) -> bool:
        """Tell whether they are not, for good."""
        return self.misses >= ENOUGH_MISSES and not self.is_one

    def weigh(self, domain: int, point: Point) -> None:
        """Take a datagram as evidence when it is of another domain than the one before it."""
        last = self.tracker.last
        if last is not None and domain != self.domain:
            if continues(last, point):
                self.hits = min(self.hits + 1, MOST_HITS)
            else:
                self.misses = min(self.misses + 1, MOST_HITS)
        self.domain = domain

    def advance(self, domain: int, point: Point) -> list[Missing]:
        """Take the next datagram and return what is now known to be lost if the domains are numbered as one."""
        self.weigh(domain, point)
        missing = self.tracker.advance(point)
        return missing if self.is_one else []

    def settle(self, clock_ns: int) -> list[Missing]:
        """Return the gaps that nothing will fill any more by this time if the domains are numbered as one."""
        missing = self.tracker.settle(clock_ns)
        return missing if self.is_one else []


@dataclass(slots=True)
class SessionState:
    """What a transport session told in options, how many templates it has, and, by version, how many streams.

    ``shared`` is there, by version, when it has or had several.
    """

    options: Options = field(default_factory=Options)
    templates: int = 0
    streams: dict[int, int] = field(default_factory=dict)
    shared: dict[int, SharedSequence] = field(default_factory=dict)

    def copy(self) -> SessionState:
        """Return a state that goes its own way."""
        shared = {version: sequence.copy() for version, sequence in self.shared.items()}
        return SessionState(self.options, self.templates, dict(self.streams), shared)

    @property
    def size(self) -> int:
        """The bytes that its options are counted for."""
        return len(self.options.facts) * FACT_SIZE


@dataclass(frozen=True, slots=True)
class Sessions:
    """The state of all exporters; never changed, every batch returns new ones.

    ``clock_ns`` is how far their clock has gone, ``received_ns`` the latest receipt time so far; ``serial`` counts
    datagrams; ``held`` is the size of all states.
    """

    streams: Mapping[StreamId, StreamState] = field(default_factory=dict)
    sessions: Mapping[SessionId, SessionState] = field(default_factory=dict)
    clock_ns: int = 0
    received_ns: int = 0
    serial: int = 0
    held: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "format": FORMAT,
            "clock_ns": self.clock_ns,
            "received_ns": self.received_ns,
            "serial": self.serial,
            "sessions": [_session_to_json(key, state) for key, state in self.sessions.items()],
            "streams": [_stream_to_json(key, state) for key, state in self.streams.items()],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Sessions:
        """Return what ``to_json`` gave away. Raise ValueError for a format of another version."""
        if values.get("format") != FORMAT:
            raise ValueError(f"sessions of format {values.get('format')!r}; this program reads {FORMAT}")
        streams = dict(_stream_from_json(value) for value in values["streams"])
        sessions = dict(_session_from_json(value) for value in values["sessions"])
        held = sum(state.size for state in streams.values()) + sum(state.size for state in sessions.values())
        clock_ns = values["clock_ns"]
        return cls(streams, sessions, clock_ns, values.get("received_ns", clock_ns), values["serial"], held)


def stream_key(stream: StreamId) -> StreamKey:
    """Return the public name of a stream."""
    address, port, domain, version = stream
    return StreamKey(address_text(address), port, domain, version)


def _stream_to_json(stream: StreamId, state: StreamState) -> dict[str, Any]:
    return {
        "stream": list(stream_key(stream)),
        "templates": [
            [number, template.version, template.scopes, _text(template.raw)]
            for number, template in state.templates.items()
        ],
        "waiting": [[*each[:-1], _text(each.body)] for sets in state.waiting.values() for each in sets],
        "tracker": state.tracker.to_json(),
        "seen": state.seen,
        "told": sorted(state.told),
    }


def _stream_from_json(value: Mapping[str, Any]) -> tuple[StreamId, StreamState]:
    address, port, domain, version = value["stream"]
    waiting: dict[int, list[WaitingSet]] = {}
    for *numbers, body in value["waiting"]:
        each = WaitingSet._make([*numbers, _bytes(body)])
        waiting.setdefault(each.template_id, []).append(each)
    return (address_bytes(address), port, domain, version), StreamState(
        templates={
            number: Template(template_version, scopes, _bytes(raw))
            for number, template_version, scopes, raw in value["templates"]
        },
        waiting=waiting,
        tracker=Tracker.from_json(value["tracker"]),
        seen=value["seen"],
        told=frozenset(value.get("told", ())),
    )


def _session_to_json(session: SessionId, state: SessionState) -> dict[str, Any]:
    address, port = session
    return {
        "session": [address_text(address), port],
        "options": state.options.to_json(),
        "templates": state.templates,
        "streams": list(state.streams.items()),
        "shared": [
            [version, each.since, each.tracker.to_json(), each.hits, each.misses, each.domain]
            for version, each in state.shared.items()
        ],
    }


def _session_from_json(value: Mapping[str, Any]) -> tuple[SessionId, SessionState]:
    address, port = value["session"]
    return (address_bytes(address), port), SessionState(
        options=Options.from_json(value["options"]),
        templates=value["templates"],
        streams=dict(value["streams"]),
        shared={
            version: SharedSequence(since, Tracker.from_json(tracker), hits, misses, domain)
            for version, since, tracker, hits, misses, domain in value["shared"]
        },
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
