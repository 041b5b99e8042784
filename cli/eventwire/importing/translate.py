"""A project of ReactiveHub's, translated as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eventwire.errors import ProjectError, UsageError
from eventwire.importing import reactivehub
from eventwire.importing.actions import hidden, translate_action
from eventwire.importing.conditions import Untranslatable, translate_condition
from eventwire.importing.models import translate_model
from eventwire.importing.names import Names
from eventwire.importing.result import Account, Action, Event, Filter, Imported
from eventwire.importing.source import Notes, by_place
from eventwire.importing.templates import KEPT, NoCounterpart, Translated
from eventwire.importing.triggers import Connector
from eventwire.language.findings import LanguageError
from eventwire.language.models import Model, read_model
from eventwire.project.model import DEFAULT_FILTER
from eventwire.project.names import cannot_be_named, name_problem, proposal

CONDITIONED = f"{DEFAULT_FILTER}-if"
"""What a filter called on-event is called here if it has a condition: the one of that name always matches."""
ALWAYS = "true"


def import_project(folder: Path, name: str | None) -> Imported:
    """The project in a folder, translated. Raises ProjectError with every mistake in it, and UsageError."""
    notes = Notes()
    source = reactivehub.read_source(folder, notes)
    if notes.problems:
        raise ProjectError(sorted(notes.problems, key=lambda each: by_place(each.place) if each.place else ("", 0, 0)))
    project = name or proposal(source.name or folder.absolute().name)
    if problem := name_problem(project):
        raise UsageError(f"{cannot_be_named(project, 'project')}.", next_step=problem)
    translator = Translator(notes)
    events = Connector(tuple(translator.event(each) for each in source.events), notes).connect()
    return Imported(project, folder.resolve().name, events, tuple(translator.accounts), tuple(notes.in_order()))


class Translator:
    """Translates one project."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.event_names = Names("event", notes)
        self.account_names = Names("service account", notes)
        self.accounts: list[Account] = []

    def event(self, source: reactivehub.Event) -> Event:
        """An event with its model and filters."""
        name = self.event_names.name(source.id, source.file.place(("id",)))
        shorthand, model = self.model(source)
        names = Names("filter", self.notes)
        filters = tuple(self.filter(each, names, shorthand, model) for each in source.filters)
        return Event(name, source, shorthand, filters)

    def model(self, source: reactivehub.Event) -> tuple[dict[str, Any], Model]:
        """The event's model as the file has it, and as it is read."""
        place = source.file.place(("model",))
        if not source.model:
            step = f"Describe the payload of {source.id}: conditions and wildcards name its properties."
            self.notes.note(place, "The event has no model.", step)
        shorthand = translate_model(source.file, source.model, self.notes)
        try:
            return shorthand, read_model(shorthand)
        except LanguageError as error:
            message = f"The model cannot be read: {error.message}"
            self.notes.note(place, message, error.next_step or "Describe the payload in the project.")
            return {}, read_model({})

    def filter(self, source: reactivehub.Filter, names: Names, shorthand: dict[str, Any], model: Model) -> Filter:
        """A filter with its condition and actions; left out where its condition does not translate."""
        name = self.filter_name(source, names)
        where, left_out = self.condition(source, name, model)
        of_filter = Names("action", self.notes)
        actions = tuple(self.action(each, of_filter, shorthand, model) for each in source.actions)
        return Filter(name, source, where, actions, left_out)

    def filter_name(self, source: reactivehub.Filter, names: Names) -> str:
        """The filter's name; on-event is kept for the one that always matches."""
        if source.condition is None or proposal(source.id) != DEFAULT_FILTER:
            return names.name(source.id, source.place("id"))
        message = f'The filter "{source.id}" has a condition, so that it is called {CONDITIONED} here.'
        step = f"{DEFAULT_FILTER} is the filter that always matches; rename this one in the project."
        self.notes.note(source.place("id"), message, step)
        return names.name(source.id, source.place("id"), CONDITIONED)

    def condition(self, source: reactivehub.Filter, name: str, model: Model) -> tuple[str | None, bool]:
        """The filter's condition, and whether it has to be left out."""
        if source.condition is None:
            return self.always(source, name), False
        place = source.place("condition")
        try:
            translated = translate_condition(source.condition, model)
        except Untranslatable as error:
            message = f'The filter "{source.id}" is left out with its actions: {error.message}'
            self.notes.note(place, message, f"{error.next_step} {KEPT}")
            return None, True
        for remark in translated.remarks:
            self.notes.note(place, remark, "See that it is meant so.")
        return translated.where, False

    def always(self, source: reactivehub.Filter, name: str) -> str | None:
        """What a filter without a condition says: nothing where it is on-event, and otherwise that it always matches."""
        if name == DEFAULT_FILTER:
            return None
        message = f'The filter "{source.id}" has no condition: it always matches, as it did.'
        self.notes.note(source.place(), message, "See that it is meant so.")
        return ALWAYS

    def action(self, source: reactivehub.Action, names: Names, shorthand: dict[str, Any], model: Model) -> Action:
        """An action; what has no counterpart is noted."""
        name = names.name(source.id, source.place("id"))
        try:
            translated = translate_action(source, shorthand, model, self.notes)
        except NoCounterpart as error:
            message = f'The action "{source.id}" is left out: {error.message}'
            self.notes.note(source.place(), message, error.next_step)
            account = self.account(source, error.draft) if error.draft else ""
            return Action(name, source, error.draft, account, error.message)
        return Action(name, source, translated, self.account(source, translated))

    def account(self, source: reactivehub.Action, translated: Translated) -> str:
        """The new name of an action's service account, which is made where there is none of its database yet."""
        known = [
            each
            for each in self.accounts
            if (each.id, each.service) == (source.account, translated.service) and agree(each, translated)
        ]
        account = known[0] if known else self.new_account(source, translated.service)
        for setting, value in translated.settings.items():
            before = account.settings.setdefault(setting, hidden(value, setting))
            if before != value:
                message = f'The service account "{source.account}" is used with {setting} {value} and with {before}.'
                step = f"An account has one {setting}: make another for this action."
                self.notes.note(source.place("template", setting), message, step)
        return account.name

    def new_account(self, source: reactivehub.Action, service: str) -> Account:
        """One more service account."""
        name = self.account_names.name(source.account, source.place("serviceAccountId"))
        account = Account(name, source.account, service, {})
        self.accounts.append(account)
        return account


def agree(account: Account, translated: Translated) -> bool:
    """Whether an action can use an account: in ReactiveHub each action named its database, here each account does."""
    databases = (account.settings.get("database"), translated.settings.get("database"))
    return None in databases or databases[0] == databases[1]
