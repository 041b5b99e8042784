"""Shell completion: commands with a colon, and the names a project has.

Names come from the project file as it stands, unchecked: a project with an error in it still completes, and reading it
takes milliseconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

if TYPE_CHECKING:
    from pathlib import Path

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]


class BashWithColons(BashComplete):
    """Bash breaks words at `:` and `=`, and replaces only what stands behind the last of them."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' type value completion
    COMPREPLY=()
    for completion in $(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORD="${COMP_WORDS[COMP_CWORD]}" \\
        %(complete_var)s=bash_complete "$1"); do
        IFS=',' read -r type value <<< "$completion"
        if [[ $type == dir ]]; then compopt -o dirnames
        elif [[ $type == file ]]; then compopt -o default
        else COMPREPLY+=("$value"); fi
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    @staticmethod
    def _check_version() -> None:
        """`complete -o nosort` needs bash 4.4 of 2016; older ones say so themselves."""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)
        incomplete = "" if line[-1:].isspace() or not words else words.pop()
        behind = os.environ.get("COMP_WORD", "").lstrip(":=")
        self.kept_by_bash = incomplete.removesuffix(behind) if behind else incomplete
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{str(item.value).removeprefix(self.kept_by_bash)}"


def register() -> None:
    """Let click use the bash above."""
    add_completion_class(BashWithColons)


def project_data(ctx: click.Context) -> Mapping[str, Any]:
    """The project file's data, or nothing where there is none that can be read."""
    import tomllib

    folder = project_folder(ctx)
    try:
        return tomllib.loads((folder / "eventwire.toml").read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}


def project_folder(ctx: click.Context) -> Path | None:
    """The project's folder, or None."""
    from pathlib import Path

    start = Path(ctx.params.get("project") or Path.cwd()).absolute()
    return next((folder for folder in (start, *start.parents) if (folder / "eventwire.toml").is_file()), None)


def matching(names: Iterable[str], incomplete: str) -> list[CompletionItem[str]]:
    """The names that begin as typed."""
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def tables(data: Any, *keys: str | None) -> Mapping[str, Any]:
    """The table at a path of keys; empty where there is none."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def given(ctx: click.Context, name: str) -> str | None:
    """An argument of the command line so far, by its parameter's name."""
    value = ctx.params.get(name)
    places = [each.name for each in ctx.command.params if isinstance(each, click.Argument)]
    if value is None and name in places:
        # where the option being completed has no value yet, click stops before it gives words their arguments
        value = next(iter(ctx.args[places.index(name) :]), None)
    return value if isinstance(value, str) else None


def events(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The project's events."""
    return matching(tables(project_data(ctx), "events"), incomplete)


def runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The newest runs of the journal."""
    statement = "SELECT id, event FROM runs ORDER BY received_at DESC LIMIT 50"
    rows = stored(ctx, "journal.sqlite3", statement)
    return [CompletionItem(run, help=event) for run, event in rows if run.startswith(incomplete)]


def keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The server's API keys."""
    rows = stored(ctx, "server.sqlite3", "SELECT name FROM api_keys WHERE removed_at IS NULL ORDER BY name")
    return matching([name for (name,) in rows], incomplete)


def users(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The users of the pages."""
    return matching(
        [name for (name,) in stored(ctx, "server.sqlite3", "SELECT name FROM users ORDER BY name")], incomplete
    )


def stored(ctx: click.Context, file: str, statement: str) -> list[tuple[Any, ...]]:
    """Rows of a file in the project's state folder; none where there is no such file, or it cannot be read."""
    import sqlite3
    from contextlib import closing

    folder = project_folder(ctx)
    if folder is None:
        return []
    try:
        with closing(sqlite3.connect(f"file:{folder}/.eventwire/{file}?mode=ro", uri=True)) as opened:
            return opened.execute(statement).fetchall()
    except sqlite3.Error:
        return []


def filters(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The filters of the event named before."""
    return matching(tables(project_data(ctx), "events", given(ctx, "event"), "filters"), incomplete)


def actions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The actions of the event and filter named before."""
    path = ("events", given(ctx, "event"), "filters", given(ctx, "filter"), "actions")
    return matching(tables(project_data(ctx), *path), incomplete)


def buttons(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The buttons of the event named before."""
    return matching(tables(project_data(ctx), "events", given(ctx, "event"), "buttons"), incomplete)


def sources(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The project's sources."""
    return matching(tables(project_data(ctx), "sources"), incomplete)


def source_kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The kinds of sources there are."""
    from eventwire.project.sources import KINDS

    return [CompletionItem(each.name, help=each.summary) for each in KINDS.values() if each.name.startswith(incomplete)]


def source_fields(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The settings of the kind named before, for `--with`; its secrets for `--secret`."""
    from eventwire.project.sources import find_kind

    name = given(ctx, "kind") or tables(project_data(ctx), "sources", given(ctx, "name")).get("kind")
    kind = find_kind(name) if isinstance(name, str) else None
    fields = [each for each in (kind.fields if kind else ()) if each.secret == (param.name == "secrets")]
    return [CompletionItem(f"{each.name}=", help=each.label) for each in fields if each.name.startswith(incomplete)]


def selections(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """What `--only` can name: filters, and their actions."""
    found = tables(project_data(ctx), "events", given(ctx, "event"), "filters")
    paths = [f"{name}/{action}" for name in found for action in tables(found, name, "actions")]
    return matching([*found, *paths], incomplete)


def accounts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The project's service accounts."""
    return matching(tables(project_data(ctx), "service-accounts"), incomplete)


def services(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The services there are."""
    from eventwire.services.catalog import service_names

    return matching(service_names(), incomplete)


def operations(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """What the service named before, or the service of the account named before, can do."""
    service = chosen_service(ctx)
    return [
        CompletionItem(each.name, help=each.summary)
        for each in (service.operations if service else ())
        if each.name.startswith(incomplete)
    ]


def account_settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The settings of the service's accounts, for `--test` and `--live`; its secrets for `--test-secret`."""
    service = chosen_service(ctx)
    secret = (param.name or "").endswith("_secret")
    fields = [each for each in (service.fields if service else ()) if each.secret == secret]
    return [CompletionItem(f"{each.name}=", help=each.label) for each in fields if each.name.startswith(incomplete)]


def action_fields(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The fields of the action named before, for `--set`."""
    service = chosen_service(ctx)
    operation = service.operation(given(ctx, "action") or "") if service else None
    fields = operation.fields if operation else ()
    return [
        CompletionItem(f"{each.name}{'.' if each.type == 'table' else '='}", help=each.label)
        for each in fields
        if each.name.startswith(incomplete)
    ]


def chosen_service(ctx: click.Context) -> Any:
    """The service that the command line names so far, or None."""
    from eventwire.errors import EventwireError
    from eventwire.services.catalog import find_service

    name = given(ctx, "service")
    account = given(ctx, "service_account") or given(ctx, "name")
    name = name or tables(project_data(ctx), "service-accounts", account).get("service")
    try:
        return find_service(name) if isinstance(name, str) else None
    except EventwireError:
        return None
