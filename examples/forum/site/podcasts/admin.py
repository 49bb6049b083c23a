"""Podcasts in the administration pages."""

from django.contrib import admin

from .models import Episode, Show

admin.site.register(Show, list_display=("title", "slug"), search_fields=("title",))
admin.site.register(Episode, list_display=("title", "show", "number"), list_filter=("show",))
