"""Properties that hold for any template, any records, any order of datagrams and any bytes."""

import random
import struct
from collections import Counter
from dataclasses import fields as dataclass_fields
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlogs.netflow import COLUMNS, Counters, Datagram, Decoded, Sessions, decode, registry

from .messages import (
    EXPORTER,
    RECEIVED_NS,
    SECOND,
    VARIABLE,
    column,
    counted,
    ipfix,
    ipfix_options_set,
    ipfix_template_set,
    number,
    run,
    set_,
    through_json,
    v5,
    v5_record,
    v9,
    v9_options_set,
    v9_template_set,
)

# element, column, lengths it may have
ELEMENTS = [
    (7, "srcport", (1, 2)),
    (11, "dstport", (1, 2)),
    (6, "tcp_flags", (1, 2)),
    (10, "input_if", (1, 2, 3, 4)),
    (14, "output_if", (2, 4)),
    (61, "flow_direction", (1,)),
    (89, "forwarding_status", (1,)),
    (233, "firewall_event", (1,)),
    (136, "end_reason", (1,)),
    (138, "observation_point", (1, 2, 4, 5, 8)),
    (1, "bytes", (1, 2, 3, 4, 5, 6, 7, 8)),
]
UNREAD = [(5, 1, 0), (82, 16, 0), (210, 3, 0), (100, 4, 9999), (1, 8, 9999), (95, 13, 0)]
UNREAD_IPFIX = [*UNREAD, (83, VARIABLE, 0), (110, VARIABLE, 6876)]


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, int]], list[dict[int, int]]]:
    """Draw a version, the fields of a template in any order, and records as values by element."""
    version = draw(st.sampled_from([9, 10]))
    source, destination, length = draw(st.sampled_from([(8, 12, 4), (27, 28, 16)]))
    chosen = draw(st.lists(st.sampled_from(ELEMENTS), unique=True))
    fields = [(source, length, 0), (destination, length, 0), (2, draw(st.sampled_from((4, 8))), 0), (4, 1, 0)]
    fields += [(element, draw(st.sampled_from(lengths)), 0) for element, _, lengths in chosen]
    fields += draw(st.lists(st.sampled_from(UNREAD_IPFIX if version == 10 else UNREAD[:3]), max_size=4))
    fields = draw(st.permutations(fields))
    values = {
        element: st.integers(0, 256**size - 1)
        for element, size, enterprise in fields
        if not enterprise and size < 100
    }
    values[4] = st.sampled_from([6, 17, 47])
    return version, fields, draw(st.lists(st.fixed_dictionaries(values), min_size=1, max_size=40))


def encoded(record: dict[int, int], fields: list[tuple[int, int, int]], chance: random.Random) -> bytes:
    packed = b""
    for element, length, enterprise in fields:
        if length == VARIABLE:
            content = chance.randbytes(chance.choice((0, 1, 7, 254, 255, 300)))
            is_long = len(content) >= 255 or chance.random() < 0.2
            packed += (b"\xff" + number(len(content), 2) if is_long else number(len(content), 1)) + content
        else:
            packed += chance.randbytes(length) if enterprise else number(record[element], length)
    return packed


@given(tables(), st.integers(1, 12), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_bulk_decoding_equals_reading_record_by_record(table, per_set, chance):
    version, fields, records = table
    specifiers = [
        (element, length, *([enterprise] if enterprise else [])) for element, length, enterprise in fields
    ]
    make, announce = (ipfix, ipfix_template_set) if version == 10 else (v9, v9_template_set)
    if version == 9:
        specifiers = [each[:2] for each in specifiers]
    chunks = [records[start : start + per_set] for start in range(0, len(records), per_set)]
    sets = [set_(300, b"".join(encoded(record, fields, chance) for record in chunk)) for chunk in chunks]
    decoded = run(make(announce(300, specifiers)), *(make(each) for each in sets))
    assert column(decoded, "packets") == [record[2] for record in records]
    assert column(decoded, "protocol") == [record[4] for record in records]
    for low, high, v4, v6 in (("src_lo", "src_hi", 8, 27), ("dst_lo", "dst_hi", 12, 28)):
        addresses = [
            high << 64 | low for high, low in zip(column(decoded, high), column(decoded, low), strict=True)
        ]
        assert addresses == [record[v4] if v4 in record else record[v6] for record in records]
    present = {element for element, _, enterprise in fields if not enterprise}
    for element, name, _ in ELEMENTS:
        if element in present:
            assert column(decoded, name) == [record[element] for record in records]
    assert not [loss for loss in decoded.losses if loss.reason != "sequence gap"]


# a small world of datagrams that speak of the same few templates and streams in every way, right and wrong
ENDS = [(8, 4), (12, 4)]
LAYOUTS = [
    [*ENDS, (2, 4)],
    [*ENDS, (1, 8), (2, 8)],
    [*ENDS, (22, 4), (21, 4), (2, 4)],
    [*ENDS, (83, VARIABLE), (2, 2)],
]
BODY = st.binary(min_size=0, max_size=60)


def data_set(template_id: int) -> st.SearchStrategy[bytes]:
    return BODY.map(lambda body: set_(template_id, body))


SETS = st.one_of(
    st.builds(ipfix_template_set, st.sampled_from([256, 257]), st.sampled_from(LAYOUTS)),
    st.builds(v9_template_set, st.sampled_from([256, 257]), st.sampled_from(LAYOUTS[:3])),
    st.just(ipfix_options_set(258, [(143, 4)], [(160, 8)])),
    st.just(v9_options_set(258, [(1, 4)], [(34, 4)])),
    st.builds(lambda boot: set_(258, number(1, 4) + number(boot, 8)), st.integers(0, 2_000_000_000_000)),
    data_set(256),
    data_set(257),
    data_set(258),
    st.just(set_(2, struct.pack(">HH", 256, 0))),
    st.just(set_(2, struct.pack(">HH", 2, 0))),
    st.just(set_(7, b"1234")),
    st.binary(max_size=12),
)
SEQUENCE = st.one_of(st.integers(0, 40), st.integers(0, (1 << 32) - 1))
PAYLOADS = st.one_of(
    st.builds(
        lambda make, sets, s, d: make(*sets, sequence=s, domain=d),
        st.sampled_from([ipfix, v9]), st.lists(SETS, max_size=4), SEQUENCE, st.integers(0, 1),
    ),
    st.builds(
        lambda flows, s, e, cut: v5(*[v5_record()] * flows, sequence=s, engine=e)[: 24 + 48 * flows - cut],
        st.integers(0, 4), SEQUENCE, st.integers(0, 2), st.sampled_from([0, 0, 0, 10, 60]),
    ),
    st.binary(max_size=40),
)  # fmt: skip


@st.composite
def batches(draw: st.DrawFn) -> list[Datagram]:
    now_ns, made = RECEIVED_NS, []
    for payload in draw(st.lists(PAYLOADS, max_size=30)):
        now_ns += draw(
            st.sampled_from(
                [0, 1000, SECOND // 2, SECOND, 31 * SECOND, 61 * SECOND, -5 * SECOND, -900 * SECOND]
            )
        )
        made.append(Datagram(now_ns, EXPORTER, draw(st.sampled_from([2055, 2056])), payload))
    return made


def content(*parts: Decoded) -> tuple[Counter, list, dict]:
    """Return all flows, losses and counters of some batches, whatever the order."""
    flows: Counter = Counter()
    counters: dict = {}
    losses = []
    for part in parts:
        names = [name for name in COLUMNS if name != "stream"]
        streams = [part.streams[index] for index in column(part, "stream")]
        flows.update(zip(streams, *(column(part, name) for name in names), strict=True))
        losses += [
            (loss.stream, loss.count, loss.unit, loss.received_ns, loss.reason) for loss in part.losses
        ]
        for key, each in part.counters.items():
            counters.setdefault(key, Counters()).add(each)
    return flows, sorted(losses), {key: each for key, each in counters.items() if each != Counters()}


def told_once(decoded: Decoded, datagrams: list[Datagram]) -> bool:
    """Tell whether no more datagrams of a time are told to be unreadable than were received."""
    told = Counter(
        loss.received_ns
        for loss in decoded.losses
        if loss.unit == "datagrams" and loss.reason != "sequence gap"
    )
    return told <= Counter(each.received_ns for each in datagrams)


def state(sessions: Sessions) -> dict:
    """Return the state of sessions, whatever the order in which exporters came."""
    values = through_json(sessions).to_json()
    values["streams"].sort(key=lambda each: each["stream"])
    values["sessions"].sort(key=lambda each: each["session"])
    return values


LIMITS = {
    "usual limits": {"MOST_TEMPLATES": 1000},
    "few streams": {"MOST_STREAMS": 2},
    "little waiting": {"MOST_WAITING_BYTES": 700},
    "little held": {"MOST_HELD_BYTES": 900},
    "all tight": {
        "MOST_STREAMS": 2, "MOST_HELD_BYTES": 1200, "MOST_WAITING_BYTES": 700, "MOST_TEMPLATES": 2,
    },
}  # fmt: skip
"""Limits of the registry that a few datagrams reach."""


def in_parts(datagrams: list[Datagram], cuts: list[int]) -> list[Decoded]:
    """Decode datagrams cut into batches; a batch is told the latest time that may be told after it."""
    sessions, decoded, start = Sessions(), [], 0
    for end in [*sorted(cuts), len(datagrams)]:
        now_ns = datagrams[end].received_ns - 1 if end < len(datagrams) else None
        decoded.append(decode(datagrams[start:end], sessions, now_ns=now_ns))
        sessions, start = through_json(decoded[-1].sessions), max(start, end)
    return decoded


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
@given(datagrams=batches(), cuts=st.lists(st.integers(0, 30), min_size=1, max_size=4))
@settings(deadline=None, max_examples=200)
def test_the_same_is_told_however_datagrams_are_cut_into_batches(limits, datagrams, cuts):
    with patch.multiple(registry, **limits):
        whole = decode(datagrams, Sessions())
        parts = in_parts(datagrams, cuts)
    assert content(*parts) == content(whole)
    after = parts[-1].sessions
    assert after.held == whole.sessions.held == through_json(whole.sessions).held
    assert state(after) == state(whole.sessions)
    assert told_once(whole, datagrams)


@given(batches())
@settings(deadline=None, max_examples=150)
def test_every_datagram_is_counted_and_every_column_is_sound(datagrams):
    decoded = decode(datagrams, Sessions())
    assert counted(decoded, "datagrams") == len(datagrams)
    assert counted(decoded, "flows") == len(decoded.flows)
    assert all(loss.count > 0 for loss in decoded.losses)
    flows = decoded.flows
    assert (flows.start_ms <= flows.end_ms).all()
    assert (flows.start_ms >= 0).all()
    assert (flows.sampling >= 1).all()
    assert set(column(decoded, "family")) <= {4, 6}
    assert all(len(getattr(flows, name)) == len(flows) for name in COLUMNS)


@given(st.lists(st.binary(max_size=200), max_size=8))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_counted_and_never_raise(payloads):
    decoded = run(*payloads)
    assert counted(decoded, "datagrams") == len(payloads)


def test_all_counters_can_be_added():
    one = Counters(**{field.name: 1 for field in dataclass_fields(Counters)})
    two = Counters()
    two.add(one)
    two.add(one)
    assert two == Counters(**{field.name: 2 for field in dataclass_fields(Counters)})
