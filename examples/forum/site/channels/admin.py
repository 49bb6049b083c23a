"""Channels in the administration pages."""

from django.contrib import admin

from .models import Channel, Comment, Post

admin.site.register(Channel, list_display=("title", "slug", "owner"))
admin.site.register(Post, list_display=("title", "channel", "author"), raw_id_fields=("author",))
admin.site.register(Comment, list_display=("text", "post", "author"), raw_id_fields=("author", "post", "parent"))
