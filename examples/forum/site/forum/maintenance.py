"""The maintenance page: shown by every address but /healthz, for as long as a file is there."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Answer = Callable[[HttpRequest], HttpResponse]


def closed(answer: Answer) -> Answer:
    """Answer 503 while the file is there; nothing of it is cached, so that it opens at once."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz" or not settings.MAINTENANCE_FILE.exists():
            return answer(request)
        page = "<!doctype html><title>Back soon</title><h1>The forum is being repaired, and back soon.</h1>"
        return HttpResponse(page, status=503, headers={"Retry-After": "60"})

    return middleware
