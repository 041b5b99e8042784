"""Editing a project: one change at a time, whole or not at all, and nothing else in the file moves.

A change is made to the text by whole statements, so that comments, order and formatting of everything else stay byte for
byte. The result is parsed and compared with what was meant; where somebody's way of writing the file defeats that,
tomlkit makes the change instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventwire.errors import Place, Problem, ProjectError, UsageError, did_you_mean
from eventwire.language.payloads import encode_json
from eventwire.project.files import locked, write_atomically
from eventwire.project.load import load_document
from eventwire.project.locate import unwritable
from eventwire.project.model import DEFAULT_FILTER, Project
from eventwire.project.names import cannot_be_named, name_problem, with_article
from eventwire.project.samples import sample_path
from eventwire.project.splice import insert_block, insert_line, remove_statements
from eventwire.project.toml import PROJECT_FILE, Document
from eventwire.project.written import toml_block, toml_lines

if TYPE_CHECKING:
    from eventwire.project.scan import Keys

KINDS = {
    "service-accounts": "service account",
    "events": "event",
    "filters": "filter",
    "actions": "action",
    "buttons": "button",
    "sources": "source",
}
"""What the tables below a key are called."""
Data = dict[str, Any]
Splice = Callable[[str], str | None]
"""The change made to the text; None where the text is not written so that it can be."""
Change = Callable[[Data], None]
"""The same change made to the data."""
Check = Callable[[Document], None]
"""Raises UsageError where the change has no place in the file as it stands by then."""


def add_event(
    folder: Path,
    name: str,
    model: Mapping[str, Any],
    description: str | None,
    group: str | None,
    sample: Mapping[str, Any] | None,
) -> list[Path]:
    """Add an event with the filter on-event; returns the files written. Raises UsageError, ProjectError."""
    notes = {key: value for key, value in (("description", description), ("group", group)) if value is not None}
    keys = ("events", name)
    blocks = [
        toml_block(keys, notes) if notes else "",
        toml_block((*keys, "model"), model),
        toml_block((*keys, "filters", DEFAULT_FILTER), {}),
    ]
    event = {**notes, "model": dict(model), "filters": {DEFAULT_FILTER: {}}}
    with locked(folder):
        document = Document.read(folder / PROJECT_FILE)
        check_new_name(document, name, "event", ("events",))
        kept = keep_sample(folder, name, sample)
        try:
            change_file(
                folder,
                document,
                lambda text: insert_block(text, "\n".join(block for block in blocks if block), ()),
                lambda data: put(data, keys, event),
            )
        except BaseException:
            for path in kept:
                path.unlink(missing_ok=True)
            raise
    return [folder / PROJECT_FILE, *kept]


def keep_sample(folder: Path, event: str, sample: Mapping[str, Any] | None) -> list[Path]:
    """Write an event's sample where it has none yet; returns the files written."""
    path = sample_path(folder, event)
    if sample is None or path.exists():
        return []
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(path.parent, error) from error
    write_atomically(path, encode_json(sample, indent=True) + "\n")
    return [path]


def add_filter(folder: Path, event: str, name: str, where: str) -> None:
    """Add a filter to an event. Raises UsageError, ProjectError."""
    if name == DEFAULT_FILTER:
        raise UsageError(f'The filter "{DEFAULT_FILTER}" has no condition.', next_step="Give the filter another name.")
    add_table(folder, ("events", event, "filters"), name, "filter", {"where": where}, ("events", event))


def add_account(
    folder: Path, name: str, service: str, test: Mapping[str, Any] | None, live: Mapping[str, Any] | None
) -> None:
    """Add a service account, or sets to one that is there. Raises UsageError, ProjectError."""
    sets = {key: dict(value) for key, value in (("test", test), ("live", live)) if value is not None}
    if name not in Document.read(folder / PROJECT_FILE).data.get("service-accounts", {}):
        account = {"service": service, **sets}
        add_table(folder, ("service-accounts",), name, "service account", account, ("service-accounts",))
        return
    for environment, settings in sets.items():
        replace_set(folder, name, service, environment, settings)


def replace_set(folder: Path, name: str, service: str, environment: str, settings: Data) -> None:
    """Give an account the settings of one environment, in place of those it has."""
    line = toml_lines({environment: settings})[0] + "\n"
    account = ("service-accounts", name)
    keys = (*account, environment)

    def check(document: Document) -> None:
        check_exists(document, account, "service account")
        given = holder(document.data, keys).get("service")
        if given != service:
            raise UsageError(
                f'The service account "{name}" is one of {given}, not of {service}.',
                place=document.place((*account, "service")),
                next_step="Choose another name for the new one.",
            )

    edit(
        folder,
        lambda text: insert_line(remove_statements(text, keys), line, account),
        lambda data: put(data, keys, settings),
        check,
    )


def add_action(
    folder: Path,
    event: str,
    filter_name: str,
    name: str,
    account: str,
    operation: str,
    fields: Mapping[str, Any],
    attempts: int | None,
    timeout_seconds: float | None,
) -> None:
    """Hang an action on a filter. Raises UsageError, ProjectError."""
    action: Data = {"service-account": account, "action": operation, **fields}
    if attempts is not None:
        action["retry"] = {"attempts": attempts}
    if timeout_seconds is not None:
        action["timeout-seconds"] = int(timeout_seconds) if timeout_seconds == int(timeout_seconds) else timeout_seconds
    path = ("events", event, "filters", filter_name)
    add_table(folder, (*path, "actions"), name, "action", action, path)


def add_trigger(
    folder: Path, event: str, filter_name: str, action: str, outcome: str, raised: str, values: Mapping[str, Any]
) -> None:
    """Let an action's outcome raise an event. Raises UsageError, ProjectError."""
    path = ("events", event, "filters", filter_name, "actions", action)
    add_table(folder, (*path, f"on-{outcome}"), raised, "trigger", dict(values), path)


def remove_trigger(folder: Path, event: str, filter_name: str, action: str, outcome: str, raised: str) -> None:
    """Remove a trigger. Raises ProjectError."""
    remove(folder, [("events", event, "filters", filter_name, "actions", action, f"on-{outcome}", raised)])


def add_button(folder: Path, event: str, key: str, button: Mapping[str, Any]) -> None:
    """Put a button on an event. Raises UsageError, ProjectError."""
    add_table(folder, ("events", event, "buttons"), key, "button", dict(button), ("events", event))


def remove_button(folder: Path, event: str, key: str) -> None:
    """Remove a button. Raises ProjectError."""
    remove(folder, [("events", event, "buttons", key)])


def add_source(folder: Path, name: str, source: Mapping[str, Any]) -> None:
    """Add a source. Raises UsageError, ProjectError."""
    add_table(folder, ("sources",), name, "source", dict(source), ("sources",))


def remove_source(folder: Path, name: str) -> None:
    """Remove a source. Raises ProjectError."""
    remove(folder, [("sources", name)])


def remove_event(folder: Path, name: str, sources: Sequence[str] = ()) -> None:
    """Remove an event with all that belongs to it, and the sources that raise it. Raises ProjectError."""
    remove(folder, [*(("sources", source) for source in sources), ("events", name)])


def remove_filter(folder: Path, event: str, name: str) -> None:
    """Remove a filter with its actions. Raises ProjectError."""
    remove(folder, [("events", event, "filters", name)])


def remove_action(folder: Path, event: str, filter_name: str, name: str) -> None:
    """Remove an action. Raises ProjectError."""
    remove(folder, [("events", event, "filters", filter_name, "actions", name)])


def remove_account(folder: Path, project: Project, name: str) -> None:
    """Remove a service account with the actions that use it. Raises ProjectError."""
    actions = [
        ("events", action.event, "filters", action.filter, "actions", action.name)
        for action in project.actions()
        if action.account == name
    ]
    remove(folder, [*actions, ("service-accounts", name)])


def add_table(folder: Path, parent: Keys, name: str, kind: str, table: Data, beside: Keys) -> None:
    """Add a named table behind its neighbours."""
    keys = (*parent, name)
    block = toml_block(tuple(map(str, keys)), table)

    def check(document: Document) -> None:
        for depth, holding in ((2, "event"), (4, "filter"), (6, "action")):
            if parent[0] == "events" and len(parent) > depth and parent[depth - 1] != DEFAULT_FILTER:
                check_exists(document, parent[:depth], holding)
        check_new_name(document, name, kind, parent)

    edit(folder, lambda text: insert_block(text, block, beside), lambda data: put(data, keys, table), check)


def remove(folder: Path, paths: list[Keys]) -> None:
    """Remove tables, all or none. The last is what the user named; of the others some may be gone by now."""

    def splice(text: str) -> str:
        for keys in paths:
            text = remove_statements(text, keys)
        return text

    def change(data: Data) -> None:
        for keys in paths:
            holder(data, keys).pop(str(keys[-1]), None)

    named = paths[-1]
    edit(folder, splice, change, lambda document: check_exists(document, named, KINDS.get(str(named[-2]), "trigger")))


def edit(folder: Path, splice: Splice, change: Change, check: Check) -> None:
    """Change the project file under its lock: whole, or not at all. Raises UsageError where the change has no place in
    it, ProjectError where it would make the project wrong, and EventwireError where the file cannot be written.
    """
    with locked(folder):
        document = Document.read(folder / PROJECT_FILE)
        check(document)
        change_file(folder, document, splice, change)


def change_file(folder: Path, document: Document, splice: Splice, change: Change) -> None:
    """Make a change while the lock is held."""
    meant = deepcopy(document.data)
    change(meant)
    text = changed_text(document, splice, change, meant)
    refuse_new_errors(folder, document, Document(text, document.path))
    write_atomically(document.path, ("\ufeff" if document.bom else "") + text)


def changed_text(document: Document, splice: Splice, change: Change, meant: Data) -> str:
    """The changed text: by whole statements, or else by tomlkit. Raises ProjectError where neither can."""
    # a file whose line ends are mixed keeps each as it is
    crlf = 0 < document.text.count("\n") == document.text.count("\r\n")
    for make in (splice, lambda text: with_tomlkit(text, change)):
        text = make(document.text.replace("\r\n", "\n") if crlf else document.text)
        if text is not None and says(text, document.path, meant):
            return text.replace("\n", "\r\n") if crlf else text
    raise cannot_edit()


def cannot_edit() -> ProjectError:
    """What to say of a file that no way of editing is safe for."""
    sentence = "The project file is written in a way that this command cannot change."
    step = "Make the change by hand, in your editor; eventwire check tells what is wrong."
    return ProjectError([Problem("cannot-edit", sentence, Place(PROJECT_FILE), step)])


def with_tomlkit(text: str, change: Change) -> str | None:
    """The change as tomlkit writes it; None where that fails."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        change(document)
        return tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError):
        return None


def says(text: str, path: Path, meant: Data) -> bool:
    """Whether a text is TOML and means this."""
    try:
        return without_empty_tables(Document(text, path).data) == without_empty_tables(meant)
    except ProjectError:
        return False


def without_empty_tables(data: Data) -> Data:
    """Data without tables that hold nothing: whether one is written or implied makes no difference to a project."""
    inner = {key: without_empty_tables(value) if isinstance(value, dict) else value for key, value in data.items()}
    return {key: value for key, value in inner.items() if value != {}}


def refuse_new_errors(folder: Path, before: Document, after: Document) -> None:
    """Raise ProjectError with the errors that a change would bring."""
    _, report = load_document(folder, after)
    if not report.has_errors:
        return
    known = {(each.rule, each.message) for each in load_document(folder, before)[1].problems()}
    new = [each for each in report.problems() if each.severity == "error" and (each.rule, each.message) not in known]
    if new:
        raise ProjectError(new)


def check_new_name(document: Document, name: str, kind: str, parent: Keys) -> None:
    """Raise UsageError for a name that is not allowed, or taken."""
    problem = name_problem(name)
    if problem:
        raise UsageError(f"{cannot_be_named(name, kind)}.", next_step=problem)
    if name in holder(document.data, (*parent, name)):
        remove = " ".join([f"remove:{kind.replace(' ', '-')}", *map(str, parent[1::2]), name])
        raise UsageError(
            f'There is {with_article(kind)} "{name}" already.',
            place=document.place((*parent, name), of="key"),
            next_step=f"Choose another name, or remove it with: eventwire {remove}",
        )


def check_exists(document: Document, keys: Keys, kind: str) -> None:
    """Raise UsageError for what is not in the file, with the name that may have been meant."""
    name, there = str(keys[-1]), holder(document.data, keys)
    if name in there:
        return
    if name == DEFAULT_FILTER and keys[-2] == "filters":
        raise UsageError(
            f'The filter "{name}" is there for every event, and holds no actions here.',
            next_step=f"Remove the event with: eventwire remove:event {keys[1]}",
        )
    names = ", ".join(there) or "none"
    raise UsageError(f'There is no {kind} "{name}".', next_step=did_you_mean(name, there) or f"There are: {names}.")


def put(data: Data, keys: Keys, value: Any) -> None:
    """Set the value at a path of keys, making the tables on the way."""
    for key in keys[:-1]:
        data = data.setdefault(str(key), {})
        if not isinstance(data, Mapping):
            raise cannot_edit()
    data[str(keys[-1])] = deepcopy(value)


def holder(data: Data, keys: Keys) -> Data:
    """The table that the last key is in; empty where there is none."""
    for key in keys[:-1]:
        inner = data.get(str(key))
        data = inner if isinstance(inner, dict) else {}
    return data
