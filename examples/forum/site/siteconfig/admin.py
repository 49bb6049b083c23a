"""Settings in the administration pages."""

from django.contrib import admin

from .models import Setting

admin.site.register(Setting, list_display=("name", "value"), search_fields=("name",))
