"""Says in words what the server refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import StepFailed, TargetError, Unreachable


@contextmanager
def _losses_named() -> Iterator[None]:
    """
    Take for a lost connection what the driver takes for a wrong use of COPY.

    It does so where a session ends just after the last row: the end of the rows is one result, the server's last word
    another. What the server itself refuses has a code.
    """
    import psycopg

    try:
        yield
    except psycopg.ProgrammingError as error:
        if error.sqlstate is None and "mix COPY" in str(error):
            raise psycopg.OperationalError("the server ended the session just after the last row") from error
        raise


@contextmanager
def worded(what: str = "the pass", *, into: str = "restored") -> Iterator[None]:
    """Turn the driver's errors into ours, with the table and the constraint that the server names."""
    import psycopg

    try:
        with _losses_named():
            yield
    except psycopg.IntegrityError as error:
        found = error.diag
        what = f"the constraint {found.constraint_name}" if found.constraint_name else "the table"
        raise StepFailed(
            f"{found.table_name}: {what} of the {into} database refuses rows"
            f" ({found.message_primary}); nothing of this pass was kept",
            advice="Rows of tables without a key, and exclusion constraints, are not looked up before: settle them"
            " by hand, then do this again.",
        ) from error
    except psycopg.errors.ObjectNotInPrerequisiteState as error:  # to the driver an OperationalError, as a lost line is
        raise _refused(f"a statement of {what}", error) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise Unreachable(
            f"PostgreSQL ended {what}: {error}".strip(), advice="Resume: what is there is looked at first."
        ) from error
    except psycopg.Error as error:
        raise _refused(f"a statement of {what}", error) from error


def _refused(what: str, error: Exception) -> TargetError:
    return TargetError(
        f"PostgreSQL refused {what}: {error}".strip(),
        advice="Nothing of its transaction was kept. `doctor` tells which rights the account lacks.",
    )


@contextmanager
def asked(doing: str) -> Iterator[None]:
    """Turn the driver's errors into ours while *doing* something that only reads, such as "comparing users"."""
    import psycopg

    try:
        with _losses_named():
            yield
    except psycopg.errors.ObjectNotInPrerequisiteState as error:
        raise _refused(f"a statement while {doing}", error) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise Unreachable(f"PostgreSQL went away while {doing}: {error}".strip(), advice="Try again.") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise TargetError(
            f"PostgreSQL refused while {doing}: {error}".strip(),
            advice="`doctor` tells which rights the account that writes lacks, each with its GRANT.",
        ) from error
    except psycopg.Error as error:
        raise TargetError(
            f"PostgreSQL refused while {doing}: {error}".strip(), advice="Nothing was written; see what it says."
        ) from error


@contextmanager
def connected(what: str) -> Iterator[None]:
    """Turn a connection that is lost while *what* is carried out into our error; whatever else is refused goes on."""
    import psycopg

    try:
        with _losses_named():
            yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise Unreachable(
            f"PostgreSQL went away during {what}: {error}".strip(), advice="Resume: what is there is looked at first."
        ) from error
