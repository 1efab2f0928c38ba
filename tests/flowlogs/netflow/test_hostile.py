"""Hostile and damaged datagrams: counted, never an exception, within time and memory."""

import random
import resource
import struct
import time
from pathlib import Path

import pytest

from flowlogs.netflow import Datagram, Sessions, decode

from .messages import (
    EXPORTER,
    RECEIVED_NS,
    VARIABLE,
    counted,
    ip,
    ipfix,
    ipfix_options_set,
    ipfix_template_set,
    lost,
    number,
    run,
    set_,
    v5,
    v5_record,
    v9,
    v9_template_set,
)
from .test_samples import LIVE, OFFLINE, captured

SEED = 20_261_121
HEX = Path(__file__).parents[2] / "samples" / "hex"
MILLISECOND_NS = 1_000_000
FIELDS = [(8, 4), (12, 4), (2, 4)]
RECORD = ip("10.0.0.1") + ip("10.0.0.2") + number(1, 4)
INTERESTING = (0, 1, 2, 3, 4, 5, 9, 10, 0x7F, 0x80, 0xFE, 0xFF)


def originals() -> list[bytes]:
    """Return what is mutated: the samples, and messages with all that they lack."""
    payloads = [each.payload for port in (2055, 2056, 4740, 4741) for each in captured(OFFLINE, port)]
    payloads += [
        each.payload for port in (2058, 2066, 4742, 4743, 4749, 6343) for each in captured(LIVE, port)
    ]
    variable = [*FIELDS, (82, VARIABLE), (83, VARIABLE), (110, VARIABLE, 6876), (61, 1)]
    records = b"".join(RECORD + b"\x03abc\x00\xff\x00\x05hello\x01" for _ in range(20))
    options = ipfix_options_set(500, [(302, 8)], [(305, 4), (306, 4), (160, 8)])
    told = set_(500, struct.pack(">QIIQ", 5, 1, 99, 1_795_235_000_000))
    payloads.append(ipfix(ipfix_template_set(400, variable), set_(400, records)))
    payloads.append(ipfix(options, told, ipfix_template_set(401, [*FIELDS, (22, 4), (21, 4), (302, 8)])))
    payloads.append(ipfix(set_(401, (RECORD + bytes(8) + number(5, 8)) * 10)))
    return payloads


def mutated(payload: bytes, chance: random.Random) -> bytes:
    data = bytearray(payload)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        kind, place = chance.randrange(6), chance.randrange(len(data)) if data else 0
        if not data:
            break
        if kind == 0:
            data[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[place] = chance.choice(INTERESTING)
        elif kind == 2:
            del data[place:]
        elif kind == 3:
            data[place : place + chance.randrange(1, 9)] = chance.randbytes(chance.randrange(9))
        elif kind == 4:
            # lengths, counts and numbers are 16 bits wide at even places
            data[place & ~1 : (place & ~1) + 2] = struct.pack(
                ">H", chance.choice((0, 1, 3, 4, 255, 256, 65534, 65535))
            )
        else:
            data += data[place : place + chance.randrange(200)]
    return bytes(data[:65507])


def decode_mutations(count: int, per_batch: int) -> float:
    """Decode mutated datagrams with sessions that go on; return the longest time of a batch, per datagram, in s."""
    chance, payloads, sessions = random.Random(SEED), originals(), Sessions()
    longest = 0.0
    for start in range(0, count, per_batch):
        batch = []
        for number_ in range(start, start + per_batch):
            payload = mutated(chance.choice(payloads), chance)
            batch.append(Datagram(RECEIVED_NS + number_ * MILLISECOND_NS, EXPORTER, 2055, payload))
        began = time.process_time()
        decoded = decode(batch, sessions)
        longest = max(longest, (time.process_time() - began) / per_batch)
        assert counted(decoded, "datagrams") == per_batch
        assert counted(decoded, "flows") == len(decoded.flows)
        sessions = decoded.sessions
    return longest


def test_mutated_datagrams_never_raise():
    decode_mutations(20_000, per_batch=100)


@pytest.mark.long
def test_a_million_mutated_datagrams_take_neither_time_nor_memory():
    decode_mutations(50_000, per_batch=100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    longest = decode_mutations(1_000_000, per_batch=100)
    assert longest < 0.05
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 50 * 1024


def test_cutting_a_datagram_anywhere_never_raises_and_never_invents_flows():
    for payload in originals():
        whole = len(run(payload).flows)
        for end in range(0, len(payload), 7):
            decoded = run(payload[:end])
            assert len(decoded.flows) <= whole
            # v9 headers tell no length: a cut between two sets cannot be seen
            assert decoded.losses or len(decoded.flows) == whole or payload[:2] == b"\0\x09"


LARGEST = 65_507
HOSTILE = {
    "empty sets": ipfix(*[set_(256, b"")] * 16_000),
    "data sets without a template": ipfix(*[set_(256 + each % 999, b"x") for each in range(13_000)]),
    "templates": ipfix(*[ipfix_template_set(256 + each % 65_000, [(8, 4)]) for each in range(5_400)]),
    "withdrawals": ipfix(set_(2, struct.pack(">HH", 256, 0) * 16_000)),
    "a template of 16 000 fields": v9(
        set_(0, struct.pack(">HH", 256, 16_000) + bytes.fromhex("00050001") * 16_000)
    ),
    "records of one byte": ipfix(ipfix_template_set(256, [(5, 1)]), set_(256, bytes(LARGEST - 40))),
    "records of one variable byte": ipfix(
        ipfix_template_set(256, [(82, VARIABLE)]), set_(256, bytes(LARGEST - 40))
    ),
    "records of many variable bytes": ipfix(
        ipfix_template_set(256, [(82, VARIABLE)] * 1000), set_(256, bytes(LARGEST - 4100))
    ),
    "tiny flows": ipfix(
        ipfix_template_set(256, [(8, 4), (12, 4), (2, 1), (82, VARIABLE)]), set_(256, bytes(LARGEST - 60))
    ),
    "options of one byte": ipfix(ipfix_options_set(256, [(302, 1)], [(34, 1)]), set_(256, b"\1\2" * 32_000)),
    "many options sets": ipfix(
        ipfix_options_set(256, [(302, 2)], [(34, 2)]),
        *[set_(256, struct.pack(">HH", each, 7)) for each in range(8_000)],
    ),
    "reserved sets": ipfix(*[set_(9, b"")] * 16_000),
    "zeros": bytes(LARGEST),
    "version 5 of 65 535": v5(v5_record(), count=65_535),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_worst_datagrams_take_no_longer_than_50_ms(name):
    payload = HOSTILE[name]
    assert len(payload) <= LARGEST
    times = []
    for _ in range(3):
        began = time.process_time()
        decoded = decode([Datagram(RECEIVED_NS, EXPORTER, 2055, payload)], Sessions())
        times.append(time.process_time() - began)
    assert counted(decoded, "datagrams") == 1
    assert min(times) < 0.05


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"", "unsupported version", id="empty"),
        pytest.param(b"\0", "unsupported version", id="one byte"),
        pytest.param(b"\0\5\0\1", "truncated", id="v5 header cut"),
        pytest.param(b"\0\x09" + bytes(17), "truncated", id="v9 header cut"),
        pytest.param(b"\0\x0a" + bytes(13), "truncated", id="IPFIX header cut"),
        pytest.param(struct.pack(">HHIII", 10, 3, 0, 0, 0), "malformed", id="IPFIX length below its header"),
        pytest.param(ipfix(ipfix_template_set(256, FIELDS), set_(256, RECORD))[:-5], "truncated", id="IPFIX set cut"),
        pytest.param(v9(v9_template_set(256, FIELDS), set_(256, RECORD))[:-5], "truncated", id="v9 set cut"),
        pytest.param(ipfix(struct.pack(">HHI", 256, 3, 7)), "malformed", id="set length below its header"),
        pytest.param(ipfix(struct.pack(">HHI", 256, 900, 7)), "malformed", id="set length past the message"),
        pytest.param(v5(v5_record(), count=2000), "malformed", id="more v5 flows than fit"),
        pytest.param(
            ipfix(ipfix_template_set(256, FIELDS), set_(256, b"1234567")), "undecodable data", id="no whole record"
        ),
        pytest.param(
            ipfix(ipfix_template_set(256, [*FIELDS, (82, VARIABLE)]), set_(256, RECORD + b"\xff\xff\xffab")),
            "undecodable data",
            id="a string longer than its set",
        ),
        pytest.param(bytes.fromhex("00000005") + bytes(24), "unsupported version", id="sFlow"),
        pytest.param(bytes.fromhex("0008") + bytes(40), "unsupported version", id="v8"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_lost_datagram_with_its_reason(payload, reason):
    decoded = run(payload)
    assert len(decoded.flows) == 0
    assert [(loss.count, loss.unit, loss.reason) for loss in decoded.losses] == [(1, "datagrams", reason)]
    assert (
        counted(decoded, "malformed") + counted(decoded, "unsupported") + counted(decoded, "undecodable_sets")
        == 1
    )


def test_whole_sets_before_a_cut_are_decoded_and_the_cut_is_counted():
    payload = ipfix(ipfix_template_set(256, FIELDS), set_(256, RECORD * 3), set_(256, RECORD * 4))
    decoded = run(payload[:-6])
    assert len(decoded.flows) == 3
    assert lost(decoded) == [(1, "datagrams")]


@pytest.mark.parametrize("padding", range(1, 8))
def test_zeros_behind_the_last_set_of_a_datagram_are_padding(padding):
    decoded = run(v9(v9_template_set(256, FIELDS), set_(256, RECORD)) + bytes(padding))
    assert len(decoded.flows) == 1
    assert not decoded.losses


def test_reserved_sets_are_skipped_and_counted():
    decoded = run(ipfix(ipfix_template_set(256, FIELDS), set_(255, b"abcd"), set_(256, RECORD)))
    assert len(decoded.flows) == 1
    assert counted(decoded, "reserved_sets") == 1


def test_bytes_behind_an_ipfix_message_are_counted_and_not_read():
    decoded = run(ipfix(ipfix_template_set(256, FIELDS), set_(256, RECORD)) + b"more")
    assert len(decoded.flows) == 1
    assert counted(decoded, "malformed") == 1


def test_a_datagram_that_is_malformed_in_many_ways_is_counted_once():
    broken = set_(2, struct.pack(">HH", 256, 9) + bytes.fromhex("00010004"))
    decoded = run(ipfix(broken, broken, set_(256, RECORD))[:-3], ipfix(broken) + b"more")
    assert counted(decoded, "malformed") == 2
    assert counted(decoded, "rejected_templates") == 3
    assert lost(decoded) == [(1, "datagrams")]
