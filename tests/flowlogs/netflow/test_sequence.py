"""Losses from sequence numbers: exact, none where nothing is missing, whatever the exporter counts."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from unittest.mock import patch

import pytest

from flowlogs.netflow import Datagram, registry
from flowlogs.netflow.sequence import FASTEST_PER_SECOND

from .messages import (
    EXPORT_S,
    RECEIVED_NS,
    SECOND,
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
    through_json,
    v5,
    v5_record,
    v9,
    v9_template_set,
)

COUNTS = [5, 3, 8, 1, 12, 7, 7, 2, 9, 30, 4, 6, 6, 6, 11, 1]
FIELDS = [(8, 4), (12, 4), (2, 4)]
RECORD = ip("10.0.0.1") + ip("10.0.0.2") + number(1, 4)
OPTIONS = ipfix_options_set(257, [(149, 4)], [(41, 4)])


@dataclass(frozen=True)
class Exporter:
    """An exporter of one version and habit of counting; IPFIX with an options record in every third datagram."""

    version: int
    inclusive: bool = False
    counts_options: bool = False

    def counted(self, place: int, flows: int) -> int:
        """Return by how much the sequence advances with a datagram."""
        if self.version == 9:
            return 1
        return flows + (self.version == 10 and self.counts_options and place % 3 == 0)

    def datagram(self, place: int, flows: int, before: int) -> bytes:
        sequence = (before + self.inclusive * self.counted(place, flows)) & 0xFFFFFFFF
        if self.version == 5:
            return v5(*[v5_record()] * flows, sequence=sequence)
        if self.version == 9:
            template = (v9_template_set(256, FIELDS),) if place == 0 else ()
            return v9(*template, set_(256, RECORD * flows), sequence=sequence)
        templates = (ipfix_template_set(256, FIELDS), OPTIONS) if place == 0 else ()
        options = (set_(257, bytes(8)),) if place % 3 == 0 else ()
        return ipfix(*templates, *options, set_(256, RECORD * flows), sequence=sequence)

    def stream(self, counts: Sequence[int] = COUNTS, start: int = 0) -> list[Datagram]:
        made, before = [], start
        for place, flows in enumerate(counts):
            made.append(datagram(self.datagram(place, flows, before), RECEIVED_NS + place * 10_000_000))
            before += self.counted(place, flows)
        return made


EXPORTERS = [
    pytest.param(Exporter(5), id="v5"),
    pytest.param(Exporter(5, inclusive=True), id="v5, inclusive"),
    pytest.param(Exporter(9), id="v9"),
    pytest.param(Exporter(10, counts_options=True), id="IPFIX, RFC 7011"),
    pytest.param(Exporter(10), id="IPFIX, options not counted"),
    pytest.param(Exporter(10, inclusive=True), id="IPFIX, inclusive"),
    pytest.param(Exporter(10, inclusive=True, counts_options=True), id="IPFIX, inclusive with options"),
]
WITHOUT_OPTIONS = EXPORTERS[:3]


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("start", [0, 1_000_000, (1 << 32) - 40], ids=["new", "joined", "wrapping"])
def test_a_complete_stream_shows_no_loss(exporter, start):
    assert lost(run(*exporter.stream(start=start))) == []


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("gone", range(6, len(COUNTS) - 1))
def test_one_missing_datagram_is_counted_exactly(exporter, gone):
    whole = exporter.stream()
    decoded = run(*whole[:gone], *whole[gone + 1 :])
    assert lost(decoded) == [
        (exporter.counted(gone, COUNTS[gone]), "datagrams" if exporter.version == 9 else "flows")
    ]
    assert decoded.losses[0].received_ns == whole[gone + 1].received_ns


@pytest.mark.parametrize("exporter", WITHOUT_OPTIONS)
@pytest.mark.parametrize("gone", range(1, 6))
def test_one_missing_datagram_is_counted_exactly_before_the_exporter_is_known(exporter, gone):
    whole = exporter.stream()
    counts = [count for count, _ in lost(run(*whole[:gone], *whole[gone + 1 :]))]
    assert counts == [exporter.counted(gone, COUNTS[gone])]


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_one_percent_of_random_loss_is_counted_exactly(exporter):
    chance = random.Random(7)
    counts = [chance.randint(1, 30) for _ in range(2000)]
    gone = set(chance.sample(range(10, 1990), 20))
    decoded = run(*(each for place, each in enumerate(exporter.stream(counts)) if place not in gone))
    assert sum(count for count, _ in lost(decoded)) == sum(
        exporter.counted(place, counts[place]) for place in gone
    )


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("gone", [8, 9, 10, 11])
def test_a_loss_at_the_seam_of_two_batches_is_counted(exporter, gone):
    whole = exporter.stream()
    first = run(*whole[: min(gone, 10)], *whole[gone + 1 : 10], now_ns=None)
    second = run(
        *whole[max(gone + 1, 10) :] if gone < 10 else [*whole[10:gone], *whole[gone + 1 :]],
        sessions=through_json(first.sessions),
    )
    assert [count for count, _ in lost(first) + lost(second)] == [exporter.counted(gone, COUNTS[gone])]


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("late", [1, 2], ids=["one late", "two late"])
def test_a_datagram_that_others_overtake_is_no_loss(exporter, late):
    whole = exporter.stream()
    decoded = run(*whole[:6], *whole[7 : 7 + late], whole[6], *whole[7 + late :])
    assert lost(decoded) == []
    assert counted(decoded, "out_of_order") == 1


def test_a_gap_is_told_after_two_more_datagrams_or_a_second():
    whole = Exporter(9).stream()
    rest = [*whole[:5], *whole[6:]]
    assert lost(run(*rest[:6], now_ns=None)) == []
    assert lost(run(*rest[:7], now_ns=None)) == []
    assert lost(run(*rest[:8], now_ns=None)) == [(1, "datagrams")]
    assert lost(run(*rest[:6], now_ns=rest[5].received_ns + SECOND)) == [(1, "datagrams")]


def test_a_gap_of_a_silent_stream_is_told_by_the_clock_of_others():
    whole = Exporter(9).stream()
    first = run(*whole[:5], whole[6], now_ns=None)
    other = datagram(v5(v5_record()), whole[6].received_ns + 2 * SECOND, port=1)
    assert lost(run(other, sessions=through_json(first.sessions), now_ns=None)) == [(1, "datagrams")]


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_a_restart_is_no_loss(exporter):
    decoded = run(*exporter.stream(start=5_000_000), *exporter.stream(start=0))
    assert lost(decoded) == []
    assert counted(decoded, "resets") == 1


def test_a_restart_is_seen_by_the_uptime_even_when_the_sequence_rises():
    before = [v5(*[v5_record()] * 5, sequence=5 * place, uptime_ms=9_000_000) for place in range(5)]
    after = [v5(*[v5_record()] * 5, sequence=500 + 5 * place, uptime_ms=1_000) for place in range(5)]
    decoded = run(*before, *after)
    assert lost(decoded) == []
    assert counted(decoded, "resets") == 1


def test_a_rise_of_the_sequence_without_a_restart_is_a_loss():
    before = [v5(*[v5_record()] * 5, sequence=5 * place) for place in range(5)]
    after = [
        v5(*[v5_record()] * 5, sequence=500 + 5 * place, uptime_ms=101_000, export_s=EXPORT_S + 1)
        for place in range(5)
    ]
    assert lost(run(*before, *after)) == [(475, "flows")]


def test_a_jump_that_no_exporter_can_make_is_a_new_beginning():
    before = [v5(*[v5_record()] * 5, sequence=5 * place) for place in range(5)]
    after = [v5(*[v5_record()] * 5, sequence=2_000_000_000 + 5 * place) for place in range(5)]
    decoded = run(*before, *after)
    assert lost(decoded) == []
    assert counted(decoded, "resets") == 1


def test_jumps_of_one_second_claim_no_more_than_a_second_can_hold():
    """A hostile exporter whose every datagram jumps as far as one may."""
    settled = [v5(*[v5_record()] * 5, sequence=5 * place) for place in range(5)]
    hostile = [v5(*[v5_record()] * 5, sequence=1_900_000 * place) for place in range(1, 100)]
    decoded = run(*settled, *hostile)
    assert 0 < sum(count for count, _unit in lost(decoded)) <= FASTEST_PER_SECOND
    assert counted(decoded, "resets") >= 95


def test_a_new_stream_cannot_claim_what_no_exporter_sends():
    """Its first datagrams hold different numbers of flows, so each reading finds another gap."""
    first = [v5(*[v5_record()] * 5), v5(*[v5_record()] * 3, sequence=2_000_000_000)]
    after = [v5(*[v5_record()] * 4, sequence=2_000_000_003 + 4 * place) for place in range(12)]
    decoded = run(*first, *after)
    assert lost(decoded) == []
    assert counted(decoded, "resets") == 1


def test_a_long_silence_may_hide_more_and_what_follows_is_counted_as_before():
    hour = 3600
    settled = [v5(*[v5_record()] * 5, sequence=5 * place) for place in range(5)]
    late = {"uptime_ms": 100_000 + hour * 1000, "export_s": EXPORT_S + hour}
    after = [v5(*[v5_record()] * 5, sequence=50_000_000 + 5 * place, **late) for place in range(5)]
    last = [v5(*[v5_record()] * 5, sequence=50_000_100 + 5 * place, **late) for place in range(5)]
    before = [datagram(each, RECEIVED_NS) for each in settled]
    then = [datagram(each, RECEIVED_NS + hour * SECOND) for each in [*after, *last]]
    decoded = run(*before, *then, now_ns=RECEIVED_NS + 2 * hour * SECOND)
    assert [count for count, _unit in lost(decoded)] == [49_999_975, 75]


def test_the_uptime_wrap_is_no_restart():
    payloads = []
    for place in range(6):
        uptime_ms = ((1 << 32) - 3000 + 1000 * place) % (1 << 32)
        sequence = 5 * place + 100 * (place > 2)
        payloads.append(
            v5(*[v5_record()] * 5, sequence=sequence, uptime_ms=uptime_ms, export_s=EXPORT_S + place)
        )
    assert lost(run(*payloads)) == [(100, "flows")]


def test_an_exporter_that_never_counts_shows_no_loss():
    assert lost(run(*[v5(*[v5_record()] * own, sequence=0) for own in COUNTS])) == []


def test_data_that_wait_for_their_template_are_no_gap():
    whole = Exporter(10, counts_options=True).stream()
    templates = ipfix(ipfix_template_set(256, FIELDS), OPTIONS, sequence=sum(COUNTS[:6]) + 2)
    decoded = run(*whole[1:6], templates, *whole[6:])
    assert lost(decoded) == []
    assert len(decoded.flows) == sum(COUNTS[1:])


def test_version_5_engines_are_streams_of_their_own():
    payloads = [v5(*[v5_record()] * 5, sequence=5 * (place // 2), engine=place % 2) for place in range(40)]
    decoded = run(*payloads)
    assert lost(decoded) == []
    assert {key.domain for key in decoded.streams} == {0, 1}
    gap = run(*payloads[:20], *payloads[21:])
    assert [(loss.stream.domain, loss.count) for loss in gap.losses] == [(0, 5)]


def test_noise_in_the_engine_bytes_is_no_loss():
    chance = random.Random(3)
    engines = [chance.randrange(5) for _ in range(200)]
    payloads = [
        v5(*[v5_record()] * 5, sequence=5 * place, engine=engine) for place, engine in enumerate(engines)
    ]
    learned = run(*payloads[:20], now_ns=None)
    rest = payloads[20:]
    assert lost(run(*rest, sessions=through_json(learned.sessions))) == []
    assert sum(count for count, _ in lost(run(*rest[:60], *rest[63:], sessions=learned.sessions))) == 15


@pytest.mark.parametrize("apart", [False, True], ids=["one batch", "two batches"])
def test_what_is_missing_of_all_engines_together_is_told_when_their_exporter_is_forgotten(apart):
    made = [
        datagram(v5(*[v5_record()] * 5, sequence=5 * place, engine=place % 2), RECEIVED_NS + place)
        for place in range(21)
    ]
    others = [datagram(v5(v5_record()), RECEIVED_NS + 100 + port, port=port) for port in (1, 2)]
    with patch.object(registry, "MOST_STREAMS", 2):
        if apart:
            first = run(*made[:17], *made[20:], now_ns=None)
            assert lost(first) == []
            decoded = run(*others, sessions=through_json(first.sessions), now_ns=None)
        else:
            decoded = run(*made[:17], *made[20:], *others, now_ns=None)
    assert lost(decoded) == [(15, "flows")]


@pytest.mark.parametrize("apart", [False, True], ids=["one batch", "two batches"])
def test_gaps_of_engines_that_prove_to_be_numbered_as_one_are_no_loss(apart):
    engines = [0, 1, 0, 1, *[1] * 8]
    times = [0, 1, 2, 3, *range(2000, 10_000, 1000)]
    made = [
        datagram(v5(*[v5_record()] * 5, sequence=5 * place, engine=engine), RECEIVED_NS + at * 1_000_000)
        for place, (engine, at) in enumerate(zip(engines, times, strict=True))
    ]
    first = run(*made[:4], now_ns=None)
    if apart:
        assert lost(first) == lost(run(*made[4:], sessions=through_json(first.sessions))) == []
    else:
        assert lost(run(*made)) == []


@pytest.mark.parametrize(
    ("seen", "missing"),
    [
        pytest.param([(0, 15), (1, 16), (0, 17), (2, 18)], [1], id="a gap of one domain"),
        pytest.param(
            [(0, 0), (1, 1), (0, 5), (1, 6), (0, 7)], [4, 4], id="a gap of two, and of all together"
        ),
    ],
)
@pytest.mark.parametrize("cut", ["no cut", "a cut", "a cut, and time passes"])
def test_gaps_due_before_domains_prove_to_be_numbered_as_one_are_told_however_batches_are_cut(
    seen, missing, cut
):
    *before, last = [datagram(v9(domain=domain, sequence=sequence), RECEIVED_NS) for domain, sequence in seen]
    last = last._replace(received_ns=RECEIVED_NS + 2 * SECOND)
    if cut == "no cut":
        losses = lost(run(*before, last))
    else:
        now_ns = RECEIVED_NS + 3 * SECOND // 2 if cut.endswith("passes") else None
        first = run(*before, now_ns=now_ns)
        losses = lost(first) + lost(run(last, sessions=through_json(first.sessions)))
    assert losses == [(count, "datagrams") for count in missing]


def test_a_truncated_version_5_datagram_loses_its_missing_flows_only():
    payloads = [v5(*[v5_record()] * 5, sequence=5 * place) for place in range(6)]
    payloads[3] = payloads[3][: 24 + 48 * 2 + 20]
    decoded = run(*payloads)
    assert len(decoded.flows) == 27
    assert [(loss.count, loss.unit, loss.reason) for loss in decoded.losses] == [(3, "flows", "truncated")]
