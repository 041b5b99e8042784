"""Asking for an event's model: from a sample file, or property by property."""

from __future__ import annotations

from typing import Any

from eventwire.errors import EventwireError, UsageError
from eventwire.language.findings import LanguageError
from eventwire.language.models import infer_model, read_model
from eventwire.terminal.payload_input import read_data
from eventwire.terminal.prompts import Choice, ask_text, confirm, select
from eventwire.terminal.properties import model_of_flags
from eventwire.terminal.session import Session

TYPES = (
    Choice("string"),
    Choice("integer"),
    Choice("number", "decimals too"),
    Choice("boolean"),
    Choice("date"),
    Choice("date-time", "ISO 8601"),
    Choice("object", "properties are added as name.property"),
    Choice("string[]", "a list of texts"),
    Choice("array", "a list of anything"),
)

Answer = tuple[tuple[str, ...], str | None, dict[str, Any], dict[str, Any] | None]
"""The flags for properties, the sample's file, the model, the sample."""


def ask_model(session: Session) -> Answer:
    """The model, in the shorthand of the project file, and the sample where it came from one."""
    by_hand = Choice("properties", "name and type, one by one", "I list its properties")
    from_file = Choice("sample", "the model is inferred, the sample kept", "I have a sample payload in a file")
    if select(session, "How do you want to describe the payload?", [by_hand, from_file]) == "sample":
        return ask_sample(session)
    return ask_properties(session)


def ask_sample(session: Session) -> Answer:
    """A model inferred from a file, shown before it is taken."""

    def check(text: str) -> str | None:
        try:
            read_data(session, f"@{text}")
        except EventwireError as error:
            return error.message
        return None

    path = ask_text(session, "Which JSON file?", check=check)
    payload = read_data(session, f"@{path}")
    model = infer_model(payload)
    for name, kind in model.items():
        session.say(f"  {name}: {kind}")
    return (), path, model, payload


def ask_properties(session: Session) -> Answer:
    """Properties one after the other; an empty name ends them."""
    given: tuple[str, ...] = ()
    while name := ask_property_name(session, given):
        kind = select(session, f"Type of {name}:", TYPES)
        optional = confirm(session, f"Can {name} be missing?", default=False)
        given = (*given, f"{name}:{kind}{'?' if optional else ''}")
    return given, None, model_of_flags(given), None


def ask_property_name(session: Session, given: tuple[str, ...]) -> str:
    """The next property's name; empty when there are no more."""
    return ask_text(
        session,
        "Property:",
        hint="address.city reaches into an object; empty when done" if given else "its name",
        check=lambda text: property_problem(given, text),
    )


def property_problem(given: tuple[str, ...], name: str) -> str | None:
    """What is wrong with the next property's name."""
    if not name:
        return None if given else "An event has at least one property."
    try:
        read_model(model_of_flags((*given, f"{name}:string")))
    except (UsageError, LanguageError) as error:
        return error.message
    return None
