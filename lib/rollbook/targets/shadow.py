"""Runs migrations on a copy of a schema, once it is sure that it is the copy that they would migrate."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..beside import make_folder, write_beside
from ..errors import CommandFailed, TargetError
from ..migrations.shadow import ShadowFound, Shape, compare_shapes, gone, lines
from ..migrations.shadowing import ShadowRun
from ..ops import Execution, OpResult
from ..schema import encode
from .hosts import KEPT
from .output import CommandOutput
from .postgres.programs import Host, address_from, host_of
from .process import Launch

if TYPE_CHECKING:
    from .sql import SqlTarget

Records = frozenset[tuple[str, str]]


def migrate_copy(target: "SqlTarget", op: ShadowRun, execution: Execution, more: Mapping[str, str]) -> None:
    """
    Ask the code which database it is connected to, and let it migrate that.

    *more* are variables beside those that the op names. Raises `TargetError` where the code is led elsewhere, with
    nothing run, and `CommandFailed` where the migrations fail.
    """
    host = host_of(target, op.host)
    given = {**more, **_address(target, host, op)}
    said = _run(target, host, op, op.asking, given, execution).strip().splitlines()
    if not said or said[-1].strip() != op.database:
        raise TargetError(
            f"the code on {host.name} is led to {said[-1][:100]!r} and not to the copy {op.database}: nothing was run"
            if said
            else f"the code on {host.name} does not say which database it is connected to: nothing was run",
            advice="Name in variables: what its settings take the address of the database from.",
        )
    _run(target, host, op, op.command, given, execution)


def result_of(
    op: ShadowRun,
    before: tuple[Shape, Records],
    after: tuple[Shape, Records],
    execution: Execution,
    lacking: tuple[str, ...] = (),
) -> OpResult:
    """Compare the copy before and after, write that down, show it and give it; *lacking* is what the copy had not."""
    (old, had), (new, has) = before, after
    tables, columns = gone(old, new)
    narrowed, made = compare_shapes(old, new, mysql=op.properties is None)
    recorded = tuple(f"{app}.{name}" for app, name in sorted(has - had))
    shadow = ShadowFound(tables, columns, narrowed, made, recorded, lacking)
    found = encode(shadow)
    path = Path(op.path)
    make_folder(path.parent)
    write_beside(path, [json.dumps(found, indent=2, ensure_ascii=False).encode(), b"\n"])
    execution.write_output("".join(f"{line}\n" for line in lines(shadow, op.said)).encode())
    return OpResult(outputs={"found": found})


def _run(
    target: "SqlTarget",
    host: Host,
    op: ShadowRun,
    argv: tuple[str, ...],
    given: Mapping[str, str],
    execution: Execution,
) -> str:
    output = CommandOutput(target.redactor, execution.write_output, keep=KEPT)
    own = {name: target.secrets.resolve(value) for name, value in op.environment.items()}
    launch = Launch(
        argv,
        directory=op.directory,
        environment={**own, **given},
        confidential=True,
        timeout=execution.timeout,
        run_as=op.run_as,
        mark=execution.mark,
    )
    exited = host.launch(launch, output, execution.stopping)
    output.end()
    if exited:
        raise CommandFailed(
            f"{argv[0]} on {host.name} ended with exit code {exited}; the copy {op.database} is dropped",
            exited=exited,
            tail=output.tail,
            advice=f"It said: {output.tail.strip()[-600:] or 'nothing'}",
        )
    return output.kept.decode(errors="replace")


def _address(target: "SqlTarget", host: Host, op: ShadowRun) -> Mapping[str, str]:
    """Give the variables that lead to the copy; with the password, never to be shown."""
    url = address_from(target, host).set(drivername=op.scheme or target.family, database=op.database)
    parts = {
        "url": url.render_as_string(hide_password=False).replace(" ", "%20"),
        "database": op.database,
        "host": url.host or "",
        "port": str(url.port or ""),
        "user": url.username or "",
        "password": str(url.password or ""),
    }
    return {name: parts[part] for name, part in op.variables.items()}
