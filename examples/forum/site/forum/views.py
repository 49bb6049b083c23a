"""The front page, accounts, and the address that says no more than that gunicorn runs."""

from django.contrib.auth import login
from django.contrib.auth.forms import UserCreationForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from channels.models import Channel, Post
from forum.json_api import fields_of, for_members
from podcasts.models import Show
from siteconfig.models import Setting


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show the channel that a setting points to, and the newest of everything."""
    front = Channel.objects.filter(pk=Setting.number("channels.front_page")).first()
    return render(
        request,
        "forum/home.html",
        {
            "front": front,
            "posts": Post.objects.filter(channel=front).select_related("author").order_by("-created_on")[:5],
            "channels": Channel.objects.order_by("title"),
            "shows": Show.objects.order_by("-created_on", "-id")[:5],
        },
    )


@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Make an account, and log its owner in."""
    form = UserCreationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        login(request, form.save())
        return redirect("home")
    return render(request, "forum/register.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "PATCH", "DELETE"])
@for_members
def account(request: HttpRequest) -> HttpResponse:
    """Show, change or delete the account that asks."""
    user = request.user
    shown = {"id": user.pk, "username": user.username}
    if request.method == "DELETE":
        user.delete()
        return JsonResponse(shown)
    if request.method == "PATCH":
        for name, value in fields_of(request, "first_name", "last_name", "email").items():
            setattr(user, name, value)
        user.full_clean()
        user.save()
    shown |= {"first_name": user.first_name, "last_name": user.last_name, "email": user.email}
    return JsonResponse(shown)


@require_GET
def healthz(_: HttpRequest) -> HttpResponse:
    """Say that the process runs. It reads no row, so it is no proof that the site works."""
    return HttpResponse("up\n", content_type="text/plain")
