"""A button on its way in: from flags or prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eventwire.errors import UsageError
from eventwire.project.buttons import BUTTON_STYLES, LONGEST_BUTTON_TEXT, LONGEST_EXPIRY_MINUTES, address_problem
from eventwire.project.model import DEFAULT_EXPIRY_MINUTES
from eventwire.project.names import name_problem
from eventwire.terminal.assignments import write_any
from eventwire.terminal.project import find_event
from eventwire.terminal.questions import Answers, Question, choose

if TYPE_CHECKING:
    from eventwire.project.model import Event, Project
    from eventwire.terminal.session import Session


def check_event(project: Project, event: str | None) -> None:
    """Raise UsageError for an event that the project does not have, before anything is asked."""
    if event is not None:
        find_event(project, event)


def questions_for(project: Project, *, external: bool) -> list[Question]:
    """What every button is told by."""

    def ask_key(session: Session, answers: Answers) -> str:
        taken = find_event(project, answers["event"]).buttons
        return ask_line(
            session,
            "What is the button called?",
            lambda text: "There is a button of that name already." if text in taken else name_problem(text),
        )

    def ask_button_text(session: Session, answers: Answers) -> str:
        return ask_line(session, "What stands on it?", text_problem, find_event(project, answers["event"]))

    def ask_address(session: Session, answers: Answers) -> str:
        def check(text: str) -> str | None:
            problem = address_problem(text, external=external)
            return " ".join(problem) if problem else None

        message = "Where does the link lead?" if external else "What is called when it is pressed?"
        return ask_line(session, message, check, find_event(project, answers["event"]))

    return [
        Question("event", "EVENT", choose("Which event?", list(project.events))),
        Question("key", "KEY", ask_key),
        Question("text", "--text", ask_button_text),
        Question("url", "--url", ask_address),
    ]


def ask_line(session: Session, message: str, check: Any, event: Event | None = None) -> str:
    """A line of text, with the event's wildcards completed."""
    from eventwire.language.wildcards import wildcards_for
    from eventwire.terminal.prompts import WildcardCompleter, ask_text

    completer = WildcardCompleter(wildcards_for(event.model)) if event else None
    return ask_text(session, message, check=check, completer=completer)


def ask_options(session: Session, event: Event, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were not given."""
    from eventwire.terminal.prompts import Choice, ask_text, select

    options = dict(given)
    if not options["external"]:
        if options["expire-in-minutes"] is None:
            default = str(DEFAULT_EXPIRY_MINUTES)
            message = "For how many minutes can it be pressed?"
            options["expire-in-minutes"] = int(ask_text(session, message, default=default, check=minutes_problem))
        if options["meta"] is None:
            message = "What does your server get with it, as JSON?"
            options["meta"] = ask_text(session, message, hint="empty for nothing", check=meta_problem) or None
    if options["style"] is None:
        choices = [Choice("", label="plain"), *(Choice(each) for each in BUTTON_STYLES)]
        options["style"] = select(session, "How does it look?", choices) or None
    return options


def text_problem(text: str) -> str | None:
    """What is wrong with a button's text, or None."""
    if not text:
        return "A button needs a text."
    return (
        f"It has {len(text)} characters; {LONGEST_BUTTON_TEXT} is the most."
        if len(text) > LONGEST_BUTTON_TEXT
        else None
    )


def minutes_problem(text: str) -> str | None:
    """What is wrong with a number of minutes, or None."""
    allowed = text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= LONGEST_EXPIRY_MINUTES
    return None if allowed else f"A number from 1 to {LONGEST_EXPIRY_MINUTES}, which is 30 days."


def meta_problem(text: str) -> str | None:
    """What is wrong with a text as JSON, or None."""
    try:
        read_meta(text)
    except UsageError as error:
        return error.message
    return None


def read_meta(text: str | None) -> Any:
    """A button's meta: JSON. A text that is none is itself. Raises UsageError for what begins as JSON and is none."""
    import json

    from eventwire.terminal.assignments import read_any

    if text is None or not text.strip():
        return None
    if not text.lstrip().startswith(("{", "[")):
        return read_any(text)
    try:
        return json.loads(text)
    except ValueError as error:
        wrong = f"--meta is no JSON: {error}."
    except RecursionError:
        wrong = "--meta is nested too deep."
    raise UsageError(wrong, next_step="""For example: --meta '{"id": "{id}"}'""")


def button_of(text: str, url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The button as the project file holds it: what is as it is anyway is left out. Raises UsageError."""
    problem = text_problem(text)
    if problem:
        raise UsageError(f"--text: {problem}", next_step="Give a shorter one." if text else "Give it with --text")
    wrong = address_problem(url, external=bool(options["external"]))
    if wrong:
        raise UsageError(f"--url: {wrong[0]}", next_step=wrong[1])
    button: dict[str, Any] = {"text": text, "url": url}
    if options["external"]:
        button["external"] = True
    if options["expire-in-minutes"] not in (None, DEFAULT_EXPIRY_MINUTES):
        button["expire-in-minutes"] = options["expire-in-minutes"]
    meta = read_meta(options["meta"])
    return (
        button
        | ({"meta": meta} if meta is not None else {})
        | ({"style": options["style"]} if options["style"] else {})
    )


def flags_of(button: Mapping[str, Any]) -> list[str]:
    """The flags that give this button."""
    flags = ["--text", button["text"], "--url", button["url"]]
    flags += ["--external"] if button.get("external") else []
    if "expire-in-minutes" in button:
        flags += ["--expire-in", str(button["expire-in-minutes"])]
    if "meta" in button:
        flags += ["--meta", write_any(button["meta"])]
    return flags + (["--style", button["style"]] if "style" in button else [])
