"""Texts that would like to be more than text, and a run that holds one in every field."""

from hypothesis import strategies as st

from rollbook.run import Run

from .accounts import SHA, Story, plan_of, step

EVIL = (
    "</svg><script>alert(1)</script>",
    "]]> --> </style></title></textarea>",
    "| a | b |",
    "\\| \\\\| ``` ~~~ `x`` ",
    "\n\n# heading\n\n- item\n\n---\n",
    "![i](http://evil/x.png) [l](javascript:alert(1)) <http://evil> www.evil.example https://evil",
    '" onload="alert(1)" x=\'',
    "{{ 7*7 }} {% raw %} &lt; &#x3c;script&gt;",
    "\u202egnp.exe\u202c \u2066x\u2069 \u200f \x00\x07\x1b[31m\x7f\x85\u2028\ufeff",
    "$x$ $$y$$ **bold** _em_ __b__ ~~s~~ [^1] [ ] :-- 1. 2)",
    "a | b\n--- | ---\nc | d",
    "    indented\n\tcode",
    "\n```\n# x\n````\n~~~~\n",
    "\r\rx\r\ny",
)
texts = st.one_of(st.sampled_from(EVIL), st.text(max_size=60), st.lists(st.sampled_from(EVIL), max_size=3).map("".join))


def run_with(text: str) -> Run:
    """Tell a run that has *text* in every place that takes one."""
    t = "x" + text
    state = {t: t, "same": t, "nested": [{"k": t}]}
    steps = [
        step("s", t, t, "update", targets=(t,), phase=t, reason=t, undo="reverse", undo_reason=t, ops=({"op": "sql"},),
             before=state, after={**state, t: t + "y"}, shown=(t, t), details=(t,), downtime="begins"),
        step("q", t, t, "ask", prompt={"text": t, "choices": [{"value": t, "label": t}]}, approvers=(t,), quorum=1),
        step("f", t, t, "run", targets=(t,), ops=({"op": "command"},), shown=(t,)),
        step("k", t, t, "run", targets=(t + "2",), reason=t),
    ]  # fmt: skip
    plan = plan_of(
        steps, runbook=t, title=t, environment=t, owner=t, inputs={t: t}, sources={t: t}, identities={t: {t: t}},
        lock=t, lock_scope=t, made_by=t,
    )  # fmt: skip
    story = Story(plan, id=t, operator=t, reason=t)
    files, output = [{"path": t, "size": 3, "sha256": SHA}], {"path": t, "size": 9, "sha256": SHA, "tail": t}
    story.begin("s").tell("downtime_began", 0, by=t).end("s", 2, "changed", files=files, output=output, reason=t, by=t)
    story.tell("waiting", 1, step="q").tell("answered", 60, step="q", value=t, by=t, how=t, reason=t).end("q", 0.1)
    story.begin("f").tell("attempt", 1, step="f", attempt=2, error=t).tell("drift", 1, step="f", differences=[t])
    story.tell("step_failed", 1, step="f", error=t).tell("step_skipped", 0, step="k", reason=t, by=t)
    story.tell("warning", 0, text=t).tell("note", 0, section="lessons", text=t, by=t)
    story.tell("note", 0, section=t, text=t, by=t)
    return story.tell("run_finished", 0, status="failed", reason=t).run()
