"""Every command there is, in the order in which they are listed. Commands import what they need when they run."""

from typing import Final

from .books import lint, list_playbooks, list_runbooks, schema, show
from .command import Command
from .going_on import abandon, adopt, approve, pause, resume, undo
from .places import demo, demo_migration, demo_rollback, doctor, init, test, torture
from .plans import plan, run_playbook, run_runbook
from .records import note, report, runs, status, verify_journal

COMMANDS: Final[tuple[Command, ...]] = (
    list_runbooks,
    list_playbooks,
    show,
    plan,
    run_runbook,
    run_playbook,
    resume,
    undo,
    abandon,
    pause,
    adopt,
    approve,
    runs,
    status,
    report,
    note,
    verify_journal,
    lint,
    schema,
    doctor,
    init,
    demo,
    demo_rollback,
    demo_migration,
    test,
    torture,
)
