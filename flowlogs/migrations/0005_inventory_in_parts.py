"""Inventory versions are made of parts; what was written before stays readable."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("flowlogs", "0004_indexes_for_counting")]

    operations = [
        migrations.CreateModel(
            name="InventoryMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(help_text="Name of the part", max_length=160)),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.CreateModel(
            name="InventoryPart",
            fields=[
                ("digest", models.CharField(max_length=32, primary_key=True, serialize=False)),
                (
                    "replaced",
                    models.BigIntegerField(blank=True, db_index=True, help_text="Unix ms", null=True),
                ),
                ("content", models.BinaryField(help_text="zlib JSON")),
            ],
            options={"ordering": ["digest"]},
        ),
        migrations.AddField(
            model_name="inventoryversion",
            name="parts",
            field=models.BinaryField(default=b"", help_text="Digest of each part by name, zlib JSON"),
        ),
        migrations.AlterField(
            model_name="inventoryversion",
            name="content",
            field=models.BinaryField(default=b"", help_text="zlib JSON"),
        ),
    ]
