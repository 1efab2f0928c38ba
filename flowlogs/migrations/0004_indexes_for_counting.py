"""Indexes by which ENIs are counted and old ECS families found without a look at each row."""

from django.db import migrations, models

LIVE = models.Q(deleted_at__isnull=True)


class Migration(migrations.Migration):
    """Replace one index and add two."""

    dependencies = [("flowlogs", "0003_usage_by_month_and_indexes")]

    operations = [
        migrations.RemoveIndex(model_name="networkinterface", name="eni_live_by_place"),
        migrations.AddIndex(
            model_name="instance",
            index=models.Index(condition=LIVE, fields=["instance_type"], name="instance_live_by_type"),
        ),
        migrations.AddIndex(
            model_name="networkinterface",
            index=models.Index(condition=LIVE, fields=["vpc", "deleted_at"], name="eni_live_by_vpc"),
        ),
        migrations.AddIndex(
            model_name="networkinterface",
            index=models.Index(condition=LIVE, fields=["vswitch", "deleted_at"], name="eni_live_by_vswitch"),
        ),
    ]
