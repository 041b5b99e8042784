"""A service account on its way in: from flags or prompts, verified by a real connection, then kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventwire.accounts import keyring
from eventwire.accounts.environment import secret_in_environment, variable_name
from eventwire.accounts.lookup import with_defaults
from eventwire.errors import CredentialError, EventwireError, UsageError
from eventwire.fields import Field, FieldType
from eventwire.project.edit import add_account
from eventwire.services.catalog import find_service
from eventwire.services.declare import Credentials, Service
from eventwire.terminal.assignments import read_value, write_assignments
from eventwire.terminal.questions import refuse_name

if TYPE_CHECKING:
    from eventwire.project.model import Project, ServiceAccount
    from eventwire.terminal.session import Session

ENVIRONMENTS = ("test", "live")
VERIFY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class CredentialSet:
    """An account's settings and secrets in one environment, as they were given."""

    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that is not in the project yet, or new sets of one that is."""

    name: str
    service: Service
    sets: Mapping[str, CredentialSet]

    def credentials(self, session: Session, project: Project, environment: str) -> Credentials:
        """What to connect with: the secrets given, and those that environment variables hold."""
        given = self.sets[environment]
        secrets = {
            each.name: secret_in_environment(session.environ, self.name, environment, each.name)
            for each in self.service.secrets
        }
        known = {name: value for name, value in secrets.items() if value is not None} | dict(given.secrets)
        return Credentials(with_defaults(self.service, given.settings), known, environment, str(project.folder))


def ask_account(session: Session, project: Project, name: str | None, service_name: str | None) -> NewAccount:
    """Ask for an account; each set is verified as it is given, and asked for again where that fails.

    A name that is taken already means that account, whose sets are given anew.
    """
    from eventwire.terminal.prompts import confirm

    existing = project.accounts.get(name) if name else None
    if name and existing is None:
        refuse_name(name, "service account", ())
    service = find_service(service_name or ask_service(session))
    if existing and existing.service != service.name:
        raise other_service(existing)
    name = name or ask_name(session, project, service)
    account = NewAccount(name, service, {})
    if service.secrets:
        warn_without_keyring(session, account)
    for environment in ENVIRONMENTS:
        if environment == "live" and not confirm(session, "Give the live credentials now, too?", default=False):
            continue
        account = ask_set(session, project, account, environment)
    return account


def other_service(existing: ServiceAccount) -> UsageError:
    """The error for an account that exists, but for another service."""
    return UsageError(
        f'The service account "{existing.name}" exists already, for the service {existing.service}.',
        next_step="Choose another name.",
    )


def ask_service(session: Session) -> str:
    """The name of one of the services."""
    from eventwire.terminal.prompts import Choice, select

    services = [find_service(each) for each in all_services()]
    return select(session, "Which service?", [Choice(each.name, each.summary, each.label) for each in services])


def ask_name(session: Session, project: Project, service: Service) -> str:
    """A name for a new account; the service's own is proposed."""
    from eventwire.terminal.prompts import ask_text

    return ask_text(
        session, "What do you call the account?", default=service.name, check=lambda text: check_name(project, text)
    )


def warn_without_keyring(session: Session, account: NewAccount) -> None:
    """Say before anything is asked that secrets cannot be kept here, and where they are read from instead."""
    try:
        keyring.describe_keyring()
    except keyring.KeyringUnusable as error:
        variables = [variable_name(account.name, "test", each.name) for each in account.service.secrets]
        session.say(str(keyring.credential_error(str(error), variables)))
        session.say("Secrets are not asked for now; they are read from the environment whenever they are needed.")


def can_keep_secrets() -> bool:
    """Whether there is a keyring to keep secrets in."""
    try:
        keyring.describe_keyring()
    except keyring.KeyringUnusable:
        return False
    return True


def all_services() -> list[str]:
    """The names of the services to choose from."""
    from eventwire.services.catalog import service_names

    return service_names()


def check_name(project: Project, name: str) -> str | None:
    """What is wrong with a new account's name."""
    from eventwire.project.names import new_name_problem

    return new_name_problem(name, "service account", project.accounts)


def ask_set(session: Session, project: Project, account: NewAccount, environment: str) -> NewAccount:
    """Ask for one environment's settings and secrets until they connect, or the user keeps them as they are."""
    from eventwire.terminal.prompts import Choice, select

    session.say(session.style(f"{account.service.label}, {environment}", "heading", stream="stderr"))
    given = CredentialSet({}, {})
    while True:
        given = ask_credentials(session, account.service, given)
        account = replace(account, sets={**account.sets, environment: given})
        try:
            verify(session, project, account, environment)
            return account
        except EventwireError as error:
            session.say(str(error))
        again = Choice("again", label="Change the values")
        keep = Choice("keep", label="Keep them as they are")
        if select(session, "That did not connect. What now?", [again, keep]) == "keep":
            return account


def ask_credentials(session: Session, service: Service, before: CredentialSet) -> CredentialSet:
    """Ask for each field that has a meaning beside the answers so far, proposing what was given before."""
    from eventwire.terminal.prompts import ask_secret

    fields = {each.name: each for each in service.fields}
    settings: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    asked = [each for each in service.fields if not each.secret or can_keep_secrets()]
    for each in asked:
        if not each.applies(settings, fields):
            continue
        if each.secret:
            hint = "" if each.required else ", empty for none"
            value = ask_secret(session, f"{each.label} (hidden{hint}):", check=needed(each))
            if value:
                secrets[each.name] = value
        elif (setting := ask_setting(session, each, before.settings.get(each.name))) is not None:
            settings[each.name] = setting
    return CredentialSet(settings, secrets)


def ask_setting(session: Session, each: Field, before: Any) -> Any:
    """A setting's value; None where it is left at its default."""
    from eventwire.terminal.prompts import Choice, ask_text, confirm, select

    proposed = before if before is not None else each.default
    if each.choices:
        value: Any = select(session, f"{each.label}:", [Choice(choice) for choice in each.choices], default=proposed)
    elif each.type is FieldType.BOOLEAN:
        value = confirm(session, f"{each.label}?", default=bool(proposed))
    else:
        example = f"for example {each.example}" if each.example is not None and proposed is None else ""
        hint = ", ".join(filter(None, (example, "" if each.required or proposed is not None else "empty for none")))
        text = ask_text(
            session,
            f"{each.label}:",
            default="" if proposed is None else str(proposed),
            check=reads_as(each),
            hint=hint,
        )
        value = read_value(each, text, each.name) if text else None
    return None if value == each.default else value


def needed(each: Field) -> Any:
    """A check that a required field is not left empty."""
    return lambda text: "This one is needed." if each.required and not text else None


def reads_as(each: Field) -> Any:
    """A check that a text can be read as the field's type."""

    def check(text: str) -> str | None:
        if not text:
            return "This one is needed." if each.required else None
        try:
            read_value(each, text, each.label)
        except UsageError as error:
            return error.message
        return None

    return check


def verify(session: Session, project: Project, account: NewAccount, environment: str) -> str:
    """Connect for real; returns what answered. Raises EventwireError."""
    credentials = account.credentials(session, project, environment)
    wrong = account.service.check_credentials(credentials) if account.service.check_credentials else None
    if wrong:
        raise CredentialError(f"The {environment} credentials cannot be used: {wrong}")
    with session.waiting(f"Connecting to {account.service.label} ({environment}) …"):
        answered = connect_and_verify(account.service, credentials)
    if not session.json:
        session.say(f"{session.style('✓', 'ok', stream='stderr')} {environment}: {answered}")
    return answered


def connect_and_verify(service: Service, credentials: Credentials) -> str:
    """What answered at the other end. Raises ServiceError, CredentialError, MissingExtra."""
    from asyncio import run

    return str(run(ask_server(service, credentials, service.verify)))


async def ask_server(service: Service, credentials: Credentials, question: Any) -> Any:
    """Connect, put a question, and close again. Raises Unavailable where that takes too long."""
    import asyncio

    from eventwire.errors import Unavailable

    try:
        async with asyncio.timeout(VERIFY_SECONDS):
            connection = await service.connect(credentials)
            try:
                return await question(connection)
            finally:
                await connection.close()
    except TimeoutError:
        raise Unavailable(f"{service.label} did not answer within {VERIFY_SECONDS:.0f} seconds.") from None


def account_arguments(account: NewAccount) -> list[str]:
    """The arguments that would add the same account; secrets come from standard input."""
    line = [account.name, "--service", account.service.name]
    for environment, given in account.sets.items():
        line += write_assignments(given.settings, account.service.fields, f"--{environment}")
        for name in given.secrets:
            line += [f"--{environment}-secret", f"{name}=-"]
    return line


def save_account(session: Session, project: Project, account: NewAccount) -> Path:
    """Keep an account: secrets in the keyring, settings in the project file; both or neither.

    Raises CredentialError where secrets were given and no keyring can keep them, and ProjectError.
    """
    secrets = {environment: dict(given.secrets) for environment, given in account.sets.items() if given.secrets}
    before = keep_secrets(project, account, secrets)
    settings = {environment: dict(given.settings) for environment, given in account.sets.items()}
    try:
        add_account(project.folder, account.name, account.service.name, settings.get("test"), settings.get("live"))
    except BaseException:
        if before:
            keyring.write_secrets(project.name, account.name, before)
        raise
    return project.folder


def keep_secrets(
    project: Project, account: NewAccount, secrets: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Write secrets to the keyring beside those it has; returns what was there before."""
    if not secrets:
        return {}
    try:
        before = {each: keyring.read_secrets(project.name, account.name, each) for each in secrets}
        merged = {each: {**before[each], **secrets[each]} for each in secrets}
        keyring.write_secrets(project.name, account.name, merged)
    except keyring.KeyringUnusable as error:
        variables = [
            variable_name(account.name, environment, name) for environment, names in secrets.items() for name in names
        ]
        raise unusable(str(error), variables, account) from error
    return before


def unusable(reason: str, variables: Sequence[str], account: NewAccount) -> CredentialError:
    """The error for secrets that no keyring can keep; the account can be added without them."""
    error = keyring.credential_error(reason, list(variables))
    return CredentialError(
        error.message,
        next_step=f"{error.next_step}\n"
        f"With the variables set, add the account without giving the secrets: "
        f"eventwire add:service-account {account.name} --service {account.service.name} …",
    )
