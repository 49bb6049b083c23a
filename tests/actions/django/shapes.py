"""Migrations of the shapes that took data from real sites, and of those that only look so; with what they come to."""

from dataclasses import dataclass
from typing import Any

FLAG = """\
migrations.CreateModel("{name}", [
    ("id", models.AutoField(primary_key=True)),
    ("change_date", models.DateTimeField()),
    ("enabled", models.BooleanField(default=False)),
    {field}
    ("changed_by", models.ForeignKey("people.Person", models.PROTECT, null=True)),
]),
"""
PERSON = """\
migrations.CreateModel("Person", [("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=50))]),
"""
NEEDS = '("people", "0001_initial"), '


@dataclass(frozen=True)
class Shape:
    """
    What an app has (*before*), the migration to come (*after*), and what comes of each of its operations.

    *effects* are effect, tables and columns. *code* stands above the class of the migration to come.
    """

    app: str
    before: str
    after: tuple[str, ...]
    effects: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    code: str = ""
    only: tuple[str, ...] = ("sqlite3", "postgresql", "mysql")

    def __str__(self) -> str:
        return self.app


def model(name: str, *fields: str, options: str = "") -> str:
    inner = ", ".join(('("id", models.AutoField(primary_key=True))', *fields))
    return f'migrations.CreateModel("{name}", [{inner}], options={{{options}}}),\n'


def text(name: str, size: int = 200, more: str = "") -> str:
    return f'("{name}", models.CharField(max_length={size}{more}))'


_PROGRAM = [
    "public_service_url", "authoring_app_js_path", "authoring_app_css_path", "cache_ttl", "enable_certification",
    "enable_student_dashboard", "enable_studio_tab", "max_retries", "program_details_enabled", "xseries_ad_enabled",
]  # fmt: skip

G_SHAPES = (
    Shape(
        "grades",
        FLAG.format(name="CoursePersistentGradesFlag", field='("course_id", models.CharField(max_length=255, db_index=True)),')
        + FLAG.format(name="PersistentGradesEnabledFlag", field='("enabled_for_all_courses", models.BooleanField(default=False)),'),
        (
            'migrations.RemoveField("persistentgradesenabledflag", "changed_by"),\n'
            'migrations.DeleteModel("CoursePersistentGradesFlag"),\n'
            'migrations.DeleteModel("PersistentGradesEnabledFlag"),',
        ),
        (
            ("destroys_column", (), ("grades_persistentgradesenabledflag.changed_by_id",)),
            ("destroys_table", ("grades_coursepersistentgradesflag",), ()),
            ("destroys_table", ("grades_persistentgradesenabledflag",), ()),
        ),
    ),
    Shape(
        "overrides",
        model("History", '("user", models.ForeignKey("people.Person", models.CASCADE))', text("feature")),
        ('migrations.RemoveField("history", "user"),\nmigrations.DeleteModel("History"),',),
        (("destroys_column", (), ("overrides_history.user_id",)), ("destroys_table", ("overrides_history",), ())),
    ),
    Shape(
        "blocks",
        FLAG.format(name="XBlockDisableConfig", field='("disabled_blocks", models.TextField()),'),
        ('migrations.DeleteModel("XBlockDisableConfig"),',),
        (("destroys_table", ("blocks_xblockdisableconfig",), ()),),
    ),
    Shape(
        "certificates",
        model("BadgeImage", text("mode", 125, ", unique=True"), '("icon", models.FileField(upload_to="x"))')
        + model("Badge", text("course_id", 155), text("mode", 100), '("user", models.ForeignKey("people.Person", models.CASCADE))',
                options='"unique_together": {("course_id", "mode", "user")}'),
        (
            'migrations.AlterUniqueTogether("badge", set()),\nmigrations.RemoveField("badge", "user"),\n'
            'migrations.DeleteModel("Badge"),\nmigrations.DeleteModel("BadgeImage"),',
        ),
        (
            ("harmless", (), ()),
            ("destroys_column", (), ("certificates_badge.user_id",)),
            ("destroys_table", ("certificates_badge",), ()),
            ("destroys_table", ("certificates_badgeimage",), ()),
        ),
    ),
    Shape(
        "overviews",
        model("Overview", text("facebook_url", 200, ", null=True"), text("title"))
        + model("Generated", '("num_courses", models.IntegerField(null=True))'),
        (
            'migrations.DeleteModel("Generated"),',
            'migrations.RemoveField("overview", "facebook_url"),',
            'migrations.AddField("overview", "facebook_url", models.TextField(null=True)),',
            'migrations.RemoveField("overview", "facebook_url"),',
        ),
        (
            ("destroys_table", ("overviews_generated",), ()),
            ("destroys_column", (), ("overviews_overview.facebook_url",)),
            ("harmless", (), ()),
            ("harmless", (), ()),
        ),
    ),
    Shape(
        "programs",
        model(
            "ApiConfig", text("internal_service_url"), '("api_version_number", models.IntegerField())',
            '("program_listing_enabled", models.BooleanField(null=True))', *(text(name) for name in _PROGRAM),
        ),
        ("\n".join(f'migrations.RemoveField("apiconfig", "{name}"),' for name in (
            "internal_service_url", "api_version_number", "program_listing_enabled", *_PROGRAM)),),
        tuple(("destroys_column", (), (f"programs_apiconfig.{name}",)) for name in (
            "internal_service_url", "api_version_number", "program_listing_enabled", *_PROGRAM)),
    ),
    Shape(
        "modes",
        model("CourseMode", '("expiration_date", models.DateField(null=True))', text("currency", 8)),
        (
            "migrations.SeparateDatabaseAndState(\n    database_operations=[],\n"
            '    state_operations=[migrations.RemoveField("coursemode", "expiration_date")],\n),',
        ),
        (("harmless", (), ()),),
    ),
    Shape(
        "val",
        model("Video", text("client_video_id", 255))
        + model("Subtitle", text("fmt", 20), text("language", 8), '("content", models.TextField())', '("video", models.ForeignKey("val.Video", models.CASCADE))')
        + model("CredentialsState", text("org", 32), '("exists", models.BooleanField(default=False))')
        + model("Credentials", text("org", 50), text("provider", 50), options='"unique_together": {("org", "provider")}'),
        (
            'migrations.RemoveField("subtitle", "video"),\nmigrations.DeleteModel("Subtitle"),',
            'migrations.AddField("credentialsstate", "has_creds", models.BooleanField(null=True, default=False)),',
            "migrations.RunPython(copied, migrations.RunPython.noop),",
            'migrations.AlterField("credentialsstate", "has_creds", models.BooleanField(default=False)),',
            'migrations.RemoveField("credentialsstate", "exists"),\nmigrations.DeleteModel("Credentials"),',
        ),
        (
            ("destroys_column", (), ("val_subtitle.video_id",)),
            ("destroys_table", ("val_subtitle",), ()),
            ("harmless", (), ()),
            ("undetermined", (), ()),
            ("harmless", (), ()),
            ("destroys_column", (), ("val_credentialsstate.exists",)),
            ("destroys_table", ("val_credentials",), ()),
        ),
        code="def copied(apps, schema_editor):\n    pass\n",
    ),
)  # fmt: skip


def _wide(number: str, before: str, after: str, *effects: Any, **more: Any) -> Shape:
    return Shape(f"case_{number}", before, (after,), effects, **more)


_TAGGED = model("Tag", text("name")) + model("Post", text("title", 80), '("tags", models.ManyToManyField("{app}.Tag"))')

OTHER_SHAPES = (
    _wide("m2m_field", _TAGGED.replace("{app}", "case_m2m_field"), 'migrations.RemoveField("post", "tags"),',
          ("destroys_table", ("case_m2m_field_post_tags",), ())),
    _wide("m2m_model", _TAGGED.replace("{app}", "case_m2m_model"), 'migrations.DeleteModel("Post"),',
          ("destroys_table", ("case_m2m_model_post_tags", "case_m2m_model_post"), ())),
    _wide("renamed_then_gone", model("Old", text("a"), text("b")),
          'migrations.RenameModel("Old", "New"),\nmigrations.RenameField("new", "a", "c"),\n'
          'migrations.RemoveField("new", "c"),\nmigrations.AlterModelTable("new", "Odd name"),\n'
          'migrations.RemoveField("new", "b"),\nmigrations.DeleteModel("New"),',
          ("renames", ("case_renamed_then_gone_old",), ()),
          ("renames", (), ("case_renamed_then_gone_old.a",)),
          ("destroys_column", (), ("case_renamed_then_gone_old.a",)),
          ("renames", ("case_renamed_then_gone_old",), ()),
          ("destroys_column", (), ("case_renamed_then_gone_old.b",)),
          ("destroys_table", ("case_renamed_then_gone_old",), ())),
    _wide("fresh", model("A"), model("B", text("x")) + 'migrations.RemoveField("b", "x"),\nmigrations.DeleteModel("B"),',
          ("harmless", (), ()), ("harmless", (), ()), ("harmless", (), ())),
    _wide("narrow", model("N", text("name"), '("count", models.BigIntegerField())', '("price", models.DecimalField(max_digits=9, decimal_places=4))',
          text("maybe", 9, ", null=True"), '("wide", models.IntegerField())', text("same", 9), '("note", models.TextField())'),
          'migrations.AlterField("n", "name", models.CharField(max_length=20)),\n'
          'migrations.AlterField("n", "count", models.SmallIntegerField()),\n'
          'migrations.AlterField("n", "price", models.DecimalField(max_digits=9, decimal_places=2)),\n'
          'migrations.AlterField("n", "maybe", models.CharField(max_length=9)),\n'
          'migrations.AlterField("n", "wide", models.BigIntegerField()),\n'
          'migrations.AlterField("n", "same", models.CharField(max_length=9, help_text="x", choices=[("a", "b")])),\n'
          'migrations.AlterField("n", "note", models.IntegerField()),',
          ("narrows", (), ("case_narrow_n.name",)), ("narrows", (), ("case_narrow_n.count",)),
          ("narrows", (), ("case_narrow_n.price",)), ("narrows", (), ("case_narrow_n.maybe",)),
          ("harmless", (), ()), ("harmless", (), ()), ("narrows", (), ("case_narrow_n.note",)),
          only=("postgresql", "mysql")),
    _wide("table", model("A", options='"db_table": "Some Table"') + model("B", options='"managed": False') + model("P", options='"proxy": False'),
          'migrations.DeleteModel("A"),\nmigrations.DeleteModel("B"),',
          ("destroys_table", ("Some Table",), ()), ("harmless", (), ())),
    _wide("order", model("Q") + model("A", '("q", models.ForeignKey("case_order.Q", models.CASCADE))', options='"order_with_respect_to": "q"'),
          'migrations.AlterOrderWithRespectTo("a", None),', ("destroys_column", (), ("case_order_a._order",))),
    _wide("sql", model("A", text("x"), text("y")) + model("B", text("x")) + model("C", text("x")),
          "migrations.RunSQL('DROP TABLE case_sql_c; DELETE FROM case_sql_b WHERE x = 1;'),\n"
          "migrations.RunSQL(['UPDATE case_sql_a SET x = y', ('UPDATE case_sql_a SET y = %s WHERE x LIKE %s', [1, '%%'])]),\n"
          "migrations.RunSQL(migrations.RunSQL.noop),\nmigrations.RunSQL('CREATE TABLE z (a int)'),\n"
          "migrations.RunSQL('ALTER TABLE case_sql_a DROP COLUMN x', state_operations=[migrations.RemoveField('a', 'x')]),\n"
          "migrations.RunSQL('not sql at all'),\nmigrations.RunPython(migrations.RunPython.noop),",
          ("destroys_table", ("case_sql_c",), ()), ("deletes_rows", ("case_sql_b",), ()),
          ("rewrites", (), ("case_sql_a.x",)), ("rewrites", (), ("case_sql_a.y",)), ("harmless", (), ()),
          ("harmless", (), ()), ("destroys_column", (), ("case_sql_a.x",)), ("undetermined", (), ()), ("harmless", (), ())),
    _wide("both", model("A", text("x")),
          'migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField("a", "x"), '
          'migrations.RunPython(work)], state_operations=[]),',
          ("destroys_column", (), ("case_both_a.x",)), ("undetermined", (), ()),
          code="def work(apps, schema_editor):\n    pass\n"),
    _wide("custom", model("A", text("x")),
          'Mine("a", "x"),\nQuiet("a"),',
          ("undetermined", (), ()), ("destroys_table", ("case_custom_a",), ()),
          code="class Mine(migrations.RemoveField):\n    def database_forwards(self, *given):\n        pass\n"
               "class Quiet(migrations.DeleteModel):\n    pass\n"),
)  # fmt: skip
SHAPES = (*G_SHAPES, *OTHER_SHAPES)
