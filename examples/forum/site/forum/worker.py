"""The Celery application; its messages are files of the folder that the settings name."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forum.settings")
application = Celery("forum")
application.config_from_object("django.conf:settings", namespace="CELERY")
application.autodiscover_tasks()
