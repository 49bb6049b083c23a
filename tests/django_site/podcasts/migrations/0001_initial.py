import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("channels", "0001_initial")]
    operations = [
        migrations.CreateModel(
            "Podcast",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("channel", models.ForeignKey("channels.Channel", django.db.models.deletion.CASCADE)),
                ("tags", models.ManyToManyField("channels.Channel", related_name="tagged")),
            ],
        ),
    ]
