"""Usage and fees: what a region generated in a month and what that costs, and Log Service's own fees beside it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from console.access import allowed_here, may, requires, resource_name
from console.csvsafe import csv_cell
from console.htmx import go_to
from console.models import Region
from console.requests import ConsoleRequest
from flowlogs import fees, usage
from flowlogs.fees import Bill, Month, Step
from flowlogs.forms import add_violations
from flowlogs.forms.prices import PricesForm
from flowlogs.models import FlowLog, Part
from flowlogs.models.usage import DAY
from flowlogs.rules import RuleError
from flowlogs.services.prices import MODIFY_PRICES, set_prices
from flowlogs.usage import Volume
from flowlogs.views.shown import DESCRIBE

PAGE_SIZE = 20
READ_LOG_SERVICE = "log:ListProject"
COLUMNS = (
    *("month", "region", "flow log ID", "name", "deleted", "records", "NODATA records", "SKIPDATA records"),
    *("bytes generated", "GB generated", "share (%)", "generation fee (USD)"),
)


@dataclass(frozen=True)
class Line:
    """What one flow log generated, of a hundred that the region did, and its share of the region's fee."""

    flow_log: FlowLog
    volume: Volume
    percent: Decimal
    fee: Decimal


@dataclass(frozen=True)
class TierLine:
    """A line of the bill: bytes in it, how full it is (percent; None: it has no end), price for a GB, and fee."""

    name: str
    size: int
    percent: int | None
    price: Decimal
    fee: Decimal


@dataclass(frozen=True)
class RegionLine:
    """The bill of a region."""

    region: Region
    bill: Bill


@dataclass(frozen=True)
class DayBar:
    """The bytes of one day, and its height beside the highest of the month, in percent."""

    day: date
    size: int
    height: int


@dataclass(frozen=True)
class Charge:
    """A line of Log Service's own fees: bytes (None: not known any more), price in USD for a GB, fee in USD."""

    name: str
    explanation: str
    size: int | None
    price: Decimal
    fee: Decimal | None


@require_safe
@requires(DESCRIBE)
def show(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Show a month of the region: the address names it, the running one goes without saying."""
    months = usage.months(request.account)
    month = _asked(request, months)
    volumes = usage.month_volumes(request.account, request.region, month)
    total = usage.total_of(volumes.values())
    page = Paginator(_by_size(volumes), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "months": months,
        "month": month,
        "is_running": month == months[0],
        "total": total,
        "bill": fees.bill(total.size),
        "free": fees.FREE,
        "tiers": _tiers(fees.bill(total.size)),
        "page": page,
        "lines": _lines(page.object_list, volumes),
        "days": _days(request, month),
        "regions": _regions(request, month),
        "projection": _projection(request, month, total.size) if month == months[0] else None,
        "charges": _charges(request, month, total, is_running=month == months[0]),
        "read_log_service": READ_LOG_SERVICE,
        "modify_prices": MODIFY_PRICES,
        "may_modify_prices": _may_modify_prices(request),
        "has_prices": any(
            (request.account.storage_price, request.account.index_price, request.account.transformation_price)
        ),
    }
    return render(request, "flowlogs/usage.html", context)


@require_safe
@requires(DESCRIBE)
def export(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Send the month of the region as a CSV file, a line for each flow log that generated something."""
    month = _asked(request, usage.months(request.account))
    volumes = usage.month_volumes(request.account, request.region, month)
    response = HttpResponse(
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="usage-{region_id}-{month}.csv"',
            "Cache-Control": "no-store",
        },
    )
    writer = csv.writer(response)
    writer.writerow(COLUMNS)
    for line in _lines(_by_size(volumes), volumes):
        writer.writerow([csv_cell(str(cell)) for cell in (month, region_id, *_cells(line))])
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@requires(MODIFY_PRICES)
def prices(request: ConsoleRequest, region_id: str) -> HttpResponse:
    """Set what Log Service charges the account; the prices hold for all its regions."""
    form = PricesForm(request.POST or None, account=request.account)
    if form.is_valid():
        try:
            set_prices(request.account, request.user, form.prices())
        except RuleError as error:
            add_violations(form, error.violations)
        else:
            messages.success(request, _("The prices are changed."))
            return go_to(request, "flowlogs:usage", region_id=region_id)
    return render(request, "flowlogs/usage_prices.html", {"form": form})


def _asked(request: ConsoleRequest, months: list[Month]) -> Month:
    """Return the month that the address names, or the running one where it names none that has a page."""
    asked = Month.parse(request.GET.get("month", ""))
    return asked if asked in months else months[0]


def _tiers(bill: Bill) -> list[TierLine]:
    """Return the free volume and the tiers, with what is charged in each."""
    zero = Decimal(0)
    free = TierLine(
        _("The first %(size)s GB") % {"size": fees.FREE // fees.GB},
        bill.free,
        _part(bill.free, fees.FREE),
        zero,
        zero,
    )
    return [free, *(_tier(step) for step in bill.steps)]


def _tier(step: Step) -> TierLine:
    since, until = step.tier.since // fees.TB, step.tier.until
    if until is None:
        name, percent = _("Above %(since)s TB") % {"since": since}, None
    else:
        name = _("%(since)s to %(until)s TB") % {"since": since, "until": until // fees.TB}
        percent = _part(step.size - step.free, until - step.tier.since)
    return TierLine(name, step.size - step.free, percent, step.tier.price, step.fee)


def _part(size: int, whole: int) -> int:
    """Return a part in percent, rounded up so that a little can be seen."""
    return -(-100 * size // whole)


def _by_size(volumes: Mapping[str, Volume]) -> list[str]:
    return sorted(volumes, key=lambda flow_log: (-volumes[flow_log].size, flow_log))


def _lines(chosen: Any, volumes: Mapping[str, Volume]) -> list[Line]:
    sizes = {flow_log: volume.size for flow_log, volume in volumes.items()}
    total = sum(sizes.values())
    shares = fees.shares(sizes)
    found = FlowLog.everything.in_bulk(chosen)
    return [
        Line(found[pk], volumes[pk], Decimal(100 * sizes[pk]) / total if total else Decimal(0), shares[pk])
        for pk in chosen
    ]


def _cells(line: Line) -> tuple[object, ...]:
    flow_log, volume = line.flow_log, line.volume
    deleted = flow_log.deleted_at.strftime("%Y-%m-%d %H:%M:%S") if flow_log.deleted_at else ""
    return (
        *(flow_log.pk, flow_log.name, deleted, volume.records, volume.nodata, volume.skipdata, volume.size),
        *(f"{fees.gigabytes(volume.size):.6f}", f"{line.percent:.2f}", line.fee),
    )


def _days(request: ConsoleRequest, month: Month) -> list[DayBar]:
    sizes = usage.days_of(request.account, request.region, month)
    highest = max(sizes.values(), default=0) or 1
    first = date(month.year, month.number, 1)
    return [
        DayBar(first + timedelta(days=number), sizes.get(start, 0), _part(sizes.get(start, 0), highest))
        for number, start in enumerate(range(month.start, month.end, DAY))
    ]


def _regions(request: ConsoleRequest, month: Month) -> list[RegionLine]:
    """Return the bills of all regions where the account generated something, the most expensive first."""
    sizes = usage.regions_in(request.account, month)
    regions = Region.objects.in_bulk(sizes)
    lines = [RegionLine(regions[pk], fees.bill(size)) for pk, size in sizes.items()]
    return sorted(lines, key=lambda line: (-line.bill.size, line.region.pk))


def _projection(request: ConsoleRequest, month: Month, size: int) -> Bill:
    """Return the bill at the end of the running month, if all goes on as in the last 24 hours."""
    rate = usage.daily_rate(request.account, request.region)
    left = month.end - int(timezone.now().timestamp())
    return fees.bill(fees.projected(size, rate, left))


def _charges(request: ConsoleRequest, month: Month, total: Volume, *, is_running: bool) -> list[Charge]:
    """Return what Log Service charges for the region, to users who may see its Projects.

    What was stored in an earlier month is not known any more.
    """
    if not allowed_here(request, READ_LOG_SERVICE):
        return []
    account = request.account
    stored = _stored(request) if is_running else None
    return [
        Charge(
            _("Stored now, compressed"),
            _("Charged for as long as records are kept, whether or not flow logs run."),
            stored,
            account.storage_price,
            None if stored is None else fees.cost(stored, account.storage_price),
        ),
        Charge(
            _("Indexed in the month"),
            _("Records that went to Logstores with the log analysis report. Dashboards are free."),
            total.indexed_size,
            account.index_price,
            fees.cost(total.indexed_size, account.index_price),
        ),
        Charge(
            _("Transformed in the month"),
            _("Only CIDR Block Settings transform records, and add this cost. They are off."),
            0,
            account.transformation_price,
            Decimal(0),
        ),
    ]


def _stored(request: ConsoleRequest) -> int:
    parts = Part.objects.filter(
        removed_at__isnull=True,
        logstore__project__account=request.account,
        logstore__project__region=request.region,
    )
    return parts.aggregate(total=Sum("size"))["total"] or 0


def _may_modify_prices(request: ConsoleRequest) -> bool:
    account = request.account.pk
    everywhere = resource_name("log", "*", account, "account/prices")
    return allowed_here(request, MODIFY_PRICES) and may(request.user, MODIFY_PRICES, everywhere)
