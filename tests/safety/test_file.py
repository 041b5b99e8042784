"""A payload is never a second line or another place: each line holds what was sent, and no other file appears."""

from __future__ import annotations

import json

import pytest

from tests.safety.hostile import NIGHTLY, NORMAL, any_text, each_hostile
from tests.safety.wired import Wired, account, action, sent

ACTIONS = "".join(
    [
        action("line", "lines", "append", file="lines.ndjson", line={"text": "{text}", "list": ["{text}", "<{text}>"]}),
        action("whole", "lines", "append", file="whole.ndjson", line="{text}"),
        action("named", "lines", "append", file="{text}", line="{text}"),
        action("below", "lines", "append", file="below/{text}.ndjson", line="{text}"),
    ]
)


class Folder:
    """The account's folder, beside a file that has to stay as it is."""

    def __init__(self, folder):
        self.wired = Wired(folder, account("lines", "file", folder="out") + ACTIONS)
        self.root = folder
        self.out = folder / "out"

    def check(self, text):
        outside = self.outside()
        records = self.wired.send(text)
        expected = {
            "lines.ndjson": {"text": text, "list": [text, f"<{text}>"]},
            "whole.ndjson": text,
            **({text: text} if sent(records["named"]) else {}),
            **({f"below/{text}.ndjson": text} if sent(records["below"]) else {}),
        }
        assert self.contents() == expected
        assert self.outside() == outside
        nameable = text.isprintable() and "/" not in text and "\\" not in text and len(text.encode()) < 240
        assert sent(records["below"]) or not nameable or not text
        self.clear()

    def contents(self):
        return {str(path.relative_to(self.out)): only_line(path) for path in self.out.rglob("*") if path.is_file()}

    def outside(self):
        """Every path outside the account's folder; the journal keeps its own."""
        found = {path for path in self.root.rglob("*") if not path.is_relative_to(self.out)}
        own = {".eventwire", "owners"}
        return {path for path in found if not own & set(path.parts) and "journal" not in path.name}

    def clear(self):
        for path in [*self.out.rglob("*")]:
            if path.is_file():
                path.unlink()


def only_line(path):
    (line, end) = path.read_bytes().split(b"\n")
    assert end == b""
    return json.loads(line)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = Folder(tmp_path_factory.mktemp("folder"))
    yield made
    made.wired.close()


@each_hostile
def test_a_hostile_text_is_one_line_and_one_name(folder, text):
    folder.check(text)


@any_text(NORMAL)
def test_any_text_is_one_line_and_one_name(folder, text):
    folder.check(text)


@pytest.mark.nightly
@any_text(NIGHTLY)
def test_any_text_is_one_line_and_one_name_at_length(folder, text):
    folder.check(text)
