"""Templates: kept, changed, taken back, refused; and data that come before theirs."""

import json
import struct
from unittest.mock import patch

import pytest

from flowlogs.netflow import Sessions, registry

from .messages import (
    END_NS,
    EXPORT_S,
    RECEIVED_NS,
    SECOND,
    VARIABLE,
    column,
    counted,
    datagram,
    ip,
    ipfix,
    ipfix_options_set,
    ipfix_template_set,
    lost,
    number,
    run,
    set_,
    template,
    through_json,
    v9,
    v9_options_set,
    v9_template_set,
)

FIELDS = [(8, 4), (12, 4), (2, 4)]
OTHER = [(8, 4), (12, 4), (1, 4)]
MINUTE = 60 * SECOND


def record(packets: int) -> bytes:
    return ip("10.0.0.1") + ip("10.0.0.2") + number(packets, 4)


def test_templates_belong_to_address_port_and_domain():
    announced = ipfix(ipfix_template_set(256, FIELDS), domain=1)
    data = set_(256, record(1))
    decoded = run(
        announced,
        datagram(ipfix(data, domain=2), RECEIVED_NS),
        datagram(ipfix(data, domain=1), RECEIVED_NS, port=9999),
        datagram(ipfix(data, domain=1), RECEIVED_NS, address=bytes(15) + b"\1"),
        datagram(v9(data, domain=1), RECEIVED_NS),
        datagram(ipfix(data, domain=1), RECEIVED_NS),
    )
    assert len(decoded.flows) == 1
    assert [
        (loss.stream.port, loss.stream.domain, loss.stream.version, loss.reason) for loss in decoded.losses
    ] == [
        (2055, 2, 10, "no template"),
        (9999, 1, 10, "no template"),
        (2055, 1, 10, "no template"),
        (2055, 1, 9, "no template"),
    ]


def test_streams_with_the_same_template_number_and_other_layouts_are_kept_apart():
    decoded = run(
        ipfix(ipfix_template_set(256, FIELDS), set_(256, record(5)), domain=1),
        ipfix(ipfix_template_set(256, OTHER), set_(256, record(6)), domain=2),
        ipfix(set_(256, record(7)), domain=1, sequence=1),
        ipfix(set_(256, record(8)), domain=2, sequence=1),
    )
    flows = sorted(
        zip(column(decoded, "stream"), column(decoded, "packets"), column(decoded, "bytes"), strict=True)
    )
    assert flows == [(0, 5, 0), (0, 7, 0), (1, 0, 6), (1, 0, 8)]


@pytest.mark.parametrize("make", [ipfix, v9], ids=["ipfix", "v9"])
def test_a_changed_template_holds_from_then_on(make):
    announce = ipfix_template_set if make is ipfix else v9_template_set
    decoded = run(
        make(announce(256, FIELDS), set_(256, record(5)), announce(256, OTHER), set_(256, record(6))),
        make(set_(256, record(7)), sequence=2 if make is ipfix else 1),
    )
    assert sorted(column(decoded, "packets")) == [0, 0, 5]
    assert sorted(column(decoded, "bytes")) == [0, 6, 7]
    assert not decoded.losses


def test_a_withdrawn_template_reads_no_more_data():
    decoded = run(
        ipfix(ipfix_template_set(256, FIELDS), set_(256, record(1))),
        ipfix(set_(2, struct.pack(">HH", 256, 0)), sequence=1),
        ipfix(set_(256, record(2)), sequence=1),
    )
    assert column(decoded, "packets") == [1]
    assert counted(decoded, "withdrawn_templates") == 1
    assert lost(decoded) == [(1, "datagrams")]


@pytest.mark.parametrize(
    ("set_id", "left"),
    [pytest.param(2, "options", id="all templates"), pytest.param(3, "flows", id="all options")],
)
def test_all_templates_of_a_kind_are_withdrawn_at_once(set_id, left):
    first = ipfix(
        ipfix_template_set(256, FIELDS),
        ipfix_template_set(257, OTHER),
        ipfix_options_set(258, [(149, 4)], [(41, 4)]),
    )
    second = ipfix(set_(set_id, struct.pack(">HH", set_id, 0)), set_(256, record(1)), set_(258, bytes(8)))
    decoded = run(first, second)
    assert len(decoded.flows) == (left == "flows")
    assert counted(decoded, "options_records") == (left == "options")
    assert counted(decoded, "withdrawn_templates") == (2 if set_id == 2 else 1)


@pytest.mark.parametrize(
    ("body", "rejected"),
    [
        pytest.param(template(256, [(8, 0), (12, 0)]), 1, id="record of length 0"),
        pytest.param(
            template(256, [(8, 4), (12, 4), (82, 65534), (2, 4)]), 1, id="record longer than any datagram"
        ),
        pytest.param(
            struct.pack(">HH", 256, 5) + bytes.fromhex("00080004000c0004"), 1, id="more fields than there are"
        ),
        pytest.param(struct.pack(">HH", 256, 65535), 1, id="65 535 fields"),
        pytest.param(template(256, [(8, 3), (12, 4), (2, 4)]), 1, id="an IPv4 address of 3 bytes"),
        pytest.param(template(256, [(8, 4), (12, 4), (2, 9)]), 1, id="a counter of 9 bytes"),
        pytest.param(template(256, [(8, 4), (12, 4), (2, VARIABLE)]), 1, id="a counter of variable length"),
        pytest.param(template(3, [(8, 4), (12, 4), (2, 4)]), 1, id="a number below 256"),
        pytest.param(bytes.fromhex("01000001800800040000"), 1, id="half an enterprise number"),
        pytest.param(bytes.fromhex("010000"), 0, id="half a header is padding"),
    ],
)
def test_a_bad_template_is_refused_and_its_data_are_counted_as_lost(body, rejected):
    good = ipfix(ipfix_template_set(300, FIELDS), set_(300, record(1)))
    bad = ipfix(set_(2, body), set_(256, record(2)), sequence=1)
    after = ipfix(set_(300, record(3)), sequence=2)
    decoded = run(good, bad, after)
    assert column(decoded, "packets") == [1, 3]
    assert counted(decoded, "rejected_templates") == rejected
    assert lost(decoded) == [(1, "datagrams")]


def test_a_broken_template_does_not_leave_the_old_one_to_read_its_data():
    decoded = run(
        ipfix(ipfix_template_set(256, FIELDS)),
        ipfix(set_(2, struct.pack(">HH", 256, 9) + bytes.fromhex("00010004")), set_(256, record(2))),
    )
    assert len(decoded.flows) == 0
    assert lost(decoded) == [(1, "datagrams")]


@pytest.mark.parametrize("scopes", [0, 3], ids=["no scope", "more scopes than fields"])
def test_an_options_template_with_an_impossible_scope_is_refused(scopes):
    body = struct.pack(">HHHHHHH", 256, 2, scopes, 149, 4, 34, 4)
    decoded = run(ipfix(set_(3, body)))
    assert counted(decoded, "rejected_templates") == 1


def test_a_version_9_options_template_of_broken_lengths_is_refused():
    decoded = run(v9(set_(1, struct.pack(">HHHHHHH", 256, 3, 4, 1, 4, 34, 4))))
    assert counted(decoded, "rejected_templates") == 1


def test_no_session_keeps_more_than_1000_templates():
    payloads = [ipfix(ipfix_template_set(256 + number_, FIELDS)) for number_ in range(1100)]
    decoded = run(*payloads)
    assert len(next(iter(decoded.sessions.streams.values())).templates) == 1000
    assert counted(decoded, "evicted_templates") == 100
    after = run(ipfix(set_(256, record(1)), set_(1355, record(2))), sessions=decoded.sessions)
    assert column(after, "packets") == [2]
    assert lost(after) == [(1, "datagrams")]


def test_templates_of_all_domains_of_a_session_count_together():
    payloads = [ipfix(ipfix_template_set(256, FIELDS), domain=domain) for domain in range(1100)]
    decoded = run(*payloads)
    assert sum(len(state.templates) for state in decoded.sessions.streams.values()) == 1000
    assert counted(decoded, "rejected_templates") == 100


@pytest.mark.parametrize("apart", [False, True], ids=["one batch", "two batches"])
@pytest.mark.parametrize("make", [ipfix, v9], ids=["ipfix", "v9"])
def test_data_before_their_template_wait_for_it(make, apart):
    announce = ipfix_template_set if make is ipfix else v9_template_set
    early = datagram(make(set_(256, record(5)), export_s=EXPORT_S - 30), RECEIVED_NS)
    late = datagram(make(announce(256, [*FIELDS]), sequence=1), RECEIVED_NS + 59 * SECOND)
    if apart:
        first = run(early, now_ns=None)
        decoded = run(late, sessions=through_json(first.sessions))
        losses = [*first.losses, *decoded.losses]
    else:
        decoded = run(early, late)
        losses = decoded.losses
    assert column(decoded, "packets") == [5]
    assert column(decoded, "received_ms") == [RECEIVED_NS // 1_000_000]
    assert column(decoded, "export_ms") == [(EXPORT_S - 30) * 1000]
    assert not losses


def test_data_wait_60_seconds_at_most():
    early = datagram(ipfix(set_(256, record(5))), RECEIVED_NS)
    late = datagram(ipfix(ipfix_template_set(256, FIELDS), sequence=1), RECEIVED_NS + MINUTE + 1)
    decoded = run(early, late)
    assert len(decoded.flows) == 0
    assert [(loss.count, loss.unit, loss.reason, loss.received_ns) for loss in decoded.losses] == [
        (1, "datagrams", "no template", RECEIVED_NS)
    ]
    assert (counted(decoded, "waiting"), counted(decoded, "unknown_template")) == (1, 1)


def test_waiting_data_of_a_silent_stream_are_given_up_by_the_clock_of_others():
    silent = datagram(ipfix(set_(256, record(5)), domain=7), RECEIVED_NS)
    first = run(silent, now_ns=None)
    assert not first.losses
    other = run(datagram(ipfix(domain=8), RECEIVED_NS + 2 * MINUTE), sessions=first.sessions, now_ns=None)
    assert [(loss.stream.domain, loss.received_ns) for loss in other.losses] == [(7, RECEIVED_NS)]
    assert not run(sessions=other.sessions).losses


def test_waiting_data_are_given_up_when_told_that_nothing_follows():
    first = run(ipfix(set_(256, record(5))), now_ns=None)
    assert lost(run(sessions=through_json(first.sessions), now_ns=END_NS)) == [(1, "datagrams")]


def test_a_stream_keeps_no_more_than_a_mebibyte_waiting():
    body = record(1) * 100
    payloads = [ipfix(set_(256, body), sequence=100 * index) for index in range(1200)]
    decoded = run(*payloads, now_ns=None)
    state = next(iter(decoded.sessions.streams.values()))
    assert 900_000 < state.waiting_size <= 1 << 20
    kept = counted(decoded, "waiting")
    assert lost(decoded) == [(1, "datagrams")] * (1200 - kept)
    after = run(ipfix(ipfix_template_set(256, FIELDS), sequence=120_000), sessions=decoded.sessions)
    assert len(after.flows) == 100 * kept


def test_two_waiting_sets_of_one_datagram_are_one_lost_datagram():
    decoded = run(ipfix(set_(256, record(1)), set_(257, record(2))))
    assert lost(decoded) == [(1, "datagrams")]
    assert counted(decoded, "unknown_template") == 2


@pytest.mark.parametrize("end_ns", [END_NS, RECEIVED_NS + 61 * SECOND], ids=["at the end", "by the clock"])
def test_datagrams_that_wait_for_the_same_templates_are_lost_once_each(end_ns):
    both = [set_(256, record(1)), set_(257, record(2))]
    decoded = run(ipfix(*both), ipfix(*both), ipfix(*both), now_ns=end_ns)
    assert lost(decoded) == [(1, "datagrams")] * 3
    assert counted(decoded, "unknown_template") == 6


@pytest.mark.parametrize(
    ("early", "reason"),
    [
        pytest.param(ipfix(set_(256, record(1)), set_(257, record(2) * 50)), "no template", id="no room for one"),
        pytest.param(ipfix(set_(256, record(1)), set_(257, record(2)))[:-3], "truncated", id="cut"),
        pytest.param(
            ipfix(ipfix_template_set(258, FIELDS), set_(256, record(1)), set_(258, b"short")),
            "undecodable data",
            id="undecodable",
        ),
        pytest.param(
            ipfix(
                ipfix_template_set(258, [*FIELDS, (82, VARIABLE)]),
                set_(256, record(1)),
                set_(258, record(2) + b"\xff"),
            ),
            "undecodable data",
            id="torn",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("apart", [False, True], ids=["one batch", "two batches"])
def test_a_datagram_is_lost_once_for_what_showed_first(early, reason, apart):
    late = datagram(ipfix(domain=9), RECEIVED_NS + 61 * SECOND)
    with patch.object(registry, "MOST_WAITING_BYTES", 700):
        if apart:
            first = run(early, now_ns=None)
            losses = [*first.losses, *run(late, sessions=through_json(first.sessions)).losses]
        else:
            losses = run(early, late).losses
    assert [(loss.count, loss.unit, loss.received_ns, loss.reason) for loss in losses] == [
        (1, "datagrams", RECEIVED_NS, reason)
    ]


def test_a_lost_datagram_is_remembered_only_while_sets_of_it_wait():
    first = run(ipfix(set_(256, record(1)), set_(257, record(2)))[:-3], now_ns=None)
    assert [state.told for state in first.sessions.streams.values()] == [{1}]
    after = run(ipfix(ipfix_template_set(256, FIELDS)), sessions=through_json(first.sessions), now_ns=None)
    assert [state.told for state in after.sessions.streams.values()] == [set()]
    assert column(after, "packets") == [1]
    assert not after.losses


def test_what_is_held_for_a_stream_is_not_forgotten_while_it_is_read():
    with patch.object(registry, "MOST_HELD_BYTES", 500):
        early = run(ipfix(set_(256, record(1)), set_(257, record(2)), set_(258, record(3))), now_ns=None)
        held = through_json(early.sessions).held
        assert early.sessions.held == held > 500
        assert not early.losses
        templates = [ipfix_template_set(number_, FIELDS) for number_ in (256, 257, 258)]
        assert column(run(ipfix(*templates), sessions=early.sessions), "packets") == [1, 2, 3]


@pytest.mark.parametrize(
    "now_ns", [None, RECEIVED_NS + 59_800_000_000], ids=["at once", "time passes before"]
)
def test_room_is_made_by_the_second_whatever_part_of_it_has_passed(now_ns):
    early = datagram(ipfix(set_(256, record(1) * 30)), RECEIVED_NS)
    before = datagram(ipfix(set_(257, record(1)), sequence=30), RECEIVED_NS + SECOND // 2)
    last = datagram(ipfix(set_(258, record(1)), sequence=31), RECEIVED_NS + 60_600_000_000)
    with patch.object(registry, "MOST_WAITING_BYTES", 900):
        first = run(early, before, now_ns=now_ns)
        second = run(last, sessions=through_json(first.sessions), now_ns=None)
    assert not first.losses
    assert [loss.received_ns for loss in second.losses] == [last.received_ns]


def test_data_wait_on_when_the_clock_is_set_back():
    early = datagram(ipfix(set_(256, record(5))), RECEIVED_NS)
    first = run(early, now_ns=None)
    set_back = datagram(v9(), RECEIVED_NS - 3600 * SECOND)
    later = [
        datagram(ipfix(domain=9), RECEIVED_NS - 3541 * SECOND),
        datagram(ipfix(ipfix_template_set(256, FIELDS), sequence=1), RECEIVED_NS - 3540 * SECOND),
    ]
    assert column(run(set_back, *later, sessions=first.sessions), "packets") == [5]
    too_late = datagram(ipfix(ipfix_template_set(256, FIELDS), sequence=1), RECEIVED_NS - 3539 * SECOND)
    assert lost(run(set_back, too_late, sessions=first.sessions, now_ns=None)) == [(1, "datagrams")]


def test_a_clock_that_is_decades_off_at_every_start_does_no_harm():
    sessions = Sessions()
    for _ in range(20):
        for at_ns in (SECOND, RECEIVED_NS):
            decoded = run(datagram(ipfix(set_(256, record(5))), at_ns), sessions=sessions, now_ns=None)
            sessions = through_json(decoded.sessions)
    decoded = run(ipfix(ipfix_template_set(256, FIELDS), sequence=1), sessions=sessions)
    assert column(decoded, "packets") == [5]


def test_a_set_of_options_that_waited_and_is_torn_is_a_loss_of_its_own_datagram():
    torn = datagram(ipfix(set_(256, number(1, 4) + b"\xff")), RECEIVED_NS)
    announced = ipfix(ipfix_options_set(256, [(149, 4)], [(82, VARIABLE)]), sequence=1)
    decoded = run(torn, datagram(announced, RECEIVED_NS + SECOND))
    assert [(loss.received_ns, loss.reason) for loss in decoded.losses] == [(RECEIVED_NS, "undecodable data")]
    assert counted(decoded, "undecodable_sets") == 1


def test_options_that_waited_for_their_template_are_told():
    data = ipfix(ipfix_template_set(300, FIELDS), set_(256, number(0, 4) + number(50, 4)))
    announced = ipfix(ipfix_options_set(256, [(149, 4)], [(34, 4)]), set_(300, record(1)), sequence=1)
    assert column(run(data, announced), "sampling") == [50]


def test_memory_for_streams_is_bounded_whatever_is_sent():
    payloads = [ipfix(ipfix_template_set(256, FIELDS), domain=domain) for domain in range(900)]
    datagrams = [
        datagram(payload, RECEIVED_NS + port, port=port) for port in range(1, 12) for payload in payloads
    ]
    decoded = run(*datagrams)
    assert len(decoded.sessions.streams) <= 8192
    last = run(
        datagram(ipfix(set_(256, record(1)), domain=899), RECEIVED_NS, port=11), sessions=decoded.sessions
    )
    assert len(last.flows) == 1


def test_decoding_changes_nothing_it_is_given():
    before = run(
        ipfix(ipfix_template_set(256, FIELDS), set_(256, record(1)), set_(257, record(1))),
        v9(v9_options_set(256, [(1, 4)], [(34, 4)]), set_(256, number(0, 4) + number(9, 4))),
        now_ns=None,
    ).sessions
    image = json.dumps(before.to_json())
    run(
        ipfix(ipfix_template_set(257, OTHER), ipfix_template_set(256, OTHER), sequence=77),
        v9(set_(256, number(0, 4) + number(10, 4)), sequence=9),
        sessions=before,
    )
    assert json.dumps(before.to_json()) == image


def test_sessions_of_another_format_are_refused():
    with pytest.raises(ValueError, match="format"):
        Sessions.from_json({"format": 99})
