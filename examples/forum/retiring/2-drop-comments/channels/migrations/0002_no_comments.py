"""Drop the comments, and who made a channel."""

from django.db import migrations


class Migration(migrations.Migration):
    """The code has done without them for a while."""

    dependencies = [("channels", "0001_initial")]
    operations = [
        migrations.DeleteModel("Comment"),
        migrations.RemoveField("channel", "owner"),
    ]
