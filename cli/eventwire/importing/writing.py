"""An import as a project file: what was translated as tables, and what was not as comments in its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from eventwire.errors import ProjectError, UsageError
from eventwire.importing.actions import HIDDEN, hidden, is_webhook
from eventwire.importing.result import Action, Event, Filter, Imported
from eventwire.language.payloads import encode_json
from eventwire.project.field_values import holds_secret
from eventwire.project.files import write_atomically
from eventwire.project.load import load_document
from eventwire.project.locate import unwritable
from eventwire.project.model import DEFAULT_FILTER
from eventwire.project.scaffold import template_folder
from eventwire.project.toml import PROJECT_FILE, Document
from eventwire.project.written import escaped, toml_block, toml_header, toml_text

IGNORE = ".gitignore"


# The text


def project_text(imported: Imported) -> str:
    """The project file."""
    blocks = [
        comment(f"Imported from the ReactiveHub project {imported.origin}."),
        toml_block(("project",), {"name": imported.name}),
    ]
    if imported.accounts:
        blocks.append(comment("These wait for their credentials: each command below gives those for test."))
    for account in imported.accounts:
        lines = toml_block(("service-accounts", account.name), {"service": account.service})
        blocks.append(comment(account.command) + lines)
    for event in imported.events:
        blocks += event_blocks(event)
    return "\n".join(blocks)


def event_blocks(event: Event) -> Iterator[str]:
    """An event: where it is from, its model, its filters with their actions."""
    source = event.source
    version = f", version {source.version}" if source.version else ""
    notes = {
        key: value
        for key, value in (("description", source.name), ("group", source.group))
        if value and value != source.id
    }
    origin = comment(f"From {source.file.shown}: {source.id}{version}.")
    yield f"\n{origin}{toml_block(('events', event.name), notes)}"
    yield toml_block(("events", event.name, "model"), event.model)
    if not any(each.name == DEFAULT_FILTER for each in event.filters):
        yield toml_block(("events", event.name, "filters", DEFAULT_FILTER), {})
    for each in event.filters:
        yield from filter_blocks(event, each)


def filter_blocks(event: Event, each: Filter) -> Iterator[str]:
    """A filter with its actions; all of it as a comment where it is left out."""
    keys = ("events", event.name, "filters", each.name)
    named = comment(f"{each.source.name}") if each.source.name not in (None, each.source.id, "onEvent") else ""
    if each.left_out:
        why = comment(f"The filter {each.source.id} did not translate ({each.source.place('condition')}):")
        yield named + why + comment(f"{toml_header(*keys)}\nwhere = {toml_text(each.source.condition or '')}")
    else:
        yield named + toml_block(keys, {"where": each.where} if each.where is not None else {})
    for action in each.actions:
        text = action_text(keys, action)
        yield commented(text) if each.left_out else text


def action_text(keys: tuple[str, ...], action: Action) -> str:
    """An action with its triggers; as a comment where it is left out."""
    source, translated = action.source, action.translated
    named = comment(source.name) if source.name not in (None, source.id) else ""
    beside = "".join(comment(line) for line in lines_beside(action))
    if translated is None:
        return named + comment(original(action)) + beside
    own = {"service-account": action.account, "action": translated.operation}
    at = (*keys, "actions", action.name)
    triggers = "".join(
        f"\n{toml_block((*at, f'on-{each.outcome}', each.event), each.values)}" for _, each in action.triggers
    )
    block = toml_block(at, {**own, **translated.fields})
    if action.left_out is None:
        return named + block + beside + triggers
    return named + comment(why(action)) + commented(block) + beside


def lines_beside(action: Action) -> Iterator[str]:
    """What else there was to an action: what no field takes, and the events that it raised and raises no more."""
    left = action.translated.left if action.translated else {}
    for key, value in left.items():
        yield f"{key}: {encode_json(hidden(value, key))}"
    connected = [before for before, _ in action.triggers]
    for each in action.source.triggers:
        if each in connected:
            continue
        payload = f" with {encode_json(hidden(each.payload))}" if each.payload is not None else ""
        yield f"{each.on}: {each.event}{payload}"


def why(action: Action) -> str:
    """Why an action is left out, and where it was."""
    return f'The action "{action.source.id}" is left out ({action.source.place()}): {action.left_out}'


def original(action: Action) -> str:
    """An action without a counterpart, as it was, but for its secrets."""
    template = encode_json(hidden(dict(action.source.template)), indent=True)
    return f"{why(action)}\nserviceAccountId: {action.source.account}\ntemplate: {template}"


def comment(text: str) -> str:
    """Lines of comment; one that holds a secret says so instead."""
    return "".join(f"{comment_line(line)}\n" for line in text.split("\n"))


def comment_line(line: str) -> str:
    """A line of comment, without what no comment can hold (TOML 1.0, Comment)."""
    if holds_secret(line) or is_webhook(line):
        return f"# {HIDDEN}"
    return f"# {''.join(char if char.isprintable() or char == ' ' else escaped(char) for char in line)}".rstrip()


def commented(text: str) -> str:
    """A block as a comment; what is one stays as it is."""
    return "".join(line if line.startswith("#") else f"# {line}" for line in text.splitlines(keepends=True))


# The folder


def write_import(imported: Imported, folder: Path) -> list[Path]:
    """Write the project into a folder that holds none, whole or not at all; returns the files.

    Raises UsageError where there is a project, and EventwireError where the folder cannot be written to.
    """
    target = folder / PROJECT_FILE
    if target.exists():
        raise UsageError(f"{target} exists already.", next_step="Choose another folder with: --into DIR")
    text = project_text(imported)
    _, report = load_document(folder, Document(text, target))
    if report.has_errors:
        raise ProjectError([each for each in report.problems() if each.severity == "error"])
    made = missing_folders(folder)
    ignore = folder / IGNORE
    was_there = ignore.exists()
    try:
        make_folder(folder)
        if not was_there:
            write_atomically(ignore, (template_folder() / IGNORE).read_text(encoding="utf-8"))
        write_atomically(target, text)
    except BaseException:
        take_back([] if was_there else [ignore], made)
        raise
    return [target] if was_there else [ignore, target]


def make_folder(folder: Path) -> None:
    """Make a folder and those above it. Raises EventwireError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def missing_folders(folder: Path) -> list[Path]:
    """The folders that have to be made, the innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


def take_back(files: list[Path], folders: list[Path]) -> None:
    """Remove what was made before something failed."""
    with suppress(OSError):
        for path in files:
            path.unlink(missing_ok=True)
        for path in folders:
            path.rmdir()
