"""A project of ReactiveHub's command-line tool, as it stands on disk.

`.rhubrc` names the folders; each file in `events` holds one event with its model, filters and actions. What is written
there but cannot be understood is a mistake, and all of them are reported at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from pathlib import Path
from typing import Any

from msgspec import Struct

from eventwire.errors import Place, Problem, ProjectError
from eventwire.importing.source import Keys, Notes, SourceFile
from eventwire.importing.yaml_files import read_yaml
from eventwire.project.field_values import is_secret_name

RC = ".rhubrc"
FOLDERS = {"listeners": "inbound webhooks", "queries": "named queries"}
"""Folders of what has no counterpart, and what they hold."""
SUFFIXES = (".yaml", ".yml")
NAMING = ("name", "project", "namespace")
"""The keys of .rhubrc that may name the project, the best first."""
TRIGGERS = ("onSuccess", "onFailure")
Table = Mapping[str, Any]


class Trigger(Struct, frozen=True):
    """An event that an action's outcome raises."""

    on: str
    """`onSuccess` or `onFailure`."""
    event: str
    payload: Any
    place: Place


class Action(Struct, frozen=True):
    """An action, as it stands."""

    id: str
    name: str | None
    kind: str
    """ReactiveHub's `type`: POSTGRESQL, AWS …"""
    action: str
    operation: str | None
    account: str
    template: Table
    triggers: tuple[Trigger, ...]
    file: SourceFile
    keys: Keys

    def place(self, *keys: str | int) -> Place:
        """Where the action, or something of it, stands."""
        return self.file.place((*self.keys, *keys))


class Filter(Struct, frozen=True):
    """A filter, as it stands."""

    id: str
    name: str | None
    condition: str | None
    """None where it always matches."""
    actions: tuple[Action, ...]
    file: SourceFile
    keys: Keys

    def place(self, *keys: str | int) -> Place:
        """Where the filter, or something of it, stands."""
        return self.file.place((*self.keys, *keys))


class Event(Struct, frozen=True):
    """An event, as it stands."""

    id: str
    name: str | None
    group: str | None
    version: str | None
    model: Table
    filters: tuple[Filter, ...]
    file: SourceFile


class Source(Struct, frozen=True):
    """A whole project."""

    name: str | None
    events: tuple[Event, ...]


def read_source(folder: Path, notes: Notes) -> Source:
    """The project in a folder; what is wrong with it goes to the notes."""
    settings = read_settings(folder, notes)
    events_folder = folder_of(settings, "events")
    files = yaml_files(folder, events_folder)
    if not files:
        step = "Name the folder that holds .rhubrc and events."
        notes.mistake(Place(events_folder), "There is no event here.", step, "no-events")
    for kind, what in FOLDERS.items():
        for path in yaml_files(folder, folder_of(settings, kind)):
            place = Place(shown_path(folder, path))
            notes.note(place, f"ReactiveHub's {what} have no counterpart.", "Keep the file for when they have one.")
    events = [event for path in files if (event := read_event(folder, path, notes)) is not None]
    names = [str(settings[key]) for key in NAMING if isinstance(settings.get(key), str | int)]
    return Source(names[0] if names else None, tuple(events))


def yaml_files(folder: Path, name: str) -> list[Path]:
    """The YAML files below a folder of the project, in order."""
    return sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def shown_path(folder: Path, path: Path) -> str:
    """A path in messages: from the project's folder on."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


# .rhubrc


def read_settings(folder: Path, notes: Notes) -> Table:
    """What .rhubrc says, as JSON, YAML or INI; nothing where there is none."""
    path = folder / RC
    if not path.exists():
        notes.note(Place(RC), "There is no .rhubrc.", "The folder is read as if it said nothing.")
        return {}
    try:
        file = settings_of(read_text(path, RC))
    except ProjectError as error:
        notes.problems += error.problems
        return {}
    for key in file.data:
        note_setting(file, key, notes)
    return dict(file.data)


def note_setting(file: SourceFile, key: str, notes: Notes) -> None:
    """What is not carried over of .rhubrc. Its values are never shown."""
    place = file.place((key,))
    if is_secret_name(key) or "key" in key.lower():
        step = "eventwire needs no account of its own; service accounts get theirs by add:service-account."
        notes.note(place, f'"{key}" may hold a secret, and was not copied.', step)
    elif key not in (*NAMING, "events", *FOLDERS):
        step = "Test credentials are used unless `run` is told --live." if "env" in key.lower() else "Nothing needs it."
        notes.note(place, f'"{key}" has no counterpart.', step)


def settings_of(text: str) -> SourceFile:
    """The settings, in whichever form they are written. Raises ProjectError."""
    for read in (of_yaml, of_json, of_ini):
        file = read(text)
        if file is not None:
            return file
    message = "This is neither JSON nor YAML nor INI."
    raise ProjectError([Problem("source", message, Place(RC), 'It looks like: {"events": {"folder": "events"}}')])


def of_yaml(text: str) -> SourceFile | None:
    """Settings as YAML, which most JSON is, too."""
    try:
        file = read_yaml(text, RC)
    except ProjectError:
        return None
    if file.data is None:
        return SourceFile(RC, {}, {})
    return file if isinstance(file.data, dict) else None


def of_json(text: str) -> SourceFile | None:
    """Settings as JSON."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return SourceFile(RC, data, {}) if isinstance(data, dict) else None


def of_ini(text: str) -> SourceFile | None:
    """Settings as INI; those without a section count as the file's own."""
    parser = ConfigParser(interpolation=None, default_section="", strict=False)
    try:
        parser.read_string(f"[{RC}]\n{text}", RC)
    except IniError:
        return None
    own = dict(parser[RC])
    sections = {name: dict(parser[name]) for name in parser.sections() if name != RC}
    return SourceFile(RC, {**sections, **own}, {})


def folder_of(settings: Table, kind: str) -> str:
    """The folder that holds events, listeners or queries."""
    given = settings.get(kind)
    folder = given.get("folder") if isinstance(given, Mapping) else given
    return folder if isinstance(folder, str) and folder else kind


def read_text(path: Path, shown: str) -> str:
    """A file's text. Raises ProjectError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        message = f"It cannot be read: {error.strerror or error}."
        raise ProjectError([Problem("unreadable", message, Place(shown), "See that it may be read.")]) from error
    except UnicodeDecodeError as error:
        raise ProjectError([Problem("encoding", "It is not UTF-8.", Place(shown), "Save it as UTF-8.")]) from error


# Events


def read_event(folder: Path, path: Path, notes: Notes) -> Event | None:
    """The event of a file; None where it cannot be understood."""
    shown = shown_path(folder, path)
    try:
        file = read_yaml(read_text(path, shown), shown)
    except ProjectError as error:
        notes.problems += error.problems
        return None
    if not isinstance(file.data, dict):
        notes.mistake(file.place(), "An event is a table with id, model and filters.", "See ReactiveHub's add:event.")
        return None
    return Reader(file, notes).event(file.data)


class Reader:
    """Reads one event's file."""

    def __init__(self, file: SourceFile, notes: Notes) -> None:
        self.file = file
        self.notes = notes

    def event(self, table: Table) -> Event:
        """The event with its filters."""
        known = ("id", "name", "eventGroup", "version", "model", "filters")
        self.unknown_keys(table, (), known, "event")
        return Event(
            self.text(table, "id", (), required=True) or "",
            self.text(table, "name", ()),
            self.text(table, "eventGroup", ()),
            self.text(table, "version", ()),
            self.table(table, "model", ()),
            tuple(self.filter(each, keys) for each, keys in self.tables(table, "filters", ())),
            self.file,
        )

    def filter(self, table: Table, keys: Keys) -> Filter:
        """A filter with its actions."""
        self.unknown_keys(table, keys, ("id", "name", "condition", "actions"), "filter")
        condition = table.get("condition")
        if condition is not None and not isinstance(condition, str):
            message = "A condition is text, or null where the filter always matches."
            self.notes.mistake(self.file.place((*keys, "condition")), message, "For example: condition: total > 100")
            condition = None
        return Filter(
            self.text(table, "id", keys, required=True) or "",
            self.text(table, "name", keys),
            condition if condition and condition.strip() else None,
            tuple(self.action(each, at) for each, at in self.tables(table, "actions", keys)),
            self.file,
            keys,
        )

    def action(self, table: Table, keys: Keys) -> Action:
        """An action with its template and triggers."""
        known = ("id", "name", "async", "type", "action", "operation", "serviceAccountId", "template", *TRIGGERS)
        self.unknown_keys(table, keys, known, "action")
        if table.get("async") not in (None, False):
            message = "The action does not wait for its answer in ReactiveHub; here all do, and run in parallel."
            self.notes.note(self.file.place((*keys, "async")), message, "Nothing has to be done.")
        return Action(
            self.text(table, "id", keys, required=True) or "",
            self.text(table, "name", keys),
            (self.text(table, "type", keys, required=True) or "").strip(),
            (self.text(table, "action", keys, required=True) or "").strip(),
            self.text(table, "operation", keys),
            self.text(table, "serviceAccountId", keys, required=True) or "",
            self.table(table, "template", keys),
            tuple(trigger for on in TRIGGERS for trigger in self.triggers(table, on, keys)),
            self.file,
            keys,
        )

    def triggers(self, table: Table, on: str, keys: Keys) -> Iterator[Trigger]:
        """The events that an outcome raises: an id, a table with one, or a list of either."""
        given = table.get(on)
        for number, each in enumerate(given if isinstance(given, list) else [given]):
            at = self.file.place((*keys, on, number) if isinstance(given, list) else (*keys, on))
            named = each if isinstance(each, Mapping) else {"eventId": each}
            event = next((named[key] for key in ("eventId", "event", "id") if named.get(key) is not None), None)
            if isinstance(event, str | int) and not isinstance(event, bool):
                yield Trigger(on, str(event), named.get("payload"), at)
            elif each is not None:
                self.notes.mistake(at, f"{on} names the events that it raises.", f"For example: {on}: [order-paid]")

    # Values

    def text(self, table: Table, key: str, keys: Keys, *, required: bool = False) -> str | None:
        """A key's text; a number is taken as the text that it is."""
        value = table.get(key)
        if isinstance(value, bool | dict | list):
            self.notes.mistake(self.file.place((*keys, key)), f'"{key}" has to be text.', f"Write: {key}: …")
            return None
        text = "" if value is None else str(value)
        if required and not text.strip():
            place = self.file.place((*keys, key) if key in table else keys)
            self.notes.mistake(place, f'"{key}" is missing.', f"Give it: {key}: …")
        return text or None

    def table(self, table: Table, key: str, keys: Keys) -> Table:
        """The table below a key; empty where there is none."""
        value = table.get(key)
        if value is None or isinstance(value, dict):
            return value or {}
        self.notes.mistake(self.file.place((*keys, key)), f'"{key}" has to be a table.', "Indent its keys below it.")
        return {}

    def tables(self, table: Table, key: str, keys: Keys) -> Iterator[tuple[Table, Keys]]:
        """The tables in a list, each with its keys."""
        value = table.get(key)
        if value is not None and not isinstance(value, list):
            self.notes.mistake(self.file.place((*keys, key)), f'"{key}" has to be a list.', "Begin each item with -.")
            return
        for number, each in enumerate(value or []):
            at = (*keys, key, number)
            if isinstance(each, dict):
                yield each, at
            else:
                self.notes.mistake(self.file.place(at), f'Each of "{key}" is a table.', "Give it an id.")

    def unknown_keys(self, table: Table, keys: Keys, known: tuple[str, ...], kind: str) -> None:
        """List what is not known of an event, a filter or an action."""
        for key in table:
            if key not in known:
                step = "See whether you still need it; it was not carried over."
                self.notes.note(self.file.place((*keys, key)), f'"{key}" of the {kind} has no counterpart.', step)
