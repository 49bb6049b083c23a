"""A small site; its database comes from the environment."""

import os

SECRET_KEY = "for tests"
INSTALLED_APPS = ["django.contrib.contenttypes", "channels", "podcasts"]
DATABASES = {
    "default": {
        "ENGINE": f"django.db.backends.{os.environ['SITE_ENGINE']}",
        "NAME": os.environ["SITE_NAME"],
        "HOST": os.environ.get("SITE_HOST", ""),
        "PORT": os.environ.get("SITE_PORT", ""),
        "USER": os.environ.get("SITE_USER", ""),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
