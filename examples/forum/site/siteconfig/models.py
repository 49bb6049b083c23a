"""Settings that people change while the site runs; some point to rows of other tables."""

from django.db import models


class Setting(models.Model):
    """A named value; names are `part.what`."""

    name = models.CharField(max_length=80, unique=True)
    value = models.CharField(max_length=400)

    class Meta:
        db_table = "siteconfig"
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"

    @classmethod
    def number(cls, name: str) -> int | None:
        """Give the value as a number; None where there is none."""
        found = cls.objects.filter(name=name).values_list("value", flat=True).first()
        return int(found) if found and found.isdecimal() else None
