from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("channels", "0003_post_score")]
    operations = [migrations.RunSQL("DELETE FROM channels_post WHERE score < 0")]
