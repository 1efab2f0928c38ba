"""The exporters of a batch: their state while it is decoded, within limits that no sender can stretch."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .groups import Group
from .model import Counters, Loss, Reason, StreamKey, Unit
from .options import Options
from .sequence import Missing
from .sessions import (
    ITEM_OVERHEAD,
    SessionId,
    Sessions,
    SessionState,
    SharedSequence,
    StreamId,
    StreamState,
    WaitingSet,
    stream_key,
)
from .templates import FIRST_TEMPLATE_ID, V9, Template

MOST_TEMPLATES: Final = 1000
"""Templates of one transport session."""

MOST_WAITING_BYTES: Final = 1 << 20
"""Data of one stream that waits for templates."""

WAITING_NS: Final = 60_000_000_000
SECOND_NS: Final = 1_000_000_000
CLOCK_STEP_NS: Final = 600_000_000_000
"""Receipt times may be out of order by less than this."""

LONGEST_STEP_NS: Final = 3_600_000_000_000
"""The clock goes no further at once: nothing is waited for that long, and wrong receipt times may be years ahead."""

MOST_STREAMS: Final = 8192
MOST_HELD_BYTES: Final = 32 << 20
"""All templates, options and waiting data together."""


@dataclass(slots=True, eq=False)
class Stream:
    """A stream that sends in this batch. ``index`` is its place among the streams of the batch.

    ``number`` is that of its state, which is another one when the stream was forgotten and came again. ``view`` is
    made from the options ``viewed``. ``forgotten`` is the serial number of the datagram with which it was.
    """

    id: StreamId
    index: int
    number: int
    state: StreamState
    session: SessionState
    counters: Counters
    view: int = 0
    viewed: Options | None = None
    groups: dict[int, Group] = field(default_factory=dict)
    waiting_bytes: int = 0
    forgotten: int | None = None

    @property
    def shared(self) -> SharedSequence | None:
        """What is known of the numbering of all domains of its session together; None when there is one domain."""
        return self.session.shared.get(self.id[3])


class Broken(NamedTuple):
    """A datagram of which not all can be read. ``moment`` orders what showed it, however batches are cut."""

    moment: tuple[int, bool]
    stream: Stream
    received_ns: int
    reason: Reason


class Registry:
    """Finds streams by their id and keeps what is held for them within limits.

    ``clock_ns`` goes as receipt times do, but stands where these are set back.
    """

    def __init__(self, before: Sessions) -> None:
        self.clock_ns = before.clock_ns
        self._received_ns = before.received_ns
        self.serial = before.serial
        self.streams: list[Stream] = []
        self.keys: list[StreamKey] = []
        self.counters: list[Counters] = []
        self.losses: list[Loss] = []
        self._states = dict(before.streams)
        self._sessions = dict(before.sessions)
        self._active: dict[StreamId, Stream] = {}
        self._own_sessions: set[tuple[bytes, int]] = set()
        self._indexes: dict[StreamId, int] = {}
        self._held = before.held
        self._broken: dict[int, Broken] = {}
        self._ended: list[tuple[SessionId, int, SharedSequence]] = []
        self._is_anything_waiting = any(state.waiting for state in self._states.values())

    def tick(self, received_ns: int) -> None:
        """Let the clock go on to a receipt time.

        Once a second, what has waited too long is given up: in the middle of a batch too, because it makes room.
        """
        step = received_ns - self._received_ns
        if step > 0:
            before_ns = self.clock_ns
            self.clock_ns = before_ns + min(step, LONGEST_STEP_NS) if before_ns else received_ns
            self._received_ns = received_ns
            if self._is_anything_waiting and before_ns // SECOND_NS != self.clock_ns // SECOND_NS:
                self._expire()
        elif step < -CLOCK_STEP_NS:
            # the clock that makes receipt times was set back
            self._received_ns = received_ns

    def tick_through(self, now_ns: int) -> None:
        """Let the clock go on to a receipt time through which nothing else will come."""
        self.tick(max(now_ns, self._received_ns))

    def stream(self, stream_id: StreamId) -> Stream:
        """Return the stream of a datagram that is being read."""
        found = self._active.get(stream_id)
        if found is None:
            found = self._activate(stream_id)
        self.serial += 1
        found.state.seen = self.serial
        return found

    def index(self, stream_id: StreamId) -> int:
        """Return the place of a stream among those of the batch, whether or not anything is kept of it."""
        index = self._indexes.get(stream_id)
        if index is None:
            index = self._indexes[stream_id] = len(self.keys)
            self.keys.append(stream_key(stream_id))
            self.counters.append(Counters())
        return index

    def after(self) -> Sessions:
        """Return the state to go on from."""
        return Sessions(
            self._states, self._sessions, self.clock_ns, self._received_ns, self.serial, self._held
        )

    def store_template(self, stream: Stream, template_id: int, template: Template) -> bool:
        """Keep a template in place of any other of its id; tell whether it is a new one.

        Where a session has too many, the one announced longest ago gives way.
        """
        templates = stream.state.templates
        if templates.get(template_id) is template:
            templates[template_id] = templates.pop(template_id)
            return False
        self.drop_template(stream, template_id)
        if stream.session.templates >= MOST_TEMPLATES:
            if not templates:
                stream.counters.rejected_templates += 1
                return False
            self.drop_template(stream, next(iter(templates)))
            stream.counters.evicted_templates += 1
        templates[template_id] = template
        stream.session.templates += 1
        stream.counters.templates += 1
        self._held += len(template.raw) + ITEM_OVERHEAD
        self._make_room(stream)
        return True

    def drop_template(self, stream: Stream, template_id: int) -> bool:
        """Forget a template; tell whether there was one."""
        template = stream.state.templates.pop(template_id, None)
        stream.groups.pop(template_id, None)
        if template is None:
            return False
        stream.session.templates -= 1
        self._held -= len(template.raw) + ITEM_OVERHEAD
        return True

    def withdraw(self, stream: Stream, template_id: int, is_options: bool) -> None:
        """Forget a template that its exporter takes back, or all of a kind (RFC 7011 section 8.1)."""
        chosen = [template_id]
        if template_id < FIRST_TEMPLATE_ID:
            templates = stream.state.templates.items()
            chosen = [number for number, template in templates if template.is_options == is_options]
        stream.counters.withdrawn_templates += sum(self.drop_template(stream, number) for number in chosen)

    def wait(self, stream: Stream, waiting: WaitingSet) -> None:
        """Put a set aside until its template comes, or give it up when too much waits already."""
        if stream.waiting_bytes + waiting.size > MOST_WAITING_BYTES:
            self._give_up(stream, [waiting])
            return
        stream.counters.waiting += 1
        self._keep(stream, waiting.template_id, [waiting])
        self._make_room(stream)

    def take_waiting(self, stream: Stream, template_id: int) -> list[WaitingSet]:
        """Return the sets that waited for a template no longer than they may; none waits for it any more."""
        return self._take_in_time(stream, template_id, self.clock_ns)

    def tell_options(self, stream: Stream, options: Options) -> None:
        """Keep what an exporter told of itself."""
        before = stream.session.size
        stream.session.options = options
        self._held += stream.session.size - before
        self._make_room(stream)

    def with_gaps(self) -> list[Stream]:
        """Return the streams that have a sequence gap which nothing will fill any more."""
        states = self._states.items()
        due = [stream_id for stream_id, state in states if state.tracker.is_due(self.clock_ns)]
        return [self._active.get(stream_id) or self._activate(stream_id) for stream_id in due]

    def with_open_gaps(self) -> list[Stream]:
        """Return the streams that have any sequence gap, of the sessions of this batch."""
        for stream_id, state in self._states.items():
            if state.tracker.gaps and stream_id[:2] in self._own_sessions and stream_id not in self._active:
                self._activate(stream_id)
        return [stream for stream in self.streams if stream.state.tracker.gaps]

    def shared_with_gaps(self) -> list[tuple[StreamId, SharedSequence]]:
        """Return the shared sequences that have such a gap, with the stream that was heard last."""
        found = []
        for session_id, session in list(self._sessions.items()):
            for version, shared in session.shared.items():
                if shared.tracker.is_due(self.clock_ns):
                    stream_id = (*session_id, shared.domain, version)
                    found.append((stream_id, self._own_session(stream_id, is_new=False).shared[version]))
        return found

    def shared_at_end(self) -> list[tuple[StreamId, SharedSequence]]:
        """Return the shared sequences of sessions that were forgotten, with the stream that was heard last."""
        return [
            ((*session_id, shared.domain, version), shared) for session_id, version, shared in self._ended
        ]

    def break_datagram(
        self, stream: Stream, serial: int, received_ns: int, reason: Reason, since: int | None = None
    ) -> None:
        """Note that not all of a datagram can be read, which showed with the datagram numbered ``since``, or now.

        It is told once, for what showed first, however often that is noted in this batch or in later ones.
        """
        # sets are also given up between one datagram and the next, when a batch may have ended
        moment = (self.serial if since is None else since, reason is Reason.NO_TEMPLATE)
        noted = self._broken.get(serial)
        if serial not in stream.state.told and (noted is None or moment < noted.moment):
            self._broken[serial] = Broken(moment, stream, received_ns, reason)

    def tell_broken(self) -> None:
        """Note the datagrams of which not all could be read as lost, and which of them may yet show to be so again."""
        told: dict[int, set[int]] = defaultdict(set)
        for serial, (_, stream, received_ns, reason) in self._broken.items():
            self.lose(stream.index, 1, "datagrams", received_ns, reason)
            told[stream.number].add(serial)
        for stream in self.streams:
            state = stream.state
            if state.told or stream.number in told:
                waiting = {each.datagram for sets in state.waiting.values() for each in sets}
                state.told = frozenset(waiting & (state.told | told[stream.number]))
        self._broken = {}

    def lose(self, index: int, count: int, unit: Unit, received_ns: int, reason: Reason) -> None:
        """Note a loss of the stream at ``index``."""
        self.losses.append(Loss(self.keys[index], count, unit, received_ns, reason))

    def miss(self, stream_id: StreamId, missing: list[Missing]) -> None:
        """Note what the sequence of a stream shows to be lost: v9 counts datagrams, all others flows."""
        unit: Unit = "datagrams" if stream_id[3] == V9 else "flows"
        for size, received_ns in missing:
            self.lose(self.index(stream_id), size, unit, received_ns, Reason.SEQUENCE)

    def _expire(self) -> None:
        """Give up the sets that have waited too long when the second began, whatever part of it has passed."""
        now_ns = self.clock_ns // SECOND_NS * SECOND_NS
        for stream_id, state in list(self._states.items()):
            # the sets of a template are in the order of their receipt
            late = [number for number, sets in state.waiting.items() if _is_late(sets[0], now_ns)]
            if late:
                stream = self._active.get(stream_id) or self._activate(stream_id)
                for template_id in late:
                    self._keep(stream, template_id, self._take_in_time(stream, template_id, now_ns))
        self._is_anything_waiting = any(state.waiting for state in self._states.values())

    def _activate(self, stream_id: StreamId) -> Stream:
        state = self._states.get(stream_id)
        if state is None and len(self._states) >= MOST_STREAMS:
            self._forget_oldest(None)
        session = self._own_session(stream_id, is_new=state is None)
        self._states[stream_id] = state = state.copy() if state else StreamState()
        index = self.index(stream_id)
        stream = Stream(stream_id, index, len(self.streams), state, session, self.counters[index])
        stream.waiting_bytes = state.waiting_size
        self._active[stream_id] = stream
        self.streams.append(stream)
        return stream

    def _own_session(self, stream_id: StreamId, *, is_new: bool) -> SessionState:
        """Return the session of a stream, as one that this batch may change."""
        session_id, version = stream_id[:2], stream_id[3]
        session = self._sessions.get(session_id) or SessionState()
        if session_id not in self._own_sessions:
            session = self._sessions[session_id] = session.copy()
            self._own_sessions.add(session_id)
        if is_new:
            session.streams[version] = session.streams.get(version, 0) + 1
            if session.streams[version] == 2 and version not in session.shared:
                session.shared[version] = SharedSequence(since=self.serial)
        return session

    def _make_room(self, stream: Stream) -> None:
        """Keep all that is held within its limit, which no stream by itself can reach: not by the one being read."""
        if self._held > MOST_HELD_BYTES:
            self._forget_oldest(stream.id)

    def _forget_oldest(self, reading: StreamId | None) -> None:
        """Forget the quarter of the streams that have been silent longest, but none that is being read."""
        oldest = sorted(self._states, key=lambda stream_id: self._states[stream_id].seen)
        for stream_id in oldest[: max(len(oldest) // 4, 1)]:
            if stream_id != reading:
                self._forget(stream_id)

    def _forget(self, stream_id: StreamId) -> None:
        state = self._states[stream_id]
        if state.waiting or state.tracker.gaps or stream_id in self._active:
            stream = self._active.get(stream_id) or self._activate(stream_id)
            for template_id in list(stream.state.waiting):
                self._give_up(stream, self._release(stream, template_id))
            stream.forgotten = self.serial
            del self._active[stream_id]
        state = self._states.pop(stream_id)
        self._held -= state.size
        session = self._own_session(stream_id, is_new=False)
        session.templates -= len(state.templates)
        session.streams[stream_id[3]] -= 1
        if not any(session.streams.values()):
            self._held -= session.size
            self._ended += [(stream_id[:2], version, shared) for version, shared in session.shared.items()]
            del self._sessions[stream_id[:2]]
            self._own_sessions.discard(stream_id[:2])

    def _keep(self, stream: Stream, template_id: int, sets: list[WaitingSet]) -> None:
        if sets:
            size = sum(each.size for each in sets)
            self._is_anything_waiting = True
            stream.state.waiting.setdefault(template_id, []).extend(sets)
            stream.waiting_bytes += size
            self._held += size

    def _take_in_time(self, stream: Stream, template_id: int, now_ns: int) -> list[WaitingSet]:
        """Take out the sets that wait for a template, and give up those that have waited too long by this time."""
        sets = self._release(stream, template_id)
        self._give_up(stream, [each for each in sets if _is_late(each, now_ns)])
        return [each for each in sets if not _is_late(each, now_ns)]

    def _release(self, stream: Stream, template_id: int) -> list[WaitingSet]:
        sets = stream.state.waiting.pop(template_id, [])
        size = sum(each.size for each in sets)
        stream.waiting_bytes -= size
        self._held -= size
        return sets

    def _give_up(self, stream: Stream, sets: list[WaitingSet]) -> None:
        """Count sets whose template did not come, and the datagrams that they were in, as lost."""
        stream.counters.unknown_template += len(sets)
        for each in sets:
            self.break_datagram(stream, each.datagram, each.received_ns, Reason.NO_TEMPLATE)


def _is_late(waiting: WaitingSet, now_ns: int) -> bool:
    """Tell whether a set has waited too long."""
    return now_ns - waiting.since_ns > WAITING_NS
