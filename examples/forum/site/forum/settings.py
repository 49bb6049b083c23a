"""Settings of the forum; what differs from one place to another comes from the environment."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from forum import parts

BASE_DIR = Path(__file__).resolve().parent.parent
QUEUE = Path(os.environ.get("FORUM_QUEUE", BASE_DIR.parent / "queue"))
MAINTENANCE_FILE = Path(os.environ.get("FORUM_MAINTENANCE_FILE", BASE_DIR.parent / "maintenance"))


def database(url: str) -> dict[str, object]:
    """Read an url such as postgresql://user:password@host:port/name."""
    found = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": found.hostname or "",
        "PORT": found.port or "",
        "USER": unquote(found.username or ""),
        "PASSWORD": unquote(found.password or ""),
        "NAME": unquote(found.path.lstrip("/")),
        "OPTIONS": {"connect_timeout": 5},
    }


SECRET_KEY = os.environ["FORUM_SECRET_KEY"]
DATABASES = {"default": database(os.environ["DATABASE_URL"])}
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "forum",
    "search",
    "siteconfig",
    *parts.APPS,
]
MIDDLEWARE = [
    "forum.maintenance.closed",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "siteconfig.context.settings",
            ]
        },
    }
]
ROOT_URLCONF = "forum.urls"
WSGI_APPLICATION = "forum.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "channels:list"
LOGOUT_REDIRECT_URL = "home"

CELERY_BROKER_URL = "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "data_folder_in": str(QUEUE / "messages"),
    "data_folder_out": str(QUEUE / "messages"),
    "control_folder": str(QUEUE / "control"),
    "polling_interval": 0.2,
}
CELERY_TASK_IGNORE_RESULT = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"django": {"handlers": ["stderr"], "level": "INFO", "propagate": False}},
}
