"""The prompts, on stderr: text, choices, yes or no, secrets. Ctrl-C at any of them raises click.Abort.

Loaded only when something is asked: questionary and prompt_toolkit take 200 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import Any

import click
import questionary
from msgspec import Struct
from prompt_toolkit.application import Application, create_app_session, get_app
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import create_input
from prompt_toolkit.output import create_output
from prompt_toolkit.output.color_depth import ColorDepth

from eventwire.terminal.session import Session

Check = Callable[[str], str | None]
"""Says what is wrong with a text, in a sentence, or None."""

STYLE = questionary.Style(
    [
        ("instruction", "fg:ansibrightblack"),
        ("highlighted", "bold"),
        ("selected", "noreverse"),
        # a bar across the screen that is empty mostly would only be in the way
        ("bottom-toolbar", "noreverse"),
    ]
)
BESIDE_CHOICE = 6  # columns: the pointer, and the spaces around a choice's name
SHORTEST_NOTE = 8  # of fewer characters, a note says nothing
SEARCH_FROM = 12  # with more choices than this, typing narrows them


class Choice(Struct, frozen=True):
    """Something to choose: its value, and what stands beside it."""

    value: str
    note: str = ""
    label: str = ""

    @property
    def name(self) -> str:
        """What it is called among the choices, and in the answer."""
        return self.label or self.value

    def title(self, width: int, columns: int) -> str:
        """The choice as it is shown: its name, and as much of its note as there is room for."""
        room = columns - BESIDE_CHOICE - width
        if not self.note or room < SHORTEST_NOTE:
            return self.name
        note = self.note if len(self.note) <= room else f"{self.note[: room - 1].rstrip()}…"
        return f"{self.name:<{width}}  {note}"


def ask_text(
    session: Session,
    message: str,
    *,
    default: str = "",
    check: Check | None = None,
    completer: Completer | None = None,
    hint: str = "",
    below: Callable[[str], str] | None = None,
) -> str:
    """A line of text, asked for until `check` is content; `below` says something of it while it is typed."""
    question = questionary.text
    return str(
        answer(
            session,
            lambda: question(
                message,
                default=default,
                validate=validator(check),
                instruction=f"({hint}) " if hint else None,
                style=STYLE,
                completer=completer,
                complete_while_typing=True,
                bottom_toolbar=toolbar(check, below),
            ),
        )
    ).strip()


def ask_secret(session: Session, message: str, *, check: Check | None = None) -> str:
    """A text that is not shown."""
    return str(answer(session, lambda: questionary.password(message, validate=validator(check), style=STYLE)))


def select(session: Session, message: str, choices: Sequence[Choice], *, default: str | None = None) -> str:
    """The value of one of the choices."""
    width = max(len(choice.name) for choice in choices)
    search = len(choices) > SEARCH_FROM

    def make() -> questionary.Question:
        columns = get_app_session().output.get_size().columns
        shown = [questionary.Choice(each.title(width, columns), value=each.value) for each in choices]
        question = questionary.select(
            message,
            shown,
            default=default,
            style=STYLE,
            use_search_filter=search,
            use_jk_keys=not search,
            instruction="(type to search)" if search else "(arrow keys, Enter)",
        )

        def leave_notes_out(application: Application[Any]) -> None:
            # what was chosen is repeated beside the question, and there its name is enough
            if application.is_done:
                for choice, each in zip(shown, choices, strict=True):
                    choice.title = each.name

        question.application.before_render += leave_notes_out
        return question

    return str(answer(session, make))


def confirm(session: Session, message: str, *, default: bool) -> bool:
    """Yes or no."""
    return bool(answer(session, lambda: questionary.confirm(message, default=default, auto_enter=False, style=STYLE)))


def answer(session: Session, make: Callable[[], questionary.Question]) -> Any:
    """The answer to a question. Raises click.Abort at Ctrl-C or Ctrl-D."""
    with terminal_of(session):
        try:
            given = make().unsafe_ask()
        except (KeyboardInterrupt, EOFError):
            raise click.Abort from None
    return given


@contextmanager
def terminal_of(session: Session) -> Iterator[None]:
    """Ask on the session's streams: keys from its stdin, everything shown on its stderr."""
    if session.prompt_streams is not None:
        given_input, given_output = session.prompt_streams
        with create_app_session(input=given_input, output=given_output):
            yield
        return
    output = create_output(stdout=session.stderr)
    if not session.has_colour("stderr"):
        output.get_default_color_depth = lambda: ColorDepth.DEPTH_1_BIT  # type: ignore[method-assign]
    with create_app_session(input=create_input(session.stdin), output=output):
        yield


def validator(check: Check | None) -> Callable[[str], bool | str] | None:
    """A check in questionary's terms, which has one line for what is wrong: the others stand in the `toolbar`."""
    if check is None:
        return None

    def validate(text: str) -> bool | str:
        problem = check(text.strip())
        return folded(problem)[0] if problem else True

    return validate


def toolbar(check: Check | None, below: Callable[[str], str] | None) -> Callable[[], FormattedText]:
    """What stands under a question: the rest of what is wrong with the answer, or what `below` says of it."""

    def show() -> FormattedText:
        buffer = get_app().current_buffer
        if check and buffer.validation_error:
            rest = folded(check(buffer.text.strip()) or "")[1:]
            return FormattedText([("class:validation-toolbar", "\n".join(rest))])
        return FormattedText([("", "\n".join(folded(below(buffer.text))) if below else "")])

    return show


def folded(text: str) -> list[str]:
    """A sentence in lines as wide as the terminal; at least one."""
    return wrap(text, get_app_session().output.get_size().columns) or [""]


class WildcardCompleter(Completer):
    """Completes `{` with the model's wildcards: `{name}`, `{address.city}`."""

    def __init__(self, wildcards: Sequence[str]) -> None:
        self.wildcards = wildcards

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """The wildcards that begin as the one that is open before the cursor."""
        before = document.text_before_cursor
        opened = before.rfind("{")
        if opened <= before.rfind("}"):
            return
        begun = f"{{{before[opened + 1 :].strip()}"
        for wildcard in self.wildcards:
            if wildcard.startswith(begun):
                yield Completion(wildcard, start_position=opened - len(before))


class WordCompleter(Completer):
    """Completes the last word from a list: a condition's properties."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """What can stand where the cursor is."""
        typed = document.get_word_before_cursor(WORD=True)
        for word in self.words:
            if typed and word.startswith(typed):
                yield Completion(word, start_position=-len(typed))
