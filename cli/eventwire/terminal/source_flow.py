"""A source on its way in: from flags or prompts; its secrets go into the keyring, the rest into the project file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from eventwire.accounts import keyring
from eventwire.accounts.environment import secret_in_environment, variable_name
from eventwire.errors import UsageError, did_you_mean
from eventwire.fields import Field, FieldType
from eventwire.language.models import Model
from eventwire.language.paths import format_path
from eventwire.project.edit import add_source as write_source
from eventwire.project.names import name_problem
from eventwire.project.sources import KINDS, TIME, SourceKind, find_kind
from eventwire.project.triggers import field_for
from eventwire.terminal.account_flow import ask_setting, can_keep_secrets
from eventwire.terminal.assignments import read_assignments, write_assignments
from eventwire.terminal.project import find_event
from eventwire.terminal.secrets_input import read_secret_flags
from eventwire.terminal.triggers import as_flag

if TYPE_CHECKING:
    from eventwire.project.model import Project, Source
    from eventwire.terminal.session import Session

OWN_FLAGS = ("schedule", "time-zone", "folder")
"""Settings with a flag of their own; the others are given by --setting."""


class Given(NamedTuple):
    """What the command line says of a source."""

    name: str | None
    kind: str | None
    event: str | None
    environment: str | None
    settings: tuple[str, ...]
    values: tuple[str, ...]
    where: str | None
    secrets: tuple[str, ...]

    @property
    def only_secrets(self) -> bool:
        """Whether nothing is said but new secrets."""
        return bool(self.secrets) and not any(self[1:-1])


@dataclass(frozen=True, slots=True)
class NewSource:
    """A source that is not in the project yet."""

    name: str
    kind: SourceKind
    event: str
    environment: str | None
    settings: Mapping[str, Any]
    values: Mapping[str, Any] | None
    where: str | None
    secrets: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def table(self) -> dict[str, Any]:
        """The source as the project file holds it."""
        table: dict[str, Any] = {"kind": self.kind.name, "event": self.event}
        table |= {"environment": self.environment} if self.environment else {}
        table |= self.settings
        table |= {"where": self.where} if self.where else {}
        return table | ({"values": dict(self.values)} if self.values else {})

    @property
    def address(self) -> str | None:
        """Where a webhook comes in, as a path of the server."""
        return f"/sources/{self.name}" if self.kind.is_webhook else None

    def waits_for(self, session: Session) -> list[str]:
        """The environment variables of the secrets that were not given, and are not there."""
        environment = self.environment or "test"
        return [
            variable_name(self.name, environment, each.name)
            for each in self.kind.secrets
            if each.required
            and each.name not in self.secrets
            and secret_in_environment(session.environ, self.name, environment, each.name) is None
        ]

    def next_steps(self, session: Session) -> list[str]:
        """What is to be done for it to work."""
        missing = self.waits_for(session)
        flags = " ".join(f"--secret {each.name}=-" for each in self.kind.secrets if each.required)
        steps = [f"Next: set {' and '.join(missing)}, or: eventwire add:source {self.name} {flags}"] if missing else []
        return steps + ([f"Its address is {self.address} of the server."] if self.address else [])


def find_source_kind(name: str) -> SourceKind:
    """The kind of that name. Raises UsageError."""
    kind = find_kind(name)
    if kind is None:
        step = did_you_mean(name, KINDS) or f"There are: {', '.join(KINDS)}."
        raise UsageError(f'There is no kind of source called "{name}".', next_step=step)
    return kind


def source_of_flags(session: Session, project: Project, given: Given) -> NewSource:
    """The source that flags describe. Raises UsageError listing all that is missing."""
    kind = find_source_kind(given.kind) if given.kind is not None else None
    if given.event is not None:
        find_event(project, given.event)
    settings = read_settings(kind, given.settings) if kind else {}
    missing = [flag for flag, value in (("NAME", given.name), ("--kind", kind), ("--event", given.event)) if not value]
    missing += [flag_for(each) for each in kind.fields if is_missing(each, settings)] if kind else []
    if missing or kind is None or given.name is None or given.event is None:
        raise UsageError(
            f"Missing: {', '.join(missing)}.",
            next_step="Give them on the command line, or run this in a terminal to be asked.",
        )
    secrets = read_secret_flags(session, kind, given.secrets, "--secret")
    values = read_values(find_event(project, given.event).model, given.values)
    return NewSource(given.name, kind, given.event, given.environment, settings, values or None, given.where, secrets)


def read_settings(kind: SourceKind, given: Sequence[str]) -> dict[str, Any]:
    """The settings of flags, each as its field's type. Raises UsageError, also where one is a secret."""
    declared = {each.name: each for each in kind.fields}
    for assignment in given:
        name = assignment.partition("=")[0]
        if name in declared and declared[name].secret:
            raise UsageError(
                f'"{name}" is a secret: as an argument it would be seen by others and kept in the shell\'s history.',
                next_step=f"Give its source with: --secret {name}=env:VARIABLE, {name}=file:PATH or {name}=-",
            )
        if name in OWN_FLAGS and name not in declared:
            raise UsageError(f"--{name} means nothing for {kind.label}.", next_step="Leave it out.")
    return read_assignments(given, [each for each in kind.fields if not each.secret], "--setting")


def is_missing(each: Field, settings: Mapping[str, Any]) -> bool:
    """Whether a setting has to be given and is not."""
    return each.required and not each.secret and each.name not in settings


def flag_for(each: Field) -> str:
    """How a setting is given."""
    return f"--{each.name}" if each.name in OWN_FLAGS else f"--setting {each.name}=…"


def read_values(model: Model, given: Sequence[str]) -> dict[str, Any]:
    """The payload's properties of `--set` flags. Raises UsageError."""
    names = dict.fromkeys(assignment.partition("=")[0].partition(".")[0] for assignment in given)
    known = list(model.properties) if model.closed else [*model.properties, *names]
    return read_assignments(given, [as_flag(field_for(model, name)) for name in known], "--set")


def ask_source(session: Session, project: Project, given: Given) -> NewSource:
    """Ask for what was not given."""
    from eventwire.terminal.prompts import Choice, ask_text, select

    kinds = [Choice(each.name, each.summary, each.label) for each in KINDS.values()]
    kind = find_source_kind(given.kind or select(session, "What raises the event?", kinds))
    name = given.name or ask_text(
        session, "What is the source called?", default=kind.name, check=lambda text: taken(project, text)
    )
    event = given.event or select(session, "Which event does it raise?", [Choice(each) for each in project.events])
    model = find_event(project, event).model
    environment = given.environment or select(
        session, "In which environment?", [Choice("test"), Choice("live", "real customers, real money")]
    )
    settings = read_settings(kind, given.settings)
    for each in kind.fields:
        if is_missing(each, settings) or (each.name == "time-zone" and each.name not in settings):
            value = ask_setting(session, each, None)
            settings |= {each.name: value} if value is not None else {}
    values = read_values(model, given.values) or ask_values(session, kind, event, model)
    where = given.where or (ask_where(session, kind) if kind.inbound is not TIME else None)
    secrets = read_secret_flags(session, kind, given.secrets, "--secret") or ask_secrets(session, kind)
    return NewSource(
        name, kind, event, None if environment == "test" else environment, settings, values or None, where, secrets
    )


def taken(project: Project, name: str) -> str | None:
    """What is wrong with a new source's name."""
    if name in project.sources or name in project.accounts:
        return "There is a source or a service account of that name already."
    return name_problem(name)


def ask_values(session: Session, kind: SourceKind, event: str, model: Model) -> dict[str, Any]:
    """The payload: what came in, whole, or a value for each property."""
    from eventwire.language.wildcards import wildcards_for
    from eventwire.terminal.prompts import Choice, WildcardCompleter, ask_text, select

    if not model.properties:
        return {}
    whole = Choice("whole", label="What came in, whole")
    each_one = Choice("values", label="A value for each property")
    if kind.inbound is not TIME and select(session, "What is the payload?", [whole, each_one]) == "whole":
        return {}
    completer = WildcardCompleter([*wildcards_for(kind.inbound), "{body.}", "{header.}"])
    flags = []
    for name, declared in model.properties.items():
        proposed = "" if kind.inbound is TIME else f"{{body.{format_path((name,))}}}"
        text = ask_text(
            session,
            f"{event} {name} =",
            default=proposed,
            hint="empty leaves it out" if declared.optional else "",
            check=anything if declared.optional else something,
            completer=completer,
        )
        flags += [f"{name}={text}"] if text else []
    return read_values(model, flags)


def anything(text: str) -> str | None:
    """Nothing is wrong with any text."""
    return None


def something(text: str) -> str | None:
    """What is wrong with an empty text."""
    return None if text else "A value, or a wildcard such as {body.id}."


def ask_where(session: Session, kind: SourceKind) -> str | None:
    """The condition on what comes in; None where everything counts."""
    from eventwire.language.conditions import check_condition, parse_condition
    from eventwire.language.findings import LanguageError, first_error
    from eventwire.terminal.prompts import ask_text

    def check(text: str) -> str | None:
        if not text:
            return None
        try:
            return first_error(check_condition(parse_condition(text), kind.inbound))
        except LanguageError as error:
            return error.message

    example = "body.type = 'charge.succeeded'"
    return ask_text(session, "Only where:", hint=f"{example}; empty for all of it", check=check) or None


def ask_secrets(session: Session, kind: SourceKind) -> dict[str, str]:
    """The secrets, where they can be kept; empty for those that come later."""
    from eventwire.terminal.prompts import ask_secret

    if not kind.secrets or not can_keep_secrets():
        return {}
    needed = [each for each in kind.secrets if each.required]
    asked = {each.name: ask_secret(session, f"{each.label} (hidden, empty for later):") for each in needed}
    return {name: value for name, value in asked.items() if value}


def add(session: Session, project: Project, source: NewSource) -> None:
    """Keep a source: secrets in the keyring, the rest in the project file; both or neither. Raises UsageError,
    CredentialError, ProjectError.
    """
    before = keep_secrets(project, source.name, source.environment or "test", source.secrets)
    try:
        write_source(project.folder, source.name, source.table)
    except BaseException:
        if before is not None:
            keyring.write_secrets(project.name, source.name, before)
        raise


def replace_secrets(session: Session, project: Project, source: Source, given: Sequence[str]) -> None:
    """Keep new secrets for a source that is there, in place of all it has. Raises UsageError, CredentialError."""
    secrets = read_secret_flags(session, find_source_kind(source.kind), given, "--secret")
    keep_secrets(project, source.name, source.environment, secrets)


def keep_secrets(
    project: Project, name: str, environment: str, secrets: Mapping[str, str]
) -> dict[str, dict[str, str]] | None:
    """Write secrets to the keyring in place of those it has; returns what was there, None where nothing was written.
    Raises CredentialError.
    """
    if not secrets:
        return None
    try:
        before = keyring.read_secrets(project.name, name, environment)
        keyring.write_secrets(project.name, name, {environment: secrets})
    except keyring.KeyringUnusable as error:
        variables = [variable_name(name, environment, each) for each in secrets]
        raise keyring.credential_error(str(error), variables) from error
    return {environment: before}


def forget_secrets(session: Session, project: Project, source: Source) -> None:
    """Take a source's secrets out of the keyring; where there is no keyring, there is nothing to take out."""
    if not KINDS[source.kind].secrets:
        return
    try:
        keyring.write_secrets(project.name, source.name, {source.environment: {}})
    except keyring.KeyringUnusable as error:
        session.say(f"Its secrets, if it has any, could not be taken out of the keyring: {error}.")


def arguments(source: NewSource) -> list[str]:
    """The arguments that would add the same source, but for its secrets."""
    line = [source.name, "--kind", source.kind.name, "--event", source.event]
    line += ["--environment", source.environment] if source.environment else []
    fields = {each.name: each for each in source.kind.fields}
    for name, value in source.settings.items():
        line += (
            [f"--{name}", str(value)]
            if name in OWN_FLAGS
            else write_assignments({name: value}, [fields[name]], "--setting")
        )
    line += ["--where", source.where] if source.where else []
    values = source.values or {}
    line += write_assignments(values, [Field(name, name, FieldType.ANY) for name in values], "--set")
    for name in source.secrets:
        line += ["--secret", f"{name}=-"]
    return line
