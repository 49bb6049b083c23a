"""Remove what the channels left in the database."""

from django.db import migrations


class Migration(migrations.Migration):
    """The app is gone, so that its tables are dropped by name."""

    dependencies = [("search", "0001_initial"), ("siteconfig", "0001_initial")]
    operations = [
        migrations.RunSQL(
            """
            DROP TABLE IF EXISTS channels_comment, channels_post, channels_channel CASCADE;
            DELETE FROM siteconfig WHERE name LIKE 'channels.%';
            UPDATE siteconfig SET value = 'Podcasts for people who keep things running.' WHERE name = 'site.motto';
            DELETE FROM search_entry WHERE kind IN ('post', 'comment');
            """,
            migrations.RunSQL.noop,
        ),
    ]
