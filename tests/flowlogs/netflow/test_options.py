"""What exporters tell of themselves in options."""

import struct

import pytest

from .messages import (
    EXPORT_S,
    column,
    datagram,
    ip,
    ipfix,
    ipfix_options_set,
    ipfix_template_set,
    number,
    run,
    set_,
    through_json,
    v9,
    v9_options_set,
    v9_template_set,
)

EXPORT_MS = EXPORT_S * 1000
ENDS = [(8, 4), (12, 4)]
UPTIME_FIELDS = [*ENDS, (22, 4), (21, 4), (2, 4)]


def flow(*values: tuple[int, int]) -> bytes:
    return ip("10.0.0.1") + ip("10.0.0.2") + b"".join(number(value, length) for length, value in values)


def boot(ms: int) -> bytes:
    return ipfix_options_set(400, [(143, 4)], [(160, 8)]) + set_(400, number(1, 4) + number(ms, 8))


UPTIMES = ipfix_template_set(256, UPTIME_FIELDS) + set_(256, flow((4, 10_000), (4, 20_000), (4, 1)))


@pytest.mark.parametrize(
    "sets", [boot(EXPORT_MS - 60_000) + UPTIMES, UPTIMES + boot(EXPORT_MS - 60_000)], ids=["before", "behind"]
)
def test_a_start_told_anywhere_in_a_message_is_the_base_of_its_uptimes(sets):
    decoded = run(ipfix(sets))
    assert column(decoded, "start_ms") == [EXPORT_MS - 50_000]
    assert column(decoded, "end_ms") == [EXPORT_MS - 40_000]


def test_a_start_holds_for_later_messages_and_other_domains_of_the_session():
    first = run(ipfix(boot(EXPORT_MS - 60_000), domain=0), now_ns=None)
    decoded = run(ipfix(UPTIMES, domain=5), sessions=through_json(first.sessions))
    assert column(decoded, "start_ms") == [EXPORT_MS - 50_000]
    elsewhere = run(datagram(ipfix(UPTIMES, domain=5), port=777), sessions=first.sessions)
    assert column(elsewhere, "end_ms") == [EXPORT_MS]


def test_the_start_of_the_own_domain_comes_before_that_of_another():
    decoded = run(
        ipfix(boot(EXPORT_MS - 60_000), domain=5),
        ipfix(boot(EXPORT_MS - 90_000), domain=6),
        ipfix(UPTIMES, domain=5),
    )
    assert column(decoded, "start_ms") == [EXPORT_MS - 50_000]


def test_a_new_start_does_not_move_earlier_flows():
    decoded = run(
        ipfix(boot(EXPORT_MS - 60_000), UPTIMES),
        ipfix(boot(EXPORT_MS - 30_000), set_(256, flow((4, 10_000), (4, 20_000), (4, 2))), sequence=2),
    )
    ends = dict(zip(column(decoded, "packets"), column(decoded, "end_ms"), strict=True))
    assert ends == {1: EXPORT_MS - 40_000, 2: EXPORT_MS - 10_000}


@pytest.mark.parametrize(
    ("told_ms", "end_ms"),
    [
        pytest.param(EXPORT_MS - 99_400, EXPORT_MS - 79_400, id="within its second"),
        pytest.param(EXPORT_MS - 500_000, EXPORT_MS - 80_000, id="that disagrees"),
    ],
)
def test_a_version_9_header_is_made_exact_by_a_start(told_ms, end_ms):
    options = v9_options_set(400, [(1, 4)], [(160, 8)]) + set_(400, number(0, 4) + number(told_ms, 8))
    data = v9_template_set(256, UPTIME_FIELDS) + set_(256, flow((4, 10_000), (4, 20_000), (4, 1)))
    decoded = run(v9(options, data, uptime_ms=100_000))
    assert column(decoded, "end_ms") == [end_ms]


def test_a_rate_for_the_whole_exporter():
    options = ipfix_options_set(400, [(143, 4)], [(305, 4), (306, 4)]) + set_(
        400, struct.pack(">III", 1, 1, 99)
    )
    data = ipfix_template_set(256, [*ENDS, (2, 4)]) + set_(256, flow((4, 7)))
    decoded = run(ipfix(options, data), ipfix(set_(256, flow((4, 8)))))
    assert column(decoded, "sampling") == [100, 100]
    assert column(decoded, "packets") == [7, 8]


def test_rates_by_sampler_in_version_9():
    samplers = b"".join(struct.pack(">IBBI", 0, number_, 2, rate) for number_, rate in ((1, 100), (2, 1000)))
    options = v9_options_set(400, [(1, 4)], [(48, 1), (49, 1), (50, 4)]) + set_(400, samplers)
    flows = b"".join(flow((4, 1), (1, sampler)) for sampler in (2, 1, 0, 9))
    decoded = run(v9(options, v9_template_set(256, [*ENDS, (2, 4), (48, 1)]), set_(256, flows)))
    assert column(decoded, "sampling") == [1000, 100, 1, 1]


def test_rates_by_selector_told_in_a_domain_of_their_own():
    selectors = struct.pack(">QIIQII", 1 << 40, 1, 9, 5, 1, 499)
    options = ipfix_options_set(400, [(302, 8)], [(305, 4), (306, 4)]) + set_(400, selectors)
    flows = flow((4, 1), (8, 5)) + flow((4, 1), (8, 1 << 40))
    data = ipfix_template_set(256, [*ENDS, (2, 4), (302, 8)]) + set_(256, flows)
    decoded = run(ipfix(options, domain=0), ipfix(data, domain=3))
    assert column(decoded, "sampling") == [500, 10]


def test_rates_by_interface_in_version_9():
    rates = struct.pack(">IIB", 7, 64, 1) + struct.pack(">IIB", 8, 128, 1)
    options = v9_options_set(400, [(2, 4)], [(34, 4), (35, 1)]) + set_(400, rates)
    flows = b"".join(flow((4, 1), (4, interface)) for interface in (8, 7, 6))
    decoded = run(v9(options, v9_template_set(256, [*ENDS, (2, 4), (10, 4)]), set_(256, flows)))
    assert column(decoded, "sampling") == [128, 64, 1]


def test_a_rate_for_interface_0_is_for_all():
    options = v9_options_set(400, [(2, 4)], [(34, 4)]) + set_(400, struct.pack(">II", 0, 10))
    decoded = run(
        v9(options, v9_template_set(256, [*ENDS, (2, 4), (10, 4)]), set_(256, flow((4, 1), (4, 3))))
    )
    assert column(decoded, "sampling") == [10]


def test_the_rate_of_the_only_sampler_holds_for_flows_that_name_none():
    options = v9_options_set(400, [(1, 4)], [(48, 1), (50, 4)]) + set_(400, struct.pack(">IBI", 0, 1, 256))
    decoded = run(v9(options, v9_template_set(256, [*ENDS, (2, 4)]), set_(256, flow((4, 1)))))
    assert column(decoded, "sampling") == [256]


def test_a_rate_in_the_record_comes_before_one_in_options():
    options = ipfix_options_set(400, [(143, 4)], [(34, 4)]) + set_(400, struct.pack(">II", 1, 100))
    data = ipfix_template_set(256, [*ENDS, (2, 4), (34, 4)]) + set_(
        256, flow((4, 1), (4, 5)) + flow((4, 1), (4, 0))
    )
    assert column(run(ipfix(options, data)), "sampling") == [5, 100]


def test_an_exporter_cannot_tell_more_than_is_kept():
    records = b"".join(struct.pack(">QI", selector, 10) for selector in range(9000))
    halves = [records[:48_000], records[48_000:96_000], records[96_000:]]
    options = ipfix_options_set(400, [(302, 8)], [(34, 4)])
    decoded = run(ipfix(options), *(ipfix(set_(400, half)) for half in halves))
    assert all(len(session.options.facts) <= 4096 for session in decoded.sessions.sessions.values())
