"""What an inventory says about a target, by kind; kept apart from the targets so that reading one loads no more."""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final, Literal

from ..dataclass import dataclass
from ..values import Plain, Secret

MAIL_ADDRESS: Final = re.compile(r"[^\s<>,;:\"()\[\]\\@]+@[^\s<>,;:\"()\[\]\\@]+")


@dataclass(frozen=True, slots=True)
class ForwardSettings:
    """A command that forwards a port of this machine for as long as it runs."""

    command: tuple[str, ...] = field(
        metadata={
            "help": "such as [kubectl, port-forward, svc/mysql, '{port}:3306']; {port} is a free port of this machine"
        }
    )


@dataclass(frozen=True, slots=True)
class SshSettings:
    """The settings of `kind: ssh`; what they leave open comes from ~/.ssh/config."""

    host: str = field(metadata={"help": "host name, address, or a name of ~/.ssh/config"})
    port: int | None = field(default=None, metadata={"help": "port, 22 unless given"})
    user: str | None = field(default=None, metadata={"help": "account on the host"})
    key: str | None = field(default=None, metadata={"help": "file of a private key; the agent's keys unless given"})
    passphrase: Secret | None = field(default=None, metadata={"help": "of the private key"})
    password: Secret | None = field(default=None, metadata={"help": "of the account, where keys are not used"})
    known_hosts: tuple[str, ...] = field(
        default=(), metadata={"help": "files instead of ~/.ssh/known_hosts and the system's"}
    )
    host_key: str | None = field(default=None, metadata={"help": "the host's public key, pinned: ssh-ed25519 AAAA…"})
    jump: str | None = field(default=None, metadata={"help": "an ssh target through which the host is reached"})
    sudo: bool = field(default=False, metadata={"help": "run every command through sudo -n"})
    directory: str | None = field(
        default=None, metadata={"help": "folder in which commands run, unless a step names one"}
    )
    connect_timeout: float = field(default=10.0, metadata={"help": "seconds to wait for a connection"})


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """The settings of `kind: command`."""

    prefix: tuple[str, ...] = field(
        metadata={"help": "what stands before each command, such as [docker, exec, -i, cms]"}
    )
    on: str | None = field(
        default=None, metadata={"help": "the host target on which the prefix runs; this machine, unless given"}
    )
    directory: str | None = field(
        default=None, metadata={"help": "folder in which commands run, unless a step names one"}
    )


@dataclass(frozen=True, slots=True)
class SqlSettings:
    """The settings of `kind: sql` and `kind: postgres`: an url, or its parts."""

    url: str | Secret | None = field(
        default=None,
        metadata={"help": "mysql://user@host/name, postgresql://… or sqlite:////path; or a secret that is one"},
    )
    driver: Literal["mysql", "mariadb", "postgresql", "sqlite"] | None = field(
        default=None, metadata={"help": "the family of the database, where no url is given"}
    )
    host: str | None = field(default=None, metadata={"help": "host name or address"})
    port: int | None = field(default=None, metadata={"help": "port, where it is not the usual one"})
    database: str | None = field(default=None, metadata={"help": "name of the database; for sqlite its file"})
    user: str | None = field(default=None, metadata={"help": "account"})
    password: Secret | None = field(default=None, metadata={"help": 'the account\'s password: {secret: "env:NAME"}'})
    via: str | ForwardSettings | None = field(
        default=None,
        metadata={"help": "an ssh target, or {command: [...]} that forwards a port, by which the database is reached"},
    )
    connect_timeout: float = field(default=10.0, metadata={"help": "seconds to wait for a connection"})
    lock_wait: float = field(default=10.0, metadata={"help": "seconds to wait for somebody else's row or table lock"})
    statement_timeout: float = field(default=600.0, metadata={"help": "seconds that one statement may take"})


@dataclass(frozen=True, slots=True)
class PostgresSettings(SqlSettings):
    """The settings of `kind: postgres`: a database, and how the others on its server are worked with."""

    maintenance: str = field(
        default="postgres",
        metadata={"help": "the database from which others are made, renamed and dropped"},
    )
    programs: str | None = field(
        default=None,
        metadata={"help": "folder of pg_dump, pg_restore and psql; those of the server's major version are found"},
    )


@dataclass(frozen=True, slots=True)
class PgbouncerSettings:
    """The settings of `kind: pgbouncer`: its admin console."""

    host: str = field(metadata={"help": "host name or address, or the folder of its socket"})
    port: int | None = field(default=None, metadata={"help": "6432 unless given"})
    user: str | None = field(default=None, metadata={"help": "one of its admin_users"})
    password: Secret | None = field(default=None, metadata={"help": 'the account\'s password: {secret: "env:NAME"}'})


@dataclass(frozen=True, slots=True)
class MarkerSettings:
    """A document by which a database is known."""

    collection: str = field(metadata={"help": "collection of the document"})
    filter: Mapping[str, Plain] = field(metadata={"help": "what it is found by, in Extended JSON"})


@dataclass(frozen=True, slots=True)
class MongoSettings:
    """The settings of `kind: mongo`."""

    url: str | Secret | None = field(
        default=None, metadata={"help": "mongodb:// or mongodb+srv://; or a secret that is one"}
    )
    database: str = field(default="", metadata={"help": "name of the database"})
    user: str | None = field(default=None, metadata={"help": "account, where the url has none"})
    password: Secret | None = field(default=None, metadata={"help": 'the account\'s password: {secret: "env:NAME"}'})
    via: str | ForwardSettings | None = field(
        default=None,
        metadata={"help": "an ssh target, or {command: [...]} that forwards a port, by which the database is reached"},
    )
    marker: MarkerSettings | None = field(
        default=None, metadata={"help": "a document that only this database has, for expect: {marker: present}"}
    )
    selection_timeout: float = field(default=5.0, metadata={"help": "seconds to look for the primary"})
    write_timeout: float = field(default=30.0, metadata={"help": "seconds to wait until a majority has a write"})


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The settings of `kind: http`."""

    base_url: str | Secret | None = field(
        default=None,
        metadata={"help": "https://host[/path], to which a step's url is added; without it any url is taken"},
    )
    headers: Mapping[str, str | Secret] = field(
        default_factory=dict, metadata={"help": "headers sent with every request to this host"}
    )
    ca: str | None = field(
        default=None, metadata={"help": "file with the certificates to trust instead of the system's"}
    )
    via: str | ForwardSettings | None = field(
        default=None,
        metadata={"help": "an ssh target, or {command: [...]} that forwards a port, by which the site is reached"},
    )


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The settings of `kind: smtp`."""

    host: str = field(metadata={"help": "host name of the mail server"})
    sender: str = field(metadata={"help": "address that mails come from"})
    port: int | None = field(
        default=None, metadata={"help": "587 for starttls, 465 for tls, 25 for none, unless given"}
    )
    tls: Literal["starttls", "tls", "none"] = field(
        default="starttls", metadata={"help": "how the connection is protected"}
    )
    user: str | None = field(default=None, metadata={"help": "account"})
    password: Secret | None = field(default=None, metadata={"help": 'the account\'s password: {secret: "env:NAME"}'})
    ca: str | None = field(
        default=None, metadata={"help": "file with the certificates to trust instead of the system's"}
    )
    timeout: float = field(default=15.0, metadata={"help": "seconds to wait for each answer"})

    def __post_init__(self) -> None:
        if MAIL_ADDRESS.fullmatch(self.sender) is None:
            raise ValueError("sender: expected an address such as ops@example.org, and no name beside it")


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The settings of `kind: broker`: a Redis by its url, or the folder of kombu's filesystem transport."""

    url: str | Secret | None = field(
        default=None, metadata={"help": "redis://host:port/number; or a secret that is one"}
    )
    folder: str | None = field(default=None, metadata={"help": "where the filesystem transport keeps what waits"})
    password: Secret | None = field(default=None, metadata={"help": 'the password: {secret: "env:NAME"}'})
    prefix: str = field(default="", metadata={"help": "what every key begins with: Celery's global_keyprefix"})
    separator: str = field(
        default="\x06\x16",
        metadata={"help": "what stands before a priority in a list's name: sep of Celery's broker_transport_options"},
    )
    priorities: tuple[int, ...] = field(
        default=(0, 3, 6, 9), metadata={"help": "Celery's priority_steps, which have a list each but for 0"}
    )
    via: str | ForwardSettings | None = field(
        default=None,
        metadata={"help": "an ssh target, or {command: [...]} that forwards a port, by which the broker is reached"},
    )
    connect_timeout: float = field(default=10.0, metadata={"help": "seconds to wait for a connection"})
    timeout: float = field(default=60.0, metadata={"help": "seconds to wait for an answer"})

    def __post_init__(self) -> None:
        if (self.url is None) == (self.folder is None):
            raise ValueError("expected either url or folder")
        if not self.separator or not all(0 <= step <= 255 for step in self.priorities):
            raise ValueError("expected a separator, and priorities from 0 to 255")


@dataclass(frozen=True, slots=True)
class S3Settings:
    """The settings of `kind: s3`: a bucket, or a part of one, of Amazon's or of another store that speaks S3."""

    bucket: str = field(metadata={"help": "name of the bucket"})
    prefix: str = field(default="", metadata={"help": "the part of the bucket that is meant, such as backups/shop"})
    endpoint_url: str | None = field(default=None, metadata={"help": "https://host of the store, where not Amazon's"})
    region: str | None = field(default=None, metadata={"help": "region of the bucket"})
    access_key: str | Secret | None = field(
        default=None, metadata={"help": "id of the key; where not given, boto3 looks where it always does"}
    )
    secret_key: Secret | None = field(default=None, metadata={"help": 'the key\'s secret: {secret: "env:NAME"}'})
    session_token: Secret | None = field(default=None, metadata={"help": "of credentials that end"})
    addressing: Literal["auto", "path", "virtual"] = field(
        default="auto", metadata={"help": "path: the bucket stands in the path, as many other stores want it"}
    )
    timeout: float = field(default=60.0, metadata={"help": "seconds to wait for an answer"})
