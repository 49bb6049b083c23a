"""Drop the contact of shows, and let no episode be there twice."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Of episodes that are there twice the older row stays."""

    dependencies = [("podcasts", "0001_initial")]
    operations = [
        migrations.RemoveField("show", "contact"),
        migrations.RunSQL(
            """
            DELETE FROM podcasts_episode AS later USING podcasts_episode AS first
             WHERE later.show_id = first.show_id AND later.number = first.number AND later.id > first.id
            """,
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            "episode", models.UniqueConstraint(fields=("show", "number"), name="podcasts_episode_once")
        ),
    ]
