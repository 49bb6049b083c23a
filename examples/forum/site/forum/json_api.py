"""What the JSON views share: reading a body, and answering people who did not log in."""

import json
from collections.abc import Callable
from functools import wraps

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse

View = Callable[..., HttpResponse]


def fields_of(request: HttpRequest, *known: str) -> dict[str, str]:
    """Read the known fields of a JSON body; raises `ValidationError` for any other body."""
    try:
        found = json.loads(request.body or b"{}")
    except ValueError as error:
        raise ValidationError("The body is no JSON.") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValidationError("The body must be an object of texts.")
    if unknown := found.keys() - set(known):
        raise ValidationError(f"Not known here: {', '.join(sorted(unknown))}.")
    return found


def for_members(view: View) -> View:
    """Answer 401 to whoever did not log in, and 400 to what cannot be taken."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **named: object) -> HttpResponse:
        if not request.user.is_authenticated:
            return JsonResponse({"error": "Log in first."}, status=401)
        try:
            return view(request, *args, **named)
        except ValidationError as error:
            return JsonResponse({"error": " ".join(error.messages)}, status=400)

    return guarded
