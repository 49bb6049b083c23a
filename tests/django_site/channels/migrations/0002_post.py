import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("channels", "0001_initial")]
    operations = [
        migrations.CreateModel(
            "Post",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("channel", models.ForeignKey("channels.Channel", django.db.models.deletion.CASCADE)),
                ("text", models.TextField()),
            ],
        ),
    ]
