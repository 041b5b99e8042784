"""The command line: which commands there are, each loaded when it is used, and how errors leave the process."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click

from eventwire import __version__
from eventwire.errors import EventwireError, ExitCode, Interrupted, OutputError, UsageError, did_you_mean
from eventwire.terminal.help import NARROW, HelpContext
from eventwire.terminal.session import Session, error_document, is_terminal

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# The command's name and its summary. `add:event` is commands/add_event.py; it is loaded when it runs, since a command
# imports what it needs and the rest would pay for that at start-up.
COMMANDS: dict[str, dict[str, str]] = {
    "Begin": {
        "init": "Make a project in a folder.",
        "demo": "Watch a ready-made project run, and look into it.",
        "import": "Make a project of one of ReactiveHub's.",
    },
    "Describe": {
        "add:event": "Describe an event: its name and its payload.",
        "add:filter": "Give an event a filter: when its actions run.",
        "add:service-account": "Store how to reach a service, for test and live.",
        "add:action": "Hang an action on a filter.",
        "add:trigger": "Let an action's outcome raise another event.",
        "add:button": "Put a button on an event, for people to press.",
        "add:source": "Let a webhook, a schedule or files raise an event.",
        "add:key": "Make an API key for sending events.",
        "add:user": "Let somebody sign in to the pages.",
        "remove:event": "Remove an event with its filters and actions.",
        "remove:filter": "Remove a filter with its actions.",
        "remove:action": "Remove an action.",
        "remove:trigger": "Remove a trigger.",
        "remove:button": "Remove a button.",
        "remove:source": "Remove a source and its secrets.",
        "remove:key": "Remove an API key.",
        "remove:user": "Remove a user of the pages.",
        "remove:service-account": "Remove a service account and its secrets.",
    },
    "Run": {
        "run": "Run an event through its filters and actions.",
        "serve": "Take events over HTTP, and show what comes of them.",
        "replay": "Run runs of the journal once more.",
        "recover": "Bring runs to their end that a crash left over.",
        "test": "Run the project's tests, without sending anything.",
        "check": "Find every error in the project.",
    },
    "Look": {
        "history": "Show what has run.",
        "inspect": "Show one run in full.",
        "press": "Press a button of an event.",
        "list": "Show the project as a tree, its keys or its users.",
        "show": "Draw one event: model, filters and actions.",
        "services": "Show the services, their actions and fields.",
        "doctor": "Show what works here, and what is missing.",
        "schema": "Print the project file's JSON Schema, for editors.",
        "openapi": "Print the event API as an OpenAPI document.",
        "asyncapi": "Print the events as an AsyncAPI document.",
        "completion": "Print the completion script of a shell.",
    },
}
MODULES = {"import": "import_project"}
"""Modules that cannot be called as their command is: `import` is a keyword of Python's."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""What is wrong where click's own output, a help page, cannot be written."""
LONGEST_LINE = 1000  # characters of an error's line that are shown
COMPLETE_VARIABLE = "_EVENTWIRE_COMPLETE"
SUMMARIES = {name: summary for group in COMMANDS.values() for name, summary in group.items()}


class CommandLine(click.Group):
    """eventwire's commands."""

    context_class = HelpContext

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUMMARIES:
            return None
        from importlib import import_module

        name = MODULES.get(cmd_name) or cmd_name.replace(":", "_").replace("-", "_")
        loaded = getattr(import_module(f"eventwire.commands.{name}"), name)
        assert isinstance(loaded, click.Command)
        loaded.name = cmd_name
        loaded.short_help = SUMMARIES[cmd_name]
        if not (loaded.help or "").startswith(SUMMARIES[cmd_name]):
            loaded.help = f"{SUMMARIES[cmd_name]}\n\n{loaded.help or ''}"
        return loaded

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        # from the summaries, as above; its options only where one is begun
        names = [CompletionItem(name, help=SUMMARIES[name]) for name in SUMMARIES if name.startswith(incomplete)]
        return names or click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in SUMMARIES and not args[0].startswith("-"):
            raise UsageError(
                f'There is no command "{args[0]}".',
                next_step=did_you_mean(args[0], SUMMARIES) or "See them all with: eventwire --help",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # from the summaries above: asking each command would load them all
        width = max(map(len, SUMMARIES))
        for group, commands in COMMANDS.items():
            with formatter.section(group):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in commands.items()])


@click.group(
    "eventwire",
    cls=CommandLine,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(prog)s %(version)s", prog_name="eventwire")
@click.pass_context
def command_line(ctx: click.Context) -> None:
    """Wire events to actions: filters decide, actions run in parallel, a journal remembers.

    Every command asks for what it was not told when there is a terminal; scripts give it all by flags.
    """
    if ctx.invoked_subcommand is None:
        from eventwire.commands.state import show_state

        show_state(ctx.obj)


def run_process() -> NoReturn:
    """Run this process's command line, and end the process with its exit code."""
    code = main()
    if "pyreqwest" in sys.modules:
        # One of its threads that comes back while Python is ending aborts the process: "PyGILState_Release: thread state
        # must be current when releasing" (pyreqwest 0.15, after a name that could not be resolved). All is closed by now.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None, session: Session | None = None) -> int:
    """Run a command line and return the exit code. Every error is told here, and only here."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    session = session or Session.of_process()
    session.json = session.json or "--json" in before_separator(arguments)
    if COMPLETE_VARIABLE in session.environ:
        from eventwire.terminal import completion

        completion.register()
    try:
        answer = command_line.main(
            args=list(arguments),
            obj=session,
            standalone_mode=False,
            prog_name="eventwire",
            terminal_width=session.width if session.width < NARROW else None,
        )
        return int(answer) if isinstance(answer, int) else ExitCode.DONE
    except EventwireError as error:
        return tell(session, error)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except SystemExit:
        # click leaves so where whoever read the help has gone; what was asked for is done
        return ExitCode.DONE
    except (click.Abort, KeyboardInterrupt):
        return tell(session, Interrupted("Interrupted; nothing was changed."))
    except click.ClickException as error:
        return tell(session, usage_error(error))
    except OSError as error:
        if error.errno not in NO_ROOM:
            return tell_bug(session, error)
        session.drop_stdout()
        return tell(session, OutputError(error))
    except UnicodeEncodeError as error:
        if not any(map(is_no_text, arguments)):
            return tell_bug(session, error)
        return tell(session, UsageError("An argument is no text in UTF-8.", next_step="Write it in UTF-8."))
    except Exception as error:
        return tell_bug(session, error)


def is_no_text(argument: str) -> bool:
    """Whether an argument holds bytes that are no UTF-8; as the name of a file it may."""
    return any("\ud800" <= each <= "\udfff" for each in argument)


def before_separator(arguments: Sequence[str]) -> Sequence[str]:
    """The arguments that can be options: those before `--`."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def usage_error(error: click.ClickException) -> UsageError:
    """What click found wrong with the arguments, with the next step."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "eventwire"
    possible = getattr(error, "possibilities", None)
    hint = f"See its arguments with: {path} --help"
    if possible:
        given = getattr(error, "option_name", "")  # `--test-host x` for `--test host=x`
        hint = f"Did you mean {next((each for each in possible if given.startswith(f'{each}-')), possible[0])}?"
    message = error.format_message().split("\n")[0].split(" Did you mean")[0].split(" (Did you mean")[0]
    return UsageError(message if message.endswith((".", "?")) else f"{message}.", next_step=hint)


def tell(session: Session, error: EventwireError) -> int:
    """Print an error to stderr and return its exit code."""
    if session.json:
        session.say(error_document(error.as_dict()))
    else:
        session.say(session.style("Error: ", "bad", stream="stderr") + clipped(fitted(session, str(error))))
    return error.exit_code


def fitted(session: Session, text: str) -> str:
    """An error with its excerpts as wide as the terminal."""
    if "^" not in text or not is_terminal(session.stderr):
        return text
    from eventwire.terminal.excerpts import fit_excerpts

    return fit_excerpts(text, session.columns_of(session.stderr))


def clipped(text: str) -> str:
    """A text whose lines somebody can read: a condition may have a million characters, and so its excerpt."""
    return "\n".join(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…" for line in text.split("\n"))


def tell_bug(session: Session, error: Exception) -> int:
    """Print that it was our fault, and keep the traceback in a file. Values of variables are not in it."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="eventwire-", suffix=".txt", delete=False, encoding="utf-8") as report:
        report.write("".join(traceback.format_exception(error)))
    bug: dict[str, Any] = {
        "code": "bug",
        "message": f"eventwire failed with {type(error).__name__}. This is a bug in eventwire, not in your project.",
        "next_step": f"Please report it with the file {report.name}.",
    }
    session.say(error_document(bug) if session.json else f"Error: {bug['message']}\n{bug['next_step']}")
    return ExitCode.BUG
