"""Sentences in terminals that are narrower: words, links, paths and commands stay whole."""

from __future__ import annotations

import re

import pytest

from eventwire.terminal.wrapping import wrapped
from tests.project.projects import write
from tests.server.pages.serving import BAKERY
from tests.tools import EVENTWIRE, Terminal, environment, process

LINK = "http://127.0.0.1:8030/sign-in?link=GcETWSOmvrvRT8YJ2LeiudB2RsBGF5ssbdcc0slANV4"


def test_a_line_that_fits_stays_as_it_is():
    assert wrapped("two  words\n  and    two", 12) == "two  words\n  and    two"


def test_a_line_is_broken_between_words_and_indented_a_little_more():
    assert wrapped("  one two three four", 12) == "  one two\n    three\n    four"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"Sign in, once, with: {LINK}", ["Sign in, once, with:", f"  {LINK}"]),
        (
            "Add one first with: eventwire add:user NAME --role admin",
            ["Add one first with:", "  eventwire add:user NAME --role admin"],
        ),
        (
            "Say so with eventwire inspect 01hf7 --resolve done, or send it again.",
            ["Say so with", "  eventwire inspect 01hf7 --resolve done,", "  or send it again."],
        ),
        (
            "Sign in, or start `eventwire serve` again for a new one.",
            ["Sign in, or start `eventwire serve`", "  again for a new one."],
        ),
        (
            "Choose it: eventwire add:filter e f --where 'a > 1, b < 2' --yes",
            ["Choose it:", "  eventwire add:filter e f --where 'a > 1, b < 2' --yes"],
        ),
        (
            "Either pip install 'eventwire[server, all]', and then go on",
            ["Either", "  pip install 'eventwire[server, all]',", "  and then go on"],
        ),
        ("See /home/ana/a/very/long/path/that/is/not/broken.txt", ["See", "  /home/ana/a/very/long/path/that/is/not/broken.txt"]),
        ("漢字漢字漢字漢字漢字 漢字漢字漢字漢字漢字 漢字", ["漢字漢字漢字漢字漢字", "  漢字漢字漢字漢字漢字 漢字"]),
        ("\x1b[31mError: \x1b[0mthirty-four columns are not too many", ["\x1b[31mError: \x1b[0mthirty-four columns are not", "  too many"]),
    ],
)  # fmt: skip
def test_what_belongs_together_stays_together(text, lines):
    assert wrapped(text, 36).split("\n") == lines


def raw_of(terminal):
    """What a program wrote, as lines without colours."""
    text = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]", b"", terminal.raw).decode()
    return [line.rstrip() for line in text.replace("\r\n", "\n").split("\n") if line.strip()]


def check(lines, columns, piped, whole):
    """See that lines hold what is piped, each within the width, or one thing that cannot be broken."""
    assert " ".join(lines).split() == " ".join(piped.split("\n")).split()
    for line in lines:
        assert len(line) <= columns or " " not in line.strip() or any(each in line for each in whole), line
    for each in whole:
        assert any(each in line for line in lines), f"{each} was broken"


@pytest.mark.parametrize("more", [{}, {"NO_COLOR": "1"}], ids=["colours", "no colours"])
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_errors_and_their_next_steps(tmp_path, columns, more):
    write(tmp_path, BAKERY)
    arguments = ["serve", "--host", "0.0.0.0", "--port", "0"]
    piped = process(*arguments, folder=tmp_path, environ=environment(tmp_path, **more))
    assert piped.stderr.count("\n") == 2
    with Terminal(
        EVENTWIRE, *arguments, folder=tmp_path, columns=columns, environ=environment(tmp_path, **more)
    ) as shown:
        assert shown.end() == piped.exit_code
        check(raw_of(shown), columns, piped.stderr, ["eventwire add:user NAME --role admin"])


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_lines_of_the_server(tmp_path, columns):
    write(tmp_path, BAKERY)
    with Terminal(EVENTWIRE, "serve", "--port", "0", folder=tmp_path, columns=columns) as shown:
        shown.expect("Make a key with")
        shown.expect("--environment test")
        shown.expect("it asks for a password of its own")
        lines = raw_of(shown)
        shown.type(Terminal.CTRL_C)
        shown.end()
    for each in lines:
        assert (
            len(each) <= columns or " " not in each.strip() or re.search(r"eventwire add:|pip install|export ", each)
        ), each
    (link,) = [each.split()[-1] for each in lines if "sign-in?link=" in each]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/sign-in\?link=[\w-]{43}", link)
    assert any("eventwire add:key NAME --environment test" in each for each in lines)
    assert any("pip install keyrings.alt pycryptodomex" in each for each in lines)
    assert any("export PYTHON_KEYRING_BACKEND=keyrings.alt.file.EncryptedKeyring" in each for each in lines)


def test_json_on_a_terminal_is_one_document(tmp_path):
    write(tmp_path, BAKERY)
    with Terminal(EVENTWIRE, "serve", "--host", "0.0.0.0", "--json", folder=tmp_path, columns=40) as shown:
        shown.end()
        assert len(raw_of(shown)) == 1
