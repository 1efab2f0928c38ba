"""What flow logs have generated, by hour, day and month: written with each delivery, read by lists and fees.

A delivery counts at the time at which it is made, as bills do (the hour in which a record is generated counts, not
the one it speaks of). Only the demo's past counts at the end of its windows: it stands for deliveries of back
then, and would otherwise be one hour's mountain in the month of the installation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection
from django.db.models import Min, QuerySet, Sum
from django.utils import timezone

from console.models import Account, Region

from . import fees
from .fees import Month
from .models import Closing, Collector, Delivery, FlowLog, Logstore, Part, Usage, Vpc
from .models.usage import DAY, HOUR, MONTH
from .windows import hour_of

KEPT_HOURS = 35 * 24
"""How many hours are kept as such; days and months stay for good."""
PRUNED_AT_ONCE = 10_000


class Volume(NamedTuple):
    """What was generated in a span of time; ``size`` is the text bytes that fees count, ``bytes`` the traffic's."""

    records: int = 0
    nodata: int = 0
    skipdata: int = 0
    size: int = 0
    indexed_size: int = 0
    packets: int = 0
    bytes: int = 0

    @property
    def rows(self) -> int:
        """Records of every status: OK, NODATA and SKIPDATA."""
        return self.records + self.nodata + self.skipdata


UNITS = Volume._fields


def total_of(volumes: Iterable[Volume]) -> Volume:
    """Return the sum of volumes, unit by unit."""
    return Volume(*map(sum, zip(*volumes, strict=True)))


# ---- reading ----------------------------------------------------------------------------------------


def month_of(flow_log_ids: Collection[str], now: datetime | None = None) -> dict[str, Volume]:
    """Return what each of these flow logs has generated in the calendar month (UTC) so far; one query.

    Every ID is a key, also of one that generated nothing. For its fee see ``month_fees``.
    """
    month = Month.of(_second(now))
    rows = _month(month).filter(flow_log__in=flow_log_ids)
    return dict.fromkeys(flow_log_ids, Volume()) | _by_flow_log(rows)


def month_fees(
    account: Account, region: Region, flow_log_ids: Collection[str], now: datetime | None = None
) -> dict[str, Decimal]:
    """Return the share of these flow logs in the region's generation fee of the month so far (USD); one query.

    It is the fee in proportion to bytes generated, in whole cents; all shares, those of deleted flow logs too, sum
    to the fee of the region. What generated nothing is absent. See ``fees.shares``.
    """
    rows = _month(Month.of(_second(now))).filter(vpc__in=_vpcs(account, region)).order_by()
    # a flow log has one row a month
    return fees.shares(dict(rows.values_list("flow_log", "size")), only=flow_log_ids)


def month_volumes(account: Account, region: Region, month: Month) -> dict[str, Volume]:
    """Return what each flow log of a region generated in a month, deleted ones too; one query.

    ``fees.shares({id: volume.size …})`` splits the region's generation fee among them.
    """
    return _by_flow_log(_month(month).filter(vpc__in=_vpcs(account, region)))


def by_region_month(account: Account, region: Region, month: Month) -> Volume:
    """Return what an account generated in a region in a month: the volume that fees count; one query."""
    row = _month(month).filter(vpc__in=_vpcs(account, region)).aggregate(**_sums())
    return Volume(*(row[f"sum_{name}"] or 0 for name in UNITS))


def regions_in(account: Account, month: Month) -> dict[str, int]:
    """Return the bytes that an account generated in a month, by region where there are any; one query."""
    rows = _month(month).filter(vpc__account=account).order_by()
    return dict(rows.values("vpc__region").annotate(total=Sum("size")).values_list("vpc__region", "total"))


def days_of(account: Account, region: Region, month: Month) -> dict[int, int]:
    """Return the bytes generated in a region on each day of a month (Unix s at its start); one query."""
    days = Usage.objects.filter(span=DAY, start__gte=month.start, start__lt=month.end)
    # by VPC first, which is the order of the index: nothing is sorted
    rows = days.filter(vpc__in=_vpcs(account, region)).order_by().values_list("vpc", "start")
    found: Counter[int] = Counter()
    for _vpc, start, size in rows.annotate(total=Sum("size")):
        found[start] += size
    return dict(found)


def daily_rate(account: Account, region: Region, now: datetime | None = None) -> int:
    """Return the bytes generated in a region in the running hour and the 23 before it; one query."""
    hours = _last_hours(now).filter(vpc__in=_vpcs(account, region))
    return hours.aggregate(total=Sum("size"))["total"] or 0


def months(account: Account, now: datetime | None = None) -> list[Month]:
    """Return the months since the first flow log of an account was created, newest first; one query."""
    this = Month.of(_second(now))
    first = FlowLog.everything.filter(account=account).aggregate(first=Min("created_at"))["first"]
    found = [min(Month.of(_second(first)), this) if first else this]
    while found[-1] < this:
        found.append(found[-1].following)
    return found[::-1]


def hours_of_vpcs(account: Account, region: Region, since: int) -> dict[tuple[str, int], Volume]:
    """Return what was generated by VPC and hour (Unix s at its start) from an hour on; one query."""
    hours = Usage.objects.filter(vpc__in=_vpcs(account, region), span=HOUR, start__gte=since)
    found = hours.order_by().values_list("vpc", "start").annotate(**_sums())
    return {row[:2]: Volume._make(row[2:]) for row in found}


def _vpcs(account: Account, region: Region) -> QuerySet[Vpc]:
    """Return the VPCs of a region, deleted ones too; as a subquery it is quicker than a join."""
    return Vpc.everything.filter(account=account, region=region).order_by()


def _second(now: datetime | None) -> int:
    return int((now or timezone.now()).timestamp())


def _last_hours(now: datetime | None) -> QuerySet[Usage]:
    return Usage.objects.filter(span=HOUR, start__gte=hour_of(_second(now)) - DAY + HOUR)


def _month(month: Month) -> QuerySet[Usage]:
    return Usage.objects.filter(span=MONTH, start=month.start)


def _by_flow_log(rows: QuerySet[Usage]) -> dict[str, Volume]:
    """Return the volumes of one span, in which a flow log has one row."""
    return {row[0]: Volume._make(row[1:]) for row in rows.order_by().values_list("flow_log", *UNITS)}


def _sums() -> dict[str, Sum]:
    return {f"sum_{name}": Sum(name) for name in UNITS}


# ---- writing ----------------------------------------------------------------------------------------


def record(closing: Closing, now: datetime, only: Collection[str] | None = None) -> None:
    """Add what a closing has delivered, or only to some flow logs, to the hour, day and month of its delivery.

    Inside that transaction.

    Exactly once, since the transaction is. One statement however many flow logs: each row is locked and added to
    where it is, so that closings that are committed at the same time lose nothing, and all lock in one order.
    Deliveries that failed have generated nothing.
    """
    at = _counts_at(closing, int(now.timestamp()))
    spans = (HOUR, at - at % HOUR, DAY, at - at % DAY, MONTH, Month.of(at).start)
    values: list[int | str] = [closing.window.vpc_id, *spans, closing.pk]
    with connection.cursor() as cursor:
        if only is None:
            cursor.execute(_record_sql(), values)
        elif only:
            marks = ", ".join(["%s"] * len(only))
            cursor.execute(_record_sql(f"AND d.flow_log_id IN ({marks}) "), [*values, *only])


def _counts_at(closing: Closing, now: int) -> int:
    """Return the Unix second at which a delivery counts: now, or the window's end where it is the demo's past."""
    window = closing.window
    if not window.vpc.is_demo:
        return now
    replayed = Collector.objects.filter(is_history=True, sealed_through__gt=window.start * 1000)
    return min(window.end, now) if replayed.exists() else now


def _record_sql(only: str = "") -> str:
    usage, delivery, part, logstore = (model._meta.db_table for model in (Usage, Delivery, Part, Logstore))
    columns = ", ".join(f'"{name}"' for name in UNITS)
    added = ", ".join(f'"{name}" = {usage}."{name}" + excluded."{name}"' for name in UNITS)
    return (
        f'INSERT INTO {usage} (flow_log_id, vpc_id, span, "start", {columns}) '
        'SELECT d.flow_log_id, %s, spans.span, spans."start", d.records, d.nodata, d.skipdata, d.size, '
        "CASE WHEN logstore.analysis_report THEN d.size ELSE 0 END, d.delivered_packets, d.delivered_bytes "
        f"FROM {delivery} AS d "
        f"LEFT JOIN {part} AS part ON part.id = d.part_id "
        f"LEFT JOIN {logstore} AS logstore ON logstore.id = part.logstore_id "
        'CROSS JOIN (SELECT %s AS span, %s AS "start" UNION ALL SELECT %s, %s UNION ALL SELECT %s, %s) AS spans '
        f"WHERE d.closing_id = %s AND d.state = '{Delivery.State.DELIVERED}' "
        f"AND d.records + d.nodata + d.skipdata > 0 {only}"
        "ORDER BY d.flow_log_id, spans.span "
        f'ON CONFLICT (flow_log_id, span, "start") DO UPDATE SET {added}'
    )


def prune() -> int:
    """Delete hours that nobody asks for any more; return how many rows. Days and months are kept."""
    old = _second(None) - KEPT_HOURS * HOUR
    rows = Usage.objects.filter(span=HOUR, start__lt=old).order_by("start")
    return Usage.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[:PRUNED_AT_ONCE])).delete()[0]
