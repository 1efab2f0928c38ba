"""Records of variable length: many sets walked side by side give what each gives alone."""

import random

import pytest

from .messages import VARIABLE, column, counted, ip, ipfix, ipfix_template_set, lost, number, run, set_

FIELDS = [(82, VARIABLE), (8, 4), (83, VARIABLE), (12, 4), (2, 4), (110, VARIABLE, 6876), (1, 4)]
TEMPLATE = ipfix(ipfix_template_set(256, FIELDS))


def string(content: bytes, is_long: bool) -> bytes:
    return (b"\xff" + number(len(content), 2) if is_long else number(len(content), 1)) + content


def record(value: int, chance: random.Random) -> bytes:
    strings = []
    for _ in range(3):
        content = chance.randbytes(chance.choice((0, 1, 5, 254, 255, 256, 600)))
        strings.append(string(content, len(content) > 254 or chance.random() < 0.3))
    name, description, other = strings
    ends = ip("10.0.0.1"), ip("10.0.0.2")
    return name + ends[0] + description + ends[1] + number(value, 4) + other + number(value * 2, 4)


@pytest.mark.parametrize("sets", [1, 8, 9, 60])
def test_records_come_in_the_order_of_their_sets(sets):
    chance = random.Random(sets)
    counts = [chance.randint(1, 20) for _ in range(sets)]
    values = iter(range(1, 10_000))
    bodies = [b"".join(record(next(values), chance) for _ in range(count)) for count in counts]
    decoded = run(TEMPLATE, *(ipfix(set_(256, body, padding=chance.randrange(4))) for body in bodies))
    assert column(decoded, "packets") == list(range(1, sum(counts) + 1))
    assert column(decoded, "bytes") == [2 * value for value in range(1, sum(counts) + 1)]
    assert set(column(decoded, "dst_lo")) == {0x0A000002}
    assert counted(decoded, "undecodable_sets") == 0


@pytest.mark.parametrize("others", [0, 20], ids=["alone", "among others"])
@pytest.mark.parametrize("cut", [1, 3, 12])
def test_a_set_that_ends_within_a_record_gives_the_records_before_it_and_is_counted(others, cut):
    chance = random.Random(5)
    whole = [ipfix(set_(256, record(1, chance) + record(2, chance))) for _ in range(others)]
    torn = ipfix(set_(256, record(7, chance) + record(8, chance)[:-cut]))
    decoded = run(TEMPLATE, *whole, torn)
    assert column(decoded, "packets") == [1, 2] * others + [7]
    assert counted(decoded, "undecodable_sets") == 1
    assert [loss for loss in lost(decoded) if loss[1] == "datagrams"] == [(1, "datagrams")]


@pytest.mark.parametrize("others", [0, 20], ids=["alone", "among others"])
def test_zeros_behind_the_last_record_are_padding(others):
    chance = random.Random(5)
    whole = [ipfix(set_(256, record(1, chance))) for _ in range(others)]
    decoded = run(TEMPLATE, *whole, ipfix(set_(256, record(2, chance), padding=7)))
    assert column(decoded, "packets") == [1] * others + [2]
    assert counted(decoded, "undecodable_sets") == 0


def test_records_count_in_the_sequence_of_their_stream():
    chance = random.Random(9)
    counts = [chance.randint(1, 9) for _ in range(40)]
    payloads, before = [TEMPLATE], 0
    for count in counts:
        body = b"".join(record(1, chance) for _ in range(count))
        payloads.append(ipfix(set_(256, body), sequence=before))
        before += count
    assert lost(run(*payloads)) == []
    assert lost(run(*payloads[:20], *payloads[21:])) == [(counts[19], "flows")]
