"""Attribution, column by column, against one flow at a time in plain Python that shares no code with it."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlogs import tallies
from flowlogs.attribute import Attributed, attribute
from flowlogs.inventory_tables import GATEWAY_CODES, compile_inventory, interface_key
from flowlogs.netflow import Flows, StreamKey, blank_flows

from .plain_rules import acl_passes, groups_pass, longest_prefix

NOW = 1_760_000_000
BIGGEST = 1 << 48
KEY = StreamKey("192.0.2.1", 2055, 0, 10)


@dataclass(frozen=True)
class Flow:
    """One flow with its addresses as text; what is not given is an accepted-looking TCP flow of now."""

    src: str = "10.0.0.1"
    dst: str = "192.0.2.99"
    protocol: int = 6
    srcport: int = 40_000
    dstport: int = 443
    icmp: int = 0
    tcp_flags: int = 27
    packets: int = 5
    bytes: int = 700
    start_ms: int = NOW * 1000 - 4000
    end_ms: int = NOW * 1000 - 1000
    received_ms: int = NOW * 1000
    export_ms: int = NOW * 1000
    stream: int = 0
    flow_direction: int = 255
    firewall_event: int = 0
    forwarding_status: int = 0
    observation_point: int = 0
    output_if: int = 0
    end_reason: int = 0
    sampling: int = 1


def columns(flows: list[Flow]) -> Flows:
    made = blank_flows(len(flows))
    for row, flow in enumerate(flows):
        for side in ("src", "dst"):
            address = ip_address(getattr(flow, side))
            made.family[row] = address.version
            getattr(made, f"{side}_hi")[row] = int(address) >> 64
            getattr(made, f"{side}_lo")[row] = int(address) & 2**64 - 1
        for name in Flow.__dataclass_fields__:
            if name not in ("src", "dst"):
                getattr(made, name)[row] = getattr(flow, name)
    return made


def eni(name: str, *addresses: str, **values: object) -> dict:
    defaults = {
        "vpc": 0,
        "vswitch": "vsw-1",
        "vm": "i-1",
        "public": False,
        "policy": -1,
        "intervals": [[0, 1]],
    }
    return {"id": name, "addresses": list(addresses), **defaults, **values}


def exporter(address: str = KEY.address, *enis: int, **values: object) -> dict:
    defaults = {"id": f"exp-{address}", "domain": None, "layer": "L3", "points": {}, "ports": []}
    return {"address": address, "enis": list(enis), **defaults, **values}


def content(enis: list[dict], **values: object) -> dict:
    vpcs = [{"id": "vpc-1", "account": "1", "cidrs": ["10.0.0.0/16"], "routes": []}]
    everything = exporter(KEY.address, *range(len(enis)))
    return {"vpcs": vpcs, "enis": enis, "policies": [], "groups": {}, "exporters": [everything], **values}


def samples_of(found: Attributed) -> list[dict]:
    """Return the samples as dictionaries with addresses as text."""
    names = list(found.samples)
    rows = [
        dict(zip(names, row, strict=True))
        for row in zip(*(c.tolist() for c in found.samples.values()), strict=True)
    ]
    for row in rows:
        for side in ("src", "dst"):
            number = row.pop(f"{side}_hi") << 64 | row.pop(f"{side}_lo")
            row[side] = str(ip_address(number if row["family"] == 6 or number >= 2**32 else int(number)))
    return rows


def one(flow: Flow, network: dict, streams: tuple[StreamKey, ...] = (KEY,)) -> list[dict]:
    return samples_of(attribute(columns([flow]), streams, compile_inventory(network)))


# ---- the plain reading ------------------------------------------------------------------------------


@dataclass
class Truth:
    samples: list[dict] = field(default_factory=list)
    streams: dict[int, Counter] = field(default_factory=lambda: defaultdict(Counter))
    windows: Counter = field(default_factory=Counter)


def plain(flows: list[Flow], streams: list[StreamKey], network: dict) -> Truth:
    truth = Truth()
    for flow in flows:
        profile = profile_of(streams[flow.stream], network)
        packets, octets = flow.packets * max(flow.sampling, 1), flow.bytes * max(flow.sampling, 1)
        if profile and profile["layer"] == "L2":
            octets -= min(octets, 14 * packets)
        if max(flow.packets, flow.bytes, packets, flow.bytes * max(flow.sampling, 1)) >= BIGGEST:
            truth.streams[flow.stream]["implausible"] += 1
            continue
        sides = sides_of(flow, profile, network)
        counts = {"flows": 1, "packets": packets, "bytes": octets}
        for unit, value in counts.items():
            truth.streams[flow.stream][unit] += value
            truth.streams[flow.stream][f"{'attributed' if sides else 'unattributed'}_{unit}"] += value
        start, end = times_of(flow, flow.received_ms - flow.export_ms)
        for number, direction in sides:
            interval = interval_at(network["enis"][number], end // 1000)
            if not interval:
                truth.streams[flow.stream]["uncovered_samples"] += 1
                continue
            truth.streams[flow.stream]["samples"] += 1
            sample = plain_sample(flow, number, direction, interval, start, end, network)
            sample |= {"packets": packets, "bytes": octets}
            action, source = verdict_of(flow, sample, number, len(sides) > 1, profile, flows, network)
            truth.samples.append({**sample, "action": action, "source": source})
            vpc = network["vpcs"][network["enis"][number]["vpc"]]["id"]
            for unit, value in counts.items():
                truth.windows[vpc, interval, sample["window"], unit] += value
    return truth


def profile_of(stream: StreamKey, network: dict) -> dict | None:
    for domain in (stream.domain, None):
        for profile in network["exporters"]:
            if (profile["address"], profile["domain"]) == (stream.address, domain):
                return profile
    return None


def sides_of(flow: Flow, profile: dict | None, network: dict) -> list[tuple[int, str]]:
    if profile is None or ip_address(flow.dst).is_multicast:
        return []
    found = []
    for direction, address in (("out", flow.src), ("in", flow.dst)):
        for number in profile["enis"]:
            if ip_address(address) in map(ip_address, network["enis"][number]["addresses"]):
                found.append((number, direction))
    return found


def times_of(flow: Flow, offset: int) -> tuple[int, int]:
    shift = offset if abs(offset) > 30_000 else 0
    end = min(flow.end_ms + shift, flow.received_ms)
    return min(flow.start_ms + shift, end), end


def interval_at(interface: dict, second: int) -> int:
    in_force = [interval for since, interval in interface["intervals"] if since <= second]
    return in_force[-1] if in_force else 0


def plain_sample(
    flow: Flow, number: int, direction: str, interval: int, start: int, end: int, network: dict
) -> dict:
    interface = network["enis"][number]
    last = end // 1000
    window = last // (interval * 60) * (interval * 60)
    closing = window + interval * 60
    goes_on = flow.end_reason == 2 and closing - last <= 60
    remote = flow.dst if direction == "out" else flow.src
    return {
        "eni": interface_key(interface["id"]), "window": window, "interval": interval,
        "direction": 1 if direction == "out" else 0, "family": ip_address(flow.src).version,
        "src": flow.src, "dst": flow.dst, "protocol": flow.protocol, "srcport": flow.srcport,
        "dstport": flow.dstport, "tcp_flags": flow.tcp_flags, "start": max(start // 1000, window),
        "end": closing if goes_on else last, "last": last, "path": path_of(interface, remote, network),
    }  # fmt: skip


def path_of(interface: dict, remote: str, network: dict) -> int:
    for other in network["enis"]:
        if other["vpc"] == interface["vpc"] and ip_address(remote) in map(ip_address, other["addresses"]):
            return 2 if other["vm"] else 1
    vpc = network["vpcs"][interface["vpc"]]
    routes = [("100.64.0.0/10", 5), *((cidr, 1) for cidr in vpc["cidrs"])]
    routes += [(destination, GATEWAY_CODES[kind]) for destination, kind in vpc["routes"]]
    code = longest_prefix(routes, remote, 0)
    return 15 if code == 0 and interface["public"] and ip_address(remote).version == 4 else code


def told_by(flow: Flow, profile: dict) -> str | None:
    if flow.firewall_event in (1, 2, 5):
        return "ACCEPT"
    if flow.firewall_event == 3:
        return "REJECT"
    status = {1: "ACCEPT", 2: "REJECT", 3: "ACCEPT"}.get(flow.forwarding_status >> 6)
    if status:
        return status
    if str(flow.observation_point) in profile["points"]:
        return profile["points"][str(flow.observation_point)]
    return "REJECT" if flow.output_if in profile["ports"] else None


def verdict_of(
    flow: Flow, sample: dict, number: int, between: bool, profile: dict, flows: list[Flow], network: dict
) -> tuple[int, int]:
    direction = "out" if sample["direction"] else "in"
    told = told_by(flow, profile)
    if told and between:
        seen = {0: "out", 1: "in"}.get(flow.flow_direction)
        if seen is None:
            concerned = told == "ACCEPT" or direction == "in"
        else:
            concerned = seen == direction
        told = told if concerned else None
    if told:
        return int(told == "ACCEPT"), 0
    policy = network["enis"][number]["policy"]
    if policy < 0:
        return 1, 2
    return int(rules_pass(flow, direction, network["policies"][policy], flows, network)), 1


def rules_pass(flow: Flow, direction: str, policy: dict, flows: list[Flow], network: dict) -> bool:
    remote = flow.dst if direction == "out" else flow.src
    mine, other = ("egress", "ingress") if direction == "out" else ("ingress", "egress")
    members = network["groups"]
    if not acl_passes(policy["acl"], mine, remote, flow.protocol, flow.dstport):
        return False
    if groups_pass(policy["groups"], members, mine, remote, flow.protocol, flow.dstport):
        return True
    return answers(flow, flows) and groups_pass(
        policy["groups"], members, other, remote, flow.protocol, flow.srcport
    )


def answers(flow: Flow, flows: list[Flow]) -> bool:
    if flow.protocol in (1, 58):
        return flow.icmp >> 8 in {1: (0, 3, 4, 5, 11, 12, 14, 18), 58: (1, 2, 3, 4, 129)}[flow.protocol]
    if flow.protocol == 6 and flow.tcp_flags & 2 and not flow.tcp_flags & 16:
        return False
    if flow.srcport < flow.dstport:
        return True
    turned = (flow.dst, flow.src, flow.dstport, flow.srcport, flow.protocol)
    began = [
        other.start_ms
        for other in flows
        if (other.src, other.dst, other.srcport, other.dstport, other.protocol) == turned
    ]
    if not began:
        return False
    return min(began) < flow.start_ms or (min(began) == flow.start_ms and flow.srcport == flow.dstport)


# ---- made-up networks and flows ---------------------------------------------------------------------

NEAR = ["10.0.0.1", "10.0.0.2", "10.0.3.4", "2001:db8::1", "2001:db8::2"]
FAR = ["172.16.0.1", "192.168.9.9", "2001:db8:5::1"]
OTHERS = ["10.0.77.1", "10.9.9.9", "100.100.2.136", "192.0.2.99", "224.0.0.251", "2001:db8:a::5", "ff02::fb"]
ROUTES = [
    ["0.0.0.0/0", "ipv4"], ["10.0.0.0/8", "vpn"], ["10.0.77.0/24", "nat"], ["100.100.0.0/16", "gateway_endpoint"],
    ["::/0", "ipv6"], ["2001:db8:a::/48", "transit_router"], ["192.0.2.99/32", "peering"],
]  # fmt: skip
STREAMS = [
    KEY,
    StreamKey("192.0.2.1", 2055, 7, 9),
    StreamKey("2001:db8::ffff", 1, 0, 10),
    StreamKey("198.51.100.1", 1, 0, 5),
]
LAST_RULES = st.sampled_from(
    [
        [],
        [
            {"direction": direction, "policy": "accept", "protocol": "all", "port_from": 0, "port_to": 65535,
             "order": 99, "cidr": cidr, "group": ""}
            for direction in ("ingress", "egress")
            for cidr in ("0.0.0.0/0", "::/0")
        ],
    ]
)  # fmt: skip
PORTS = [0, 22, 53, 443, 40_000, 40_001]


def draw_rules(draw: st.DrawFn, peers: list[dict]) -> list[dict]:
    rules = []
    for order in range(draw(st.integers(0, 3))):
        low, high = sorted((draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS))))
        rule = {
            "direction": draw(st.sampled_from(["ingress", "egress"])),
            "policy": draw(st.sampled_from(["accept", "drop"])),
            "protocol": draw(st.sampled_from(["all", "tcp", "udp", "icmp", "icmpv6"])),
            "port_from": low, "port_to": high, "priority": draw(st.integers(1, 2)), "order": order,
        }  # fmt: skip
        rules.append(rule | draw(st.sampled_from(peers)))
    return rules


@st.composite
def networks(draw):
    by_block = [{"cidr": cidr, "group": ""} for cidr in ("0.0.0.0/0", "10.0.0.0/24", "::/0", "192.0.2.99/32")]
    by_group = [{"cidr": "", "group": "sg-a"}]
    policies = [
        {
            "groups": [
                {
                    "id": "sg-a",
                    "inner_access": draw(st.booleans()),
                    "rules": draw_rules(draw, by_block + by_group),
                }
            ],
            "acl": {"rules": [*draw_rules(draw, by_block), *draw(LAST_RULES)]}
            if draw(st.booleans())
            else None,
        }
        for _ in range(2)
    ]
    pool = NEAR + (FAR if draw(st.booleans()) else [])
    addresses = draw(st.lists(st.sampled_from(pool), unique=True, min_size=1))
    enis = [
        eni(
            f"eni-{place}", address, vpc=draw(st.integers(0, 1)), vm=draw(st.sampled_from(["", "i-1"])),
            public=draw(st.booleans()), policy=draw(st.integers(-1, 1)),
            intervals=draw(st.sampled_from([[], [[0, 1]], [[0, 10], [NOW - 60, 5]], [[0, 5], [NOW - 2, 0]]])),
        )
        for place, address in enumerate(addresses)
    ]  # fmt: skip
    vpcs = [
        {
            "id": f"vpc-{n}",
            "account": "1",
            "cidrs": ["10.0.0.0/16", "2001:db8::/56"],
            "routes": draw(st.lists(st.sampled_from(ROUTES), unique_by=lambda r: r[0])),
        }
        for n in range(2)
    ]
    observed = st.lists(st.sampled_from(range(len(enis))), unique=True).map(sorted)
    exporters = [
        exporter(address, *draw(observed), domain=domain, layer=layer, points=points, ports=ports)
        for address, domain, layer, points, ports in [
            ("192.0.2.1", None, "L3", {}, []),
            ("192.0.2.1", 7, "L2", {"1": "ACCEPT", "2": "REJECT"}, []),
            ("2001:db8::ffff", None, "L3", {"2": "REJECT"}, [65533]),
        ]
    ]
    return {
        "vpcs": vpcs, "enis": enis, "policies": policies, "exporters": exporters,
        "groups": {"sg-a": draw(st.lists(st.sampled_from(NEAR + FAR), max_size=3))},
    }  # fmt: skip


@st.composite
def made_flows(draw):
    family = draw(st.sampled_from([4, 6]))
    pool = [address for address in NEAR + FAR + OTHERS if ip_address(address).version == family]
    protocol = draw(st.sampled_from([6, 6, 17, 1 if family == 4 else 58]))
    with_ports = protocol in (6, 17)
    received = NOW * 1000 + draw(st.integers(-90_000, 90_000))
    end = received - draw(st.sampled_from([0, 1, 500, 30_000, 61_000, 3_600_000, -5_000, -3_600_000]))
    return Flow(
        src=draw(st.sampled_from(pool)), dst=draw(st.sampled_from(pool)), protocol=protocol,
        srcport=draw(st.sampled_from(PORTS)) if with_ports else 0,
        dstport=draw(st.sampled_from(PORTS)) if with_ports else 0,
        icmp=0 if with_ports else draw(st.sampled_from([0, 3, 8, 128, 129])) * 256,
        tcp_flags=draw(st.sampled_from([2, 18, 27, 16])) if protocol == 6 else 0,
        packets=draw(st.sampled_from([0, 1, 3, 1000, BIGGEST - 1, BIGGEST])),
        bytes=draw(st.sampled_from([0, 40, 1500, 2**40 + 1, BIGGEST - 1, 2**63])),
        end_ms=end, start_ms=end - draw(st.sampled_from([0, 0, 1, 59_999, 700_000])),
        received_ms=received, export_ms=received - draw(st.sampled_from([0, 100, 30_000, 30_001, -3_600_000])),
        stream=draw(st.integers(0, len(STREAMS) - 1)), flow_direction=draw(st.sampled_from([0, 1, 255])),
        firewall_event=draw(st.sampled_from([*[0] * 12, 1, 2, 3, 4, 5])),
        forwarding_status=draw(st.sampled_from([*[0] * 12, 64, 128, 192, 200])),
        observation_point=draw(st.sampled_from([0, 1, 2, 3])), output_if=draw(st.sampled_from([0, 65533])),
        end_reason=draw(st.sampled_from([0, 1, 2])), sampling=draw(st.sampled_from([0, 1, 1, 1, 100, 2**31])),
    )  # fmt: skip


UNITS = ("flows", "packets", "bytes")
TERMS = [prefix + unit for prefix in ("", "attributed_", "unattributed_") for unit in UNITS]


def in_order(samples: list[dict]) -> list[tuple]:
    return sorted(tuple(sorted(sample.items())) for sample in samples)


def check(flows: list[Flow], network: dict) -> None:
    found = attribute(columns(flows), STREAMS, compile_inventory(network))
    truth = plain(flows, STREAMS, network)
    assert in_order(samples_of(found)) == in_order(truth.samples)
    for number, count in enumerate(found.streams):
        expected = truth.streams[number]
        for name in (*TERMS, "samples", "uncovered_samples", "implausible"):
            assert getattr(count, name) == expected[name], name
        for unit in UNITS:
            parts = getattr(count, f"attributed_{unit}") + getattr(count, f"unattributed_{unit}")
            assert getattr(count, unit) == parts
    counted = Counter(
        {
            (count.vpc, count.interval, count.start, unit): getattr(count, unit)
            for count in found.windows
            for unit in UNITS
        }
    )
    windows = Counter()
    for sample in truth.samples:
        vpc = next(f"vpc-{e['vpc']}" for e in network["enis"] if interface_key(e["id"]) == sample["eni"])
        for unit, value in (("flows", 1), ("packets", sample["packets"]), ("bytes", sample["bytes"])):
            windows[vpc, sample["interval"], sample["window"], unit] += value
    assert +counted == +windows
    strays = [sum(stray.flows for stray in found.strays if stray.stream == n) for n in range(len(STREAMS))]
    assert strays == [truth.streams[n]["unattributed_flows"] for n in range(len(STREAMS))]


@settings(max_examples=300, deadline=None)
@given(st.lists(made_flows(), max_size=10), networks())
def test_attribution_is_what_the_plain_reading_says(flows, network):
    check(flows, network)


@settings(max_examples=40, deadline=None)
@given(st.lists(made_flows(), max_size=10), networks())
def test_far_apart_windows_are_counted_the_same(flows, network):
    """The other way of counting windows, for batches whose windows lie far apart."""
    dense, tallies.DENSE_KEYS = tallies.DENSE_KEYS, 0
    try:
        check(flows, network)
    finally:
        tallies.DENSE_KEYS = dense


# ---- case by case -----------------------------------------------------------------------------------

TWO = [eni("eni-a", "10.0.0.1"), eni("eni-b", "10.0.0.2")]


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        pytest.param(Flow(src="10.0.0.1"), [("eni-a", 1)], id="source: out"),
        pytest.param(Flow(src="192.0.2.9", dst="10.0.0.2"), [("eni-b", 0)], id="destination: in"),
        pytest.param(Flow(dst="10.0.0.2"), [("eni-a", 1), ("eni-b", 0)], id="both: two samples"),
        pytest.param(Flow(src="10.0.0.9"), [], id="neither: unattributed"),
        pytest.param(Flow(dst="224.0.0.251"), [], id="multicast is not collected"),
        pytest.param(Flow(packets=BIGGEST), [], id="an implausible counter is added to nothing"),
    ],
)
def test_whose_flow_it_is(flow, expected):
    keys = {interface_key(interface["id"]): interface["id"] for interface in TWO}
    assert [(keys[s["eni"]], s["direction"]) for s in one(flow, content(TWO))] == expected


def test_only_observed_interfaces_yield_samples():
    network = content(TWO, exporters=[exporter(KEY.address, 0)])
    assert [sample["direction"] for sample in one(Flow(dst="10.0.0.2"), network)] == [1]


def test_an_unknown_exporter_yields_nothing_and_is_counted():
    found = attribute(columns([Flow()]), [KEY], compile_inventory(content(TWO, exporters=[])))
    assert not samples_of(found)
    assert (found.streams[0].flows, found.streams[0].unattributed_flows) == (1, 1)
    assert [(stray.dstport, stray.flows) for stray in found.strays] == [(443, 1)]


def test_an_exporter_of_one_domain_comes_before_one_of_all():
    network = content(
        TWO, exporters=[exporter(KEY.address, 0), exporter(KEY.address, 1, domain=7, id="exp-domain")]
    )
    flow = Flow(dst="10.0.0.2")
    assert [s["direction"] for s in one(flow, network)] == [1]
    assert [s["direction"] for s in one(flow, network, (KEY._replace(domain=7),))] == [0]


WINDOW = NOW - NOW % 600


@pytest.mark.parametrize(
    ("flow", "window", "start", "end"),
    [
        pytest.param({"start_ms": 5_000, "end_ms": 9_000}, 0, 5, 9, id="inside"),
        pytest.param({"start_ms": -90_000, "end_ms": 9_999}, 0, 0, 9, id="start is clamped, last packet decides"),
        pytest.param({"start_ms": 0, "end_ms": 0}, 0, 0, 0, id="the first instant"),
        pytest.param({"start_ms": 0, "end_ms": 599_999}, 0, 0, 599, id="the last instant"),
        pytest.param({"start_ms": 0, "end_ms": 600_000, "received_ms": 600_100}, 600, 600, 600, id="the end is next"),
        pytest.param({"start_ms": 0, "end_ms": 590_000, "end_reason": 2}, 0, 0, 600, id="goes on: the window's end"),
        pytest.param({"start_ms": 0, "end_ms": 530_000, "end_reason": 2}, 0, 0, 530, id="ended long before it"),
        pytest.param({"start_ms": 0, "end_ms": 540_000, "end_reason": 2}, 0, 0, 600, id="a minute before it"),
        pytest.param({"start_ms": 0, "end_ms": 590_000, "end_reason": 1}, 0, 0, 590, id="idle: the last packet"),
        pytest.param({"start_ms": 0, "end_ms": 900_000, "received_ms": 599_000}, 0, 0, 599, id="not after receipt"),
    ],
)  # fmt: skip
def test_a_sample_belongs_whole_to_the_window_of_its_last_packet(flow, window, start, end):
    base = WINDOW * 1000
    at = {"received_ms": 599_999, **flow}
    made = Flow(**{name: value + base if name.endswith("_ms") else value for name, value in at.items()})
    made = replace(made, export_ms=made.received_ms)
    (sample,) = one(made, content([eni("eni-a", "10.0.0.1", intervals=[[0, 10]])]))
    assert (sample["window"] - WINDOW, sample["start"] - WINDOW, sample["end"] - WINDOW) == (
        window,
        start,
        end,
    )


@pytest.mark.parametrize(
    ("offset", "shifted"),
    [(30_000, 0), (30_001, 30_001), (-30_000, 0), (-30_001, -30_001), (3_600_000, 3_600_000)],
    ids=str,
)
def test_a_clock_that_is_off_by_more_than_30_s_is_corrected(offset, shifted):
    received = NOW * 1000
    flow = Flow(
        received_ms=received, export_ms=received - offset,
        start_ms=received - offset - 10_000, end_ms=received - offset - 8_000,
    )  # fmt: skip
    found = attribute(columns([flow]), [KEY], compile_inventory(content(TWO)))
    assert found.streams[0].clock_offset_ms == offset
    assert samples_of(found)[0]["last"] == min(received - offset - 8_000 + shifted, received) // 1000


def test_a_clock_that_jumps_moves_only_the_flows_of_its_own_datagram():
    received = NOW * 1000
    offsets = (0, 7_200_000, 0, -86_400_000, 0)
    flows = [
        Flow(received_ms=received, export_ms=received - offset, start_ms=received - offset - 9_000,
             end_ms=received - offset - 8_000)
        for offset in offsets
    ]  # fmt: skip
    found = attribute(columns(flows), [KEY], compile_inventory(content(TWO)))
    assert {sample["last"] for sample in samples_of(found)} == {NOW - 8}


def test_intervals_change_at_their_boundary_to_the_second():
    network = content([eni("eni-a", "10.0.0.1", intervals=[[0, 10], [WINDOW + 600, 1], [WINDOW + 1200, 0]])])

    def interval_at(second: int) -> list[int]:
        at = (WINDOW + second) * 1000
        flow = Flow(start_ms=at, end_ms=at, received_ms=at + 5, export_ms=at + 5)
        return [sample["interval"] for sample in one(flow, network)]

    assert [interval_at(second) for second in (599, 600, 1199, 1200)] == [[10], [1], [1], []]


def test_sampled_counts_are_multiplied_and_ethernet_bytes_taken_off():
    network = content(TWO, exporters=[exporter(KEY.address, 0, layer="L2")])
    (sample,) = one(Flow(packets=3, bytes=300, sampling=10), network)
    assert (sample["packets"], sample["bytes"]) == (30, 3000 - 30 * 14)


def test_sums_stay_exact_above_what_a_double_holds():
    flows = [Flow(packets=BIGGEST - 1, bytes=BIGGEST - 1) for _ in range(100)] + [Flow(packets=1, bytes=1)]
    found = attribute(columns(flows), [KEY], compile_inventory(content(TWO)))
    assert found.streams[0].bytes == found.streams[0].attributed_bytes == 100 * (BIGGEST - 1) + 1
    assert sum(count.packets for count in found.windows) == 100 * (BIGGEST - 1) + 1


RULES = {
    "groups": [{"id": "sg-a", "inner_access": False, "rules": [
        {"direction": "ingress", "policy": "accept", "priority": 1, "protocol": "tcp", "port_from": 443,
         "port_to": 443, "cidr": "0.0.0.0/0", "group": ""},
        {"direction": "egress", "policy": "drop", "priority": 1, "protocol": "tcp", "port_from": 25,
         "port_to": 25, "cidr": "0.0.0.0/0", "group": ""},
    ]}],
    "acl": None,
}  # fmt: skip
CLIENT = "192.0.2.50"


@pytest.mark.parametrize(
    ("flow", "action"),
    [
        pytest.param(Flow(src=CLIENT, dst="10.0.0.1"), 1, id="inbound to an open port"),
        pytest.param(Flow(src=CLIENT, dst="10.0.0.1", dstport=22), 0, id="inbound to a closed port"),
        pytest.param(Flow(src=CLIENT, dst="10.0.0.1", dstport=22, tcp_flags=2), 0, id="a scan"),
        pytest.param(Flow(dst=CLIENT, srcport=443, dstport=40_000), 1, id="the answer of a service"),
        pytest.param(Flow(src=CLIENT, dst="10.0.0.1", srcport=443, dstport=40_000), 1, id="the answer to us"),
        pytest.param(
            Flow(src=CLIENT, dst="10.0.0.1", srcport=443, dstport=40_000, tcp_flags=2), 0,
            id="SYN alone never answers, whatever its ports",
        ),
        pytest.param(Flow(dst=CLIENT, dstport=25), 0, id="outbound to a denied port"),
        pytest.param(Flow(src=CLIENT, dst="10.0.0.1", srcport=25, dstport=40_000), 0, id="no answer to a denied flow"),
        pytest.param(Flow(src=CLIENT, dst="10.0.0.1", protocol=1, srcport=0, dstport=0, icmp=0), 1, id="echo reply"),
        pytest.param(Flow(src=CLIENT, dst="10.0.0.1", protocol=1, srcport=0, dstport=0, icmp=2048), 0, id="echo"),
    ],
)  # fmt: skip
def test_groups_are_stateful(flow, action):
    network = content([eni("eni-a", "10.0.0.1", policy=0)], policies=[RULES], groups={})
    (sample,) = one(flow, network)
    assert (sample["action"], sample["source"]) == (action, 1)


ALL_OF = {"protocol": "all", "port_from": 0, "port_to": 65535, "cidr": "0.0.0.0/0", "group": ""}


@pytest.mark.parametrize(
    ("group", "acl", "passes"),
    [
        pytest.param("accept", "accept", 1, id="both let it pass"),
        pytest.param("accept", "drop", 0, id="the ACL refuses what the group accepts"),
        pytest.param("drop", "accept", 0, id="the ACL does not overrule the group"),
        pytest.param("drop", "drop", 0, id="neither"),
    ],
)
def test_a_flow_must_pass_group_and_acl(group, acl, passes):
    rule = {"direction": "ingress", "priority": 1, "order": 1, **ALL_OF}
    policy = {
        "groups": [{"id": "sg-a", "inner_access": False, "rules": [{**rule, "policy": group}]}],
        "acl": {"rules": [{**rule, "policy": acl}]},
    }
    network = content([eni("eni-a", "10.0.0.1", policy=0)], policies=[policy])
    (sample,) = one(Flow(src=CLIENT, dst="10.0.0.1"), network)
    assert sample["action"] == passes


def test_an_acl_is_stateless():
    """An answer needs a rule of its own: its destination is the client's port."""
    only_service = {"direction": "ingress", "policy": "accept", "order": 1, **ALL_OF, "protocol": "tcp"}
    policy = {"groups": [], "acl": {"rules": [{**only_service, "port_from": 443, "port_to": 443}]}}
    network = content([eni("eni-a", "10.0.0.1", policy=0)], policies=[policy])
    (answer,) = one(Flow(srcport=443, dstport=40_000), network)
    assert answer["action"] == 0


def peers(start_in: int, start_out: int, port_in: int = 5000, port_out: int = 5000) -> list[Flow]:
    at = NOW * 1000 - 9000
    return [
        Flow(
            src=CLIENT, dst="10.0.0.1", protocol=17, srcport=port_out, dstport=port_in, start_ms=at + start_in
        ),
        Flow(dst=CLIENT, protocol=17, srcport=port_in, dstport=port_out, start_ms=at + start_out),
    ]


@pytest.mark.parametrize(
    ("flows", "inbound"),
    [
        pytest.param(peers(1, 0), 1, id="we asked first"),
        pytest.param(peers(0, 1), 0, id="they asked first"),
        pytest.param(peers(0, 0), 1, id="same ports at the same moment: nobody knows"),
        pytest.param(peers(0, 0, port_in=22), 0, id="a halved biflow: the lower port is the service"),
    ],
)
def test_who_asked_shows_in_who_came_first(flows, inbound):
    network = content([eni("eni-a", "10.0.0.1", policy=0)], policies=[RULES], groups={})
    found = samples_of(attribute(columns(flows), [KEY], compile_inventory(network)))
    assert [sample["action"] for sample in found if sample["direction"] == 0] == [inbound]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param({"firewall_event": 3, "forwarding_status": 64}, 0, id="firewallEvent before forwardingStatus"),
        pytest.param({"forwarding_status": 128, "observation_point": 1}, 0, id="status before observation point"),
        pytest.param({"observation_point": 1, "output_if": 65533}, 1, id="observation point before drop port"),
        pytest.param({"output_if": 65533}, 0, id="drop port"),
        pytest.param({"firewall_event": 4, "forwarding_status": 192}, 1, id="an alert says nothing, consumed is"),
    ],
)  # fmt: skip
def test_what_the_exporter_tells_in_its_order(told, expected):
    network = content(TWO, exporters=[exporter(KEY.address, 0, points={"1": "ACCEPT"}, ports=[65533])])
    (sample,) = one(Flow(**told), network)
    assert (sample["action"], sample["source"]) == (expected, 0)


@pytest.mark.parametrize(
    ("direction", "event", "expected"),
    [
        pytest.param(0, 3, {1: (0, 0), 0: (1, 2)}, id="entering the switch: the sender's side"),
        pytest.param(1, 3, {1: (1, 2), 0: (0, 0)}, id="leaving it: the receiver's side"),
        pytest.param(255, 3, {1: (1, 2), 0: (0, 0)}, id="unsaid: a refusal is the receiver's"),
        pytest.param(255, 1, {1: (1, 0), 0: (1, 0)}, id="unsaid: an acceptance is true on both sides"),
    ],
)
def test_a_verdict_holds_for_the_side_that_was_observed(direction, event, expected):
    found = one(Flow(dst="10.0.0.2", flow_direction=direction, firewall_event=event), content(TWO))
    assert {s["direction"]: (s["action"], s["source"]) for s in found} == expected


def test_without_rules_and_without_word_a_flow_is_assumed_accepted():
    (sample,) = one(Flow(), content(TWO))
    assert (sample["action"], sample["source"]) == (1, 2)


def test_the_heaviest_strays_are_told_apart_by_whole_address():
    flows = [Flow(src=f"2001:db8:{n:x}::1", dst="2001:db8::9", bytes=n * 100) for n in range(1, 31)]
    found = attribute(columns(flows), [KEY], compile_inventory(content(TWO)))
    assert sorted(stray.bytes for stray in found.strays) == [n * 100 for n in range(11, 31)]
    assert {ip_address(stray.src) for stray in found.strays} == {ip_address(f.src) for f in flows[10:]}


def test_strays_of_two_streams_stay_apart():
    flows = [Flow(src="10.0.0.9", stream=0), Flow(src="10.0.0.9", stream=1), Flow(src="10.0.0.9", stream=1)]
    found = attribute(columns(flows), STREAMS[:2], compile_inventory(content(TWO)))
    assert [(stray.stream, stray.flows, stray.bytes) for stray in found.strays] == [(0, 1, 700), (1, 2, 1400)]


def test_an_empty_batch_is_no_problem():
    found = attribute(columns([]), [], compile_inventory(content([])))
    assert (found.streams, found.windows, found.strays) == ([], [], [])
    assert all(len(column) == 0 for column in found.samples.values())
