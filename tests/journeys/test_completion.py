"""Shell completion as it is used: a real bash, zsh and fish, and what TAB makes of a line."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers import absent
from tests.tools import EVENTWIRE, Result, Terminal, environment, make_shop, process

# What is typed, and what can stand at its end as the shell shows it; bash shows what follows the last : or =.
OFFERED = {
    "eventwire add:": [
        "add:event",
        "add:filter",
        "add:service-account",
        "add:action",
        "add:trigger",
        "add:button",
        "add:source",
        "add:key",
        "add:user",
    ],
    "eventwire rem": [
        "remove:event",
        "remove:filter",
        "remove:action",
        "remove:service-account",
        "remove:trigger",
        "remove:button",
        "remove:source",
        "remove:key",
        "remove:user",
    ],
    "eventwire run n": ["new-customer", "new-order"],
    "eventwire run new-customer --only ": ["on-event", "big-spender", "on-event/remember", "big-spender/tell-sales"],
    "eventwire add:action new-customer ": ["on-event", "big-spender"],
    "eventwire add:action new-customer on-event x --service-account ": ["lines", "warehouse"],
    "eventwire add:action new-customer on-event x --service-account warehouse --action u": ["update", "upsert"],
    "eventwire add:action new-customer on-event x --service-account warehouse --action insert --set ": [
        "key-column=",
        "returning=",
        "table=",
        "values.",
    ],
    "eventwire add:service-account x --service s": ["slack", "smtp", "sqlite", "stripe"],
    "eventwire add:service-account x --service postgresql --test d": ["database="],
    "eventwire add:service-account x --service postgresql --test-secret ": ["password="],
    "eventwire add:service-account warehouse --test ": ["database="],
    "eventwire remove:action new-customer big-spender ": ["tell-sales"],
    "eventwire services p": ["postgresql"],
    "eventwire add:source x --kind s": ["stripe", "slack", "shopify", "standard-webhooks", "schedule"],
    "eventwire add:source x --kind hmac --secret ": ["secret=", "former-secret="],
    "eventwire add:source x --kind hmac --setting h": ["header="],
    "eventwire remove:source ": ["inbox"],
    "eventwire remove:key ": ["sender"],
    "eventwire remove:button new-customer ": ["ban"],
}
# A line, and what it is after one TAB.
COMPLETED = {
    "eventwire add:ev": "eventwire add:event ",
    "eventwire remove:serv": "eventwire remove:service-account ",
    "eventwire show new-c": "eventwire show new-customer ",
    "eventwire remove:filter new-customer big": "eventwire remove:filter new-customer big-spender ",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_shop(tmp_path_factory.mktemp("completion") / "shop")
    assert process("add:event", "new-order", "--property", "id:integer", folder=folder).exit_code == 0
    for line in (
        ["add:button", "new-customer", "ban", "--text", "Ban", "--url", "https://shop.example/ban"],
        ["add:source", "inbox", "--kind", "folder", "--event", "new-order", "--folder", "inbox"],
        ["add:key", "sender", "--environment", "test"],
    ):
        assert process(*line, folder=folder).exit_code == 0
    return folder


def script(shell: str, shop: Path) -> Path:
    """The shell's script, as `eventwire completion` prints it."""
    if shutil.which(shell) is None:
        absent(f"{shell} is not installed; install it with: apt-get install {shell}")
    result = process("completion", shell, folder=shop)
    assert result.exit_code == 0, result.output
    path = shop / f"completion.{shell}"
    path.write_text(result.stdout, encoding="utf-8")
    return path


BASH = r"""
source "$1"
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
COMP_LINE=$2 COMP_POINT=${#2}
# as readline breaks words: : and = are words of their own
IFS=$'\n' read -r -d '' -a COMP_WORDS < <(python3 -c '
import re, sys
words = re.findall(r"[:=]+|[^\s:=]+", sys.argv[1])
print("\n".join([*words, ""] if sys.argv[1][-1:].isspace() else words))' "$2")
[[ $2 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
function=$(complete -p eventwire | sed 's/.*-F \([^ ]*\) .*/\1/')
"$function" eventwire "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("line", OFFERED)
def test_bash_offers(shop, line):
    done = subprocess.run(
        ["bash", "-c", BASH, "bash", script("bash", shop), line],
        cwd=shop,
        env=environment(shop),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    word = "" if line.endswith(" ") else line.split()[-1]
    kept = word[: max(word.rfind(":"), word.rfind("=")) + 1]
    assert done.stderr == ""
    assert sorted(done.stdout.split()) == sorted(each.removeprefix(kept) for each in OFFERED[line])


@pytest.mark.parametrize("line", OFFERED)
def test_fish_offers(shop, line):
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script('fish', shop)}; complete -C {json.dumps(line)}"],
        cwd=shop,
        env=environment(shop),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stderr == ""
    offered = [each.split("\t")[0] for each in done.stdout.splitlines()]
    assert sorted(offered) == sorted(OFFERED[line])


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "PS1='% '; source {script}"),
    "zsh": (["zsh", "-f", "-i"], "PS1='%% '; autoload -Uz compinit; compinit -u -D; source {script}"),
    "fish": (["fish", "--no-config", "-i"], "function fish_prompt; echo '% '; end; source {script}"),
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, shop: Path) -> Iterator[Terminal]:
    """An interactive shell with completion set up."""
    command, prepare = SHELLS[request.param]
    path = script(request.param, shop)
    with Terminal(*command, folder=shop, columns=160, environ=environment(shop)) as terminal:
        terminal.type(prepare.format(script=path) + "; echo re''ady\r")
        terminal.expect("ready")
        terminal.wait(lambda text: text.rstrip().endswith("%"), "a prompt")
        yield terminal


def test_tab_completes_the_line(shell):
    for begun, whole in COMPLETED.items():
        shell.type(begun + Terminal.TAB)
        shell.wait(lambda text, whole=whole: f"% {whole}".rstrip() in text, whole)
        assert line_after(shell).startswith(whole.rstrip())
        clear_line(shell)


def test_what_tab_completes_runs(shell):
    shell.type("eventwire remove:ac" + Terminal.TAB)
    shell.expect("eventwire remove:action")
    shell.type("new-customer on-event nothing --yes\r")
    shell.expect('There is no action "nothing".')


def clear_line(terminal: Terminal) -> None:
    """Leave the line with Ctrl-C; pressed again where it came while the shell still ran the completion."""
    for _ in range(10):
        terminal.type(Terminal.CTRL_C)
        with suppress(AssertionError):
            terminal.wait(lambda text: text.rstrip().endswith("%"), "a new prompt", seconds=1)
            return
    raise AssertionError(f"The line was never left; the screen:\n{terminal.text}")


def line_after(terminal: Terminal) -> str:
    """What stands after the last prompt."""
    return terminal.text.rpartition("% ")[2]


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_scripts_name_the_command(shop, shell_name):
    result = process("completion", shell_name, folder=shop)
    assert Path(EVENTWIRE).name in result.stdout
    assert result.stderr == ""


def test_completion_off_a_project_and_in_a_broken_one_is_quiet(tmp_path):
    environ = {**environment(tmp_path), "_EVENTWIRE_COMPLETE": "bash_complete", "COMP_LINE": "eventwire run "}
    assert process(folder=tmp_path, environ=environ) == Result(0, "\n", "")
    (tmp_path / "eventwire.toml").write_text("[broken", encoding="utf-8")
    assert process(folder=tmp_path, environ=environ) == Result(0, "\n", "")
