"""Make the tables of settings."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Setting",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, unique=True)),
                ("value", models.CharField(max_length=400)),
            ],
            options={
                "db_table": "siteconfig",
                "ordering": ("name",),
            },
        ),
    ]
