"""Pages and JSON about podcasts; members may add, change and delete."""

from typing import Any

from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from forum.json_api import fields_of, for_members
from search.tasks import index_one

from .models import Episode, Show

_WRITABLE = tuple(field.name for field in Show._meta.fields if field.editable and not field.primary_key)


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """List every show."""
    return render(request, "podcasts/list.html", {"shows": Show.objects.order_by("title")})


@require_GET
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a podcast with its episodes."""
    show = get_object_or_404(Show, slug=slug)
    return render(request, "podcasts/show.html", {"show": show, "episodes": show.episodes.all()})


@require_http_methods(["GET", "POST"])
def shows_api(request: HttpRequest) -> HttpResponse:
    """List shows; or, for members, add one."""
    return _add_show(request) if request.method == "POST" else _list_shows()


def _list_shows() -> HttpResponse:
    found = [model_to_dict(show) for show in Show.objects.order_by("id")]
    return JsonResponse({"count": len(found), "results": found})


@for_members
def _add_show(request: HttpRequest) -> HttpResponse:
    show = _saved(Show(), fields_of(request, *_WRITABLE))
    return JsonResponse(model_to_dict(show), status=201)


@require_http_methods(["PATCH", "DELETE"])
@for_members
def show_api(request: HttpRequest, pk: int) -> HttpResponse:
    """Change or delete a show."""
    show = get_object_or_404(Show, pk=pk)
    if request.method == "DELETE":
        show.delete()
        return JsonResponse({"id": pk})
    return JsonResponse(model_to_dict(_saved(show, fields_of(request, *_WRITABLE))))


@require_POST
@for_members
def episodes_api(request: HttpRequest, pk: int) -> HttpResponse:
    """Add an episode, with the number after the last."""
    show = get_object_or_404(Show, pk=pk)
    last = show.episodes.last()
    episode = Episode(show=show, number=last.number + 1 if last else 1)
    return JsonResponse(model_to_dict(_saved(episode, fields_of(request, "title", "notes"))), status=201)


def _saved(row: Any, fields: dict[str, str]) -> Any:  # noqa: ANN401  # a show or an episode, as it was given
    """Save a row with these fields, and have the worker index it."""
    for name, value in fields.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()
    index_one.delay(row._meta.label, row.pk)
    return row
