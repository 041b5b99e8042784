"""Writes docs/reference from the code: commands, services, the project file, exit codes. `--check` compares instead."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

import click

from eventwire import errors
from eventwire.app import COMMANDS, command_line
from eventwire.commands.services import meaning, type_of
from eventwire.fields import Field
from eventwire.project.schema import project_schema
from eventwire.project.sources import KINDS, SourceKind
from eventwire.project.written import toml_lines
from eventwire.services.catalog import BUILT_IN, find_service
from eventwire.services.declare import Operation, Service

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py from the code: change it there. -->\n"


def pages() -> dict[str, str]:
    """Every generated file's name and text."""
    schema = json.dumps(project_schema(), indent=2, ensure_ascii=False)
    return {
        "commands.md": commands_page(),
        "services.md": services_page(),
        "sources.md": sources_page(),
        "exit-codes.md": exit_codes_page(),
        "eventwire.schema.json": schema + "\n",
    }


def commands_page() -> str:
    """All commands with their arguments and options."""
    context = click.Context(command_line, info_name="eventwire")
    parts = [NOTE, "# Commands\n", "Every command also takes `--project DIR`, `--no-input` and `--json`.\n"]
    for group, names in COMMANDS.items():
        parts.append(f"## {group}\n")
        for name in names:
            command = command_line.get_command(context, name)
            assert command is not None
            parts.append(command_section(name, command, click.Context(command, parent=context, info_name=name)))
    return "\n".join(parts)


def command_section(name: str, command: click.Command, context: click.Context) -> str:
    """One command."""
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    options = [each for each in command.params if isinstance(each, click.Option)]
    usage = " ".join(["eventwire", name, *(each.make_metavar(context) for each in arguments)])
    help_text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    rows = [
        f"| `{', '.join(each.opts)}{metavar(each, context)}` | {each.help or ''}{default(each)} |"
        for each in options
        if each.name not in ("project", "no_input", "json")
    ]
    table = "\n".join(["| option | |", "|---|---|", *rows]) + "\n" if rows else ""
    return f"### `{name}`\n\n    {usage}\n\n{help_text}\n\n{table}"


def metavar(option: click.Option, context: click.Context) -> str:
    """What an option's value is called; a flag has none."""
    return "" if option.is_flag else f" {option.make_metavar(context)}".replace("|", "\\|")


def default(option: click.Option) -> str:
    """An option's default, where it shows one."""
    return f" Default: {option.default}." if option.show_default else ""


def services_page() -> str:
    """All built-in services."""
    found = [find_service(name) for name in BUILT_IN]
    index = [f"- [{each.label}](#{each.name}): {each.summary}" for each in found]
    return "\n".join([NOTE, "# Services\n", *index, "", *(service_section(each) for each in found)])


def service_section(service: Service) -> str:
    """One service."""
    install = f"Install: `pip install 'eventwire[{service.extra}]'`\n" if service.extra else "Nothing to install.\n"
    parts = [f"## {service.name}\n", f"{service.label}. {service.summary} [Documentation]({service.documentation})\n"]
    parts += [install, "Its service accounts hold:\n", fields_table(service.fields)]
    return "\n".join([*parts, *(operation_section(service, each) for each in service.operations)])


def operation_section(service: Service, operation: Operation) -> str:
    """One action of a service."""
    parts = [f"### {service.name} {operation.name}\n", operation.summary + "\n", fields_table(operation.fields)]
    if operation.example:
        lines = "\n".join([f'action = "{operation.name}"', *toml_lines(operation.example)])
        parts.append(f"```toml\n{lines}\n```\n")
    return "\n".join(parts)


def fields_table(fields: tuple[Field, ...]) -> str:
    """Fields, a row each."""
    if not fields:
        return "Nothing.\n"
    rows = [f"| `{each.name}` | {type_of(each)} | {meaning(each)} |".replace("\n", " ") for each in fields]
    return "\n".join(["| field | type | |", "|---|---|---|", *rows]) + "\n"


def sources_page() -> str:
    """All kinds of sources."""
    index = [f"- [{each.label}](#{each.name}): {each.summary}" for each in KINDS.values()]
    return "\n".join([NOTE, "# Sources\n", *index, "", *(source_section(each) for each in KINDS.values())])


def source_section(kind: SourceKind) -> str:
    """One kind of source."""
    link = f" [Documentation]({kind.documentation})" if kind.documentation else ""
    names = ", ".join(f"`{path}`" for path in kind.inbound.properties)
    parts = [f"## {kind.name}\n", f"{kind.label}. {kind.summary}{link}\n", f"Wildcards and conditions name {names}.\n"]
    return "\n".join([*parts, fields_table(kind.fields)])


def exit_codes_page() -> str:
    """The exit codes, and the errors that lead to them."""
    rows = [f"| {code.value} | {meaning_of(code)} |" for code in errors.ExitCode]
    tree = (errors.__doc__ or "").split("\n\n")[1]
    return "\n".join([NOTE, "# Exit codes\n", "| code | |", "|---|---|", *rows, "", "```", tree, "```", ""])


def meaning_of(code: errors.ExitCode) -> str:
    """What an exit code says."""
    return {
        errors.ExitCode.DONE: "done",
        errors.ExitCode.ERROR: "any other error",
        errors.ExitCode.USAGE: "an argument is missing or not understood, or the payload is none",
        errors.ExitCode.PROJECT: "the project is wrong",
        errors.ExitCode.CREDENTIAL: "a credential is missing or refused",
        errors.ExitCode.ACTION: "an action failed; the others went on",
        errors.ExitCode.BUG: "a bug in eventwire",
        errors.ExitCode.INTERRUPTED: "interrupted",
    }[code]


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` name those that are not current."""
    stale = []
    for name, text in pages().items():
        path = REFERENCE / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if "--check" in arguments and stale:
        print(f"docs/reference is not current: {', '.join(stale)}. Write it anew with: python docs/generate.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
