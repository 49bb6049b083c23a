from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("channels", "0002_post")]
    operations = [migrations.AddField("Post", "score", models.IntegerField(default=0))]
