"""What a command needs to know: asked for on a terminal, listed all at once everywhere else."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from eventwire.errors import UsageError
from eventwire.project.names import cannot_be_named, new_name_problem
from eventwire.terminal.session import Session

Answers = Mapping[str, Any]
Ask = Callable[[Session, Answers], Any]
"""Asks the user, knowing the answers so far."""


class Question(Struct, frozen=True):
    """One argument that a command cannot do without."""

    argument: str
    """Its key among the answers."""
    flag: str
    """How it is given on a command line: `EVENT`, `--service`."""
    ask: Ask


def complete(session: Session, given: Answers, questions: Iterable[Question]) -> dict[str, Any]:
    """The answers given, with the open ones asked for. Raises UsageError listing all that are missing."""
    answers = dict(given)
    missing = [question for question in questions if answers.get(question.argument) is None]
    if missing and not session.interactive:
        names = ", ".join(question.flag for question in missing)
        raise UsageError(
            f"Missing: {names}.",
            next_step="Give them on the command line, or run this in a terminal to be asked.",
        )
    for question in missing:
        answers[question.argument] = question.ask(session, answers)
    return answers


def choose(message: str, choices: Sequence[str] | Callable[[Answers], Sequence[str]]) -> Ask:
    """Asks for one of several; where there are none to choose from, that is an error."""

    def ask(session: Session, answers: Answers) -> str:
        from eventwire.terminal.prompts import Choice, select

        names = choices(answers) if callable(choices) else choices
        if not names:
            raise UsageError(f"{message} There is none yet.", next_step="See what is missing with: eventwire")
        return str(select(session, message, [Choice(name) for name in names]))

    return ask


def new_name(message: str, kind: str, taken: Callable[[Answers], Container[str]]) -> Ask:
    """Asks for a name that is allowed, and not taken."""

    def ask(session: Session, answers: Answers) -> str:
        from eventwire.terminal.prompts import ask_text

        names = taken(answers)
        return ask_text(session, message, check=lambda given: new_name_problem(given, kind, names))

    return ask


def refuse_name(name: str, kind: str, taken: Container[str]) -> None:
    """Raise UsageError for a name that cannot be used, before anything else is asked for."""
    if problem := new_name_problem(name, kind, taken):
        raise UsageError(f"{cannot_be_named(name, kind)}.", next_step=problem)


def text(message: str, *, default: str = "", check: Callable[[str], str | None] | None = None) -> Ask:
    """Asks for a line of text; `check` says what is wrong with it, or None."""

    def ask(session: Session, answers: Answers) -> str:
        from eventwire.terminal.prompts import ask_text

        return ask_text(session, message, default=default, check=check)

    return ask
