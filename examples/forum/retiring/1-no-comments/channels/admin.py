"""Channels in the administration pages."""

from django.contrib import admin

from .models import Channel, Post

admin.site.register(Channel, list_display=("title", "slug"))
admin.site.register(Post, list_display=("title", "channel", "author"), raw_id_fields=("author",))
