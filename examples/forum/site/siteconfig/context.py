"""Settings that every page shows."""

from django.http import HttpRequest

from .models import Setting


def settings(_: HttpRequest) -> dict[str, str]:
    """Give the title and the motto of the site."""
    found = dict(Setting.objects.filter(name__startswith="site.").values_list("name", "value"))
    return {"site_title": found.get("site.title", "Forum"), "site_motto": found.get("site.motto", "")}
