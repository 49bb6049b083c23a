"""Search, as a page and as JSON."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from .index import find

_SHOWN = 20


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show what was found."""
    words = request.GET.get("q", "")
    return render(request, "search/page.html", {"words": words, "found": find(words)[:_SHOWN] if words else ()})


@require_GET
def api(request: HttpRequest) -> HttpResponse:
    """Give what was found; `?q=` the words, `?type=` one kind only."""
    found = find(request.GET.get("q", ""), request.GET.get("type", ""))
    results = list(found.values("kind", "row_id", "title", "url")[:_SHOWN])
    return JsonResponse({"count": found.count(), "results": results})
