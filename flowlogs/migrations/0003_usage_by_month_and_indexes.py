"""A row for each calendar month, which the fees read, and indexes for sums of a region and for public addresses."""

from datetime import UTC, datetime
from typing import Any

from django.db import migrations, models
from django.db.models import Sum

HOUR, DAY, MONTH = 3600, 86_400, 2_592_000
UNITS = ("records", "nodata", "skipdata", "size", "indexed_size", "packets", "bytes")


def add_months(apps: Any, _schema_editor: Any) -> None:
    """Sum the days there are, month by month."""
    usage = apps.get_model("flowlogs", "Usage")
    days = usage.objects.filter(span=DAY).order_by()
    by_month: dict[int, list[int]] = {}
    for day in days.values_list("start", flat=True).distinct():
        first = datetime.fromtimestamp(day, UTC).replace(day=1, hour=0, minute=0, second=0)
        by_month.setdefault(int(first.timestamp()), []).append(day)
    for start, starts in by_month.items():
        sums = {f"sum_{name}": Sum(name) for name in UNITS}
        rows = days.filter(start__in=starts).values("flow_log", "vpc").annotate(**sums)
        months = (
            usage(
                flow_log_id=row["flow_log"],
                vpc_id=row["vpc"],
                span=MONTH,
                start=start,
                **{name: row[f"sum_{name}"] for name in UNITS},
            )
            for row in rows
        )
        usage.objects.bulk_create(months, batch_size=2000)


def remove_months(apps: Any, _schema_editor: Any) -> None:
    """Delete the months."""
    apps.get_model("flowlogs", "Usage").objects.filter(span=MONTH).delete()


class Migration(migrations.Migration):
    dependencies = [("flowlogs", "0002_deliver_again_and_real_intervals")]

    operations = [
        migrations.RemoveIndex(model_name="usage", name="usage_of_vpc"),
        migrations.AddIndex(
            model_name="usage",
            index=models.Index(
                fields=[
                    *("vpc", "span", "start", "flow_log", "size", "records", "nodata", "skipdata"),
                    *("indexed_size", "packets", "bytes"),
                ],
                name="usage_sums_of_vpc",
            ),
        ),
        migrations.RemoveConstraint(model_name="usage", name="usage_span"),
        migrations.AlterField(
            model_name="usage",
            name="span",
            field=models.PositiveIntegerField(choices=[(HOUR, "Hour"), (DAY, "Day"), (MONTH, "Month")]),
        ),
        migrations.AddConstraint(
            model_name="usage",
            constraint=models.CheckConstraint(
                condition=models.Q(span__in=[HOUR, DAY, MONTH]), name="usage_span"
            ),
        ),
        migrations.AddIndex(
            model_name="networkinterface",
            index=models.Index(
                fields=["public_ip"],
                condition=models.Q(public_ip__isnull=False),
                name="eni_by_public_address",
            ),
        ),
        migrations.RunPython(add_months, remove_months),
    ]
