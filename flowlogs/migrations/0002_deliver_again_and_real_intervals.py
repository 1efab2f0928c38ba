"""What "Deliver again" needs to know of closings, and at which intervals the ENIs of flow logs are really captured."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("flowlogs", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="closing",
            name="late_interfaces",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Network interfaces whose late samples this closing recorded",
            ),
        ),
        migrations.AddField(
            model_name="closing",
            name="skipped_exporters",
            field=models.JSONField(
                blank=True, default=list, help_text="Exporters whose losses this closing recorded"
            ),
        ),
        migrations.AddField(
            model_name="flowlog",
            name="captured",
            field=models.JSONField(
                blank=True,
                default=dict,
                editable=False,
                help_text="How many ENIs it covers, and those that are captured at another interval, now or soon",
            ),
        ),
        migrations.AlterField(
            model_name="closing",
            name="delivered_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When it was first delivered; flow logs that failed may follow",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="state",
            field=models.CharField(
                choices=[
                    ("pending", "Delivering again"),
                    ("delivered", "Delivered"),
                    ("failed", "Failed"),
                ],
                default="pending",
                max_length=9,
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["state", "flow_log"], name="delivery_by_state"),
        ),
    ]
