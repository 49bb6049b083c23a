"""The table of rules; a code is given once and never again for something else."""

from typing import Final

from . import order, words
from .rule import InventoryFile, Rule, RunbookFile

RULES: Final = (
    Rule("RB001", "error", words.statement_with_expression,
         "a value is written into SQL: write :name in the statement and give the value under params:"),
    Rule("RB002", "error", order.unapproved,
         "{id} cannot be taken back, and nobody is asked before: put human.approve before it, or give it approve:"),
    Rule("RB003", "warning", words.raw_in_command,
         "| raw keeps the shell's quotes off: whoever gives the value can run any command; write it as a list"),
    Rule("RB004", "warning", order.repeatable_unknown,
         "after a crash nobody can tell whether this command was done: give it creates:, unless: or effect:"),
    Rule("RB005", "warning", order.no_way_back,
         "an undo stops at {id}: give it undo: with steps, or with leave: and the reason"),
    Rule("RB006", "error", order.unexpected,
         "{environment} is protected, and nothing says which system {name} must be: give it expect:",
         (InventoryFile,)),
    Rule("RB007", "warning", words.no_owner, "nobody is named who keeps this runbook right: add owner:"),
    Rule("RB008", "warning", words.no_summary, "nothing says when to use this runbook: add summary:"),
    Rule("RB009", "warning", words.no_sentence,
         "the name {name!r} is no sentence: say what the step does, beginning with a capital"),
    Rule("RB010", "warning", words.unused_input, "the input {name} is used nowhere"),
    Rule("RB011", "warning", words.thin_reason, "{reason!r} is no reason: say why, for whoever reads it at 3 a.m."),
    Rule("RB012", "error", order.open_downtime, "the downtime {what}"),
    Rule("RB013", "error", order.parallel_question,
         "a question is asked once, not by each member of a group: put it into a step before"),
    Rule("RB014", "info", order.unchecked,
         "nothing looks at the result of {id}: end with http.check or another assertion, or give it verify:"),
    Rule("RB015", "error", words.literal_secret,
         'this looks like a secret: give it by reference, as {{secret: "env:NAME"}}',
         (RunbookFile, InventoryFile), hidden=True),
    Rule("RB016", "warning", words.expression_in_name,
         "expressions are not evaluated in a name: say it in plain words"),
    Rule("RB017", "warning", words.block_tag, "{{% %}} is plain text here, only {{{{ }}}} is an expression"),
    Rule("RB018", "info", order.no_lock, "two people may run this at the same time: add lock:"),
    Rule("RB019", "warning", order.unused_target, "the target {name} is used by no step"),
    Rule("RB020", "error", words.expression_in_quotes,
         "{expression} stands inside quotes, where what it holds could end them: take them away, it gets its own"),
    Rule("RB021", "warning", order.site_untold,
         "nobody is told how the site is after {id}: give it site: down, read-only or up, or downtime:"),
    Rule("RB022", "error", order.unkept_timeout,
         "timeout: does not end {kind}, which only {does}: {instead}"),
)  # fmt: skip
