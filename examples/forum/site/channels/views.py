"""Pages of channels and posts; members may comment."""

from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from search.tasks import index_one

from .models import Channel, Comment, Post
from .tasks import count_comments


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


@require_http_methods(["GET", "POST"])
def post(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Show a post with its comments; or take one more, of a member."""
    found = get_object_or_404(Post.objects.select_related("author", "channel"), pk=pk, channel__slug=slug)
    if request.method == "GET":
        comments = found.comments.select_related("author")
        return render(request, "channels/post.html", {"post": found, "comments": comments})
    text = request.POST.get("text", "").strip()
    if not request.user.is_authenticated:
        return redirect("login")
    if not text:
        return HttpResponse("A comment needs a text.\n", status=400, content_type="text/plain")
    comment = Comment.objects.create(post=found, author=request.user, text=text)
    index_one.delay(comment._meta.label, comment.pk)
    count_comments.delay(found.pk)
    return redirect(comment)


@require_GET
def api(_: HttpRequest) -> HttpResponse:
    """List every channel with its number of posts."""
    found = [{"id": one.pk, "slug": one.slug, "title": one.title, "posts": one.post_count} for one in _counted()]
    return JsonResponse({"count": len(found), "results": found})


def _counted() -> list[Channel]:
    return list(Channel.objects.annotate(post_count=Count("posts")).order_by("title"))
