"""Records of one layout to columns of flows: array operations only, each field read and swapped once."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .fields import Records, field
from .flows import Flows
from .plan import Plan
from .sampling import look_up, record_rates
from .sources import Sources
from .times import Mask, fill_times

ICMP: Final = 1
ICMPV6: Final = 58


def fill(flows: Flows, records: Records, rows: NDArray[np.intp], plan: Plan, sources: Sources) -> Mask | None:
    """Fill ``flows``, which are blank, from ``records``; ``rows`` are their rows in ``sources``.

    Return which flows have a time that the exporter did not tell; None when it told all.
    """
    np.take(sources.stream, rows, out=flows.stream)
    np.take(sources.received_ms, rows, out=flows.received_ms)
    np.take(sources.export_ms, rows, out=flows.export_ms)
    for column, names in plan.copies:
        values = field(records, names[0])
        for other in names[1:]:
            values = np.maximum(values, field(records, other))
        getattr(flows, column)[:] = values
    if plan.reverse:
        flows.reverse.fill(1)
    _fill_addresses(flows, records, plan)
    _fill_icmp(flows, records, plan)
    _fill_sampling(flows, records, rows, plan, sources)
    return fill_times(flows, records, rows, plan, sources)


def has_traffic(records: Records, plan: Plan) -> Mask:
    """Tell which records counted anything in the direction of the plan."""
    traffic = np.zeros(len(records), dtype=bool)
    for name in (plan.octets, plan.packets):
        if name:
            traffic |= field(records, name) != 0
    return traffic


def _fill_addresses(flows: Flows, records: Records, plan: Plan) -> None:
    ends = (
        (flows.src_hi, flows.src_lo, plan.source4, plan.source6),
        (flows.dst_hi, flows.dst_lo, plan.destination4, plan.destination6),
    )
    if plan.family:
        flows.family.fill(plan.family)
        for high, low, name4, name6 in ends:
            if plan.family == 4:
                low[:] = records[name4]
            else:
                high[:] = records[name6 + "h"]
                low[:] = records[name6 + "l"]
        return
    is6 = _is_ipv6(records, plan)
    flows.family[:] = np.where(is6, 6, 4)
    for high, low, name4, name6 in ends:
        high[:] = np.where(is6, records[name6 + "h"], 0)
        low[:] = np.where(is6, records[name6 + "l"], records[name4])


def _is_ipv6(records: Records, plan: Plan) -> Mask:
    """Tell the family of records that have room for both."""
    if plan.ip_version:
        return field(records, plan.ip_version) == 6
    empty: Mask = (records[plan.source4] | records[plan.destination4]) == 0
    return empty


def _fill_icmp(flows: Flows, records: Records, plan: Plan) -> None:
    """Fill type and code: from their own fields, or from the destination port, where many exporters put them."""
    for protocol, names in ((ICMP, plan.icmp4 or plan.icmp6), (ICMPV6, plan.icmp6 or plan.icmp4)):
        chosen = flows.protocol == protocol
        if not chosen.any():
            continue
        if len(names) == 2:
            kind, code = (field(records, name).astype(np.uint16) for name in names)
            values = (kind << np.uint16(8)) | code
        else:
            values = field(records, names[0]) if names else flows.dstport
        flows.icmp[chosen] = values[chosen]
        flows.srcport[chosen] = 0
        flows.dstport[chosen] = 0


def _fill_sampling(
    flows: Flows, records: Records, rows: NDArray[np.intp], plan: Plan, sources: Sources
) -> None:
    np.take(sources.rate, rows, out=flows.sampling)
    for number, table in enumerate(sources.tables):
        where = sources.table[rows] == number
        if where.any():
            look_up(flows.sampling, table.interfaces, flows.input_if, where)
            if plan.sampling.selector:
                look_up(flows.sampling, table.selectors, field(records, plan.sampling.selector), where)
    if plan.sampling.has_rate:
        rates = record_rates(records, plan.sampling)
        np.copyto(flows.sampling, rates, where=rates > 0)
