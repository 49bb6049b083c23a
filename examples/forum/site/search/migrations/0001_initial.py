"""Make the tables of the index."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("row_id", models.BigIntegerField()),
                ("url", models.CharField(max_length=300)),
                ("title", models.CharField(max_length=200)),
                ("text", models.TextField()),
                ("words", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={
                "verbose_name_plural": "entries",
                "indexes": [django.contrib.postgres.indexes.GinIndex(fields=["words"], name="search_entry_words")],
                "constraints": [models.UniqueConstraint(fields=("kind", "row_id"), name="search_entry_row")],
            },
        ),
    ]
