"""Pages of channels and posts."""

from django.db import connection
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from .models import Channel, Post

_SAID = """
    SELECT post.channel_id, count(*) FROM channels_comment AS comment
    JOIN channels_post AS post ON post.id = comment.post_id GROUP BY post.channel_id
"""


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """List every channel."""
    return render(request, "channels/list.html", {"channels": _counted()})


@require_GET
def channel(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a channel with its newest posts."""
    found = get_object_or_404(Channel, slug=slug)
    posts = found.posts.select_related("author", "channel").order_by("-created_on", "-id")[:50]
    return render(request, "channels/channel.html", {"channel": found, "posts": posts})


@require_GET
def post(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Show a post."""
    found = get_object_or_404(Post.objects.select_related("author", "channel"), pk=pk, channel__slug=slug)
    return render(request, "channels/post.html", {"post": found})


@require_GET
def api(_: HttpRequest) -> HttpResponse:
    """List every channel with its number of posts, and how much is said there."""
    with connection.cursor() as cursor:
        cursor.execute(_SAID)
        said = dict(cursor.fetchall())
    found = [
        {"id": one.pk, "slug": one.slug, "title": one.title, "posts": one.post_count, "said": said.get(one.pk, 0)}
        for one in _counted()
    ]
    return JsonResponse({"count": len(found), "results": found})


def _counted() -> list[Channel]:
    return list(Channel.objects.annotate(post_count=Count("posts")).order_by("title"))
