# What searching the audit needs, and who must choose a password of their own.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="must_change_password",
            field=models.BooleanField(
                default=False, help_text="Every page asks for a password of their own first."
            ),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["region", "-id"], name="console_cha_region__1b56fa_idx"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["user_name", "-id"], name="console_cha_user_na_3a5bb6_idx"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["action", "-id"], name="console_cha_action_e764e9_idx"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["resource_type", "-id"], name="console_cha_resourc_ebc122_idx"),
        ),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["at"], name="console_cha_at_17f2e1_idx"),
        ),
    ]
