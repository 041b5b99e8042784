"""Files: real ones, and processes that write to them at once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

import pytest

from eventwire.errors import Rejected, Unavailable
from eventwire.services.declare import Credentials
from eventwire.services.file import SERVICE
from tests.services.helpers import TARGET

APPEND = SERVICE.operation("append")

WRITER = """
import asyncio, sys
from eventwire.services.declare import Credentials, Target
from eventwire.services.file import SERVICE

async def main(folder, name):
    append = SERVICE.operation("append")
    connection = await SERVICE.connect(Credentials({"folder": folder}, {}))
    await asyncio.gather(*(
        append.send(connection, append.build({"file": "log", "line": {"writer": name, "n": n, "x": name * 20000}},
                    Target({}, "test", "k")))
        for n in range(50)
    ))

asyncio.run(main(*sys.argv[1:]))
"""


def append(folder, *lines, file="log.ndjson"):
    """Append lines one after the other; returns the responses."""

    async def run():
        connection = await SERVICE.connect(Credentials({"folder": "out"}, {}, base=str(folder)))
        requests = [APPEND.build({"file": file, "line": line}, TARGET) for line in lines]
        return [await APPEND.send(connection, request) for request in requests]

    return asyncio.run(run())


def test_a_line_is_appended_and_folders_are_made(tmp_path):
    (response, _) = append(tmp_path, {"id": 1, "name": "Ana\n🤖"}, [1, None], file="2026/log.ndjson")
    path = tmp_path / "out/2026/log.ndjson"
    assert response == {"file": str(path), "bytes": 28}
    assert path.read_text() == '{"id":1,"name":"Ana\\n🤖"}\n[1,null]\n'


def test_a_request_holds_the_line_as_it_will_be_written():
    assert APPEND.build({"file": "f", "line": {"a": "\0"}}, TARGET) == {"file": "f", "line": '{"a":"\\u0000"}'}


def test_processes_that_write_at_once_never_mix_their_lines(tmp_path):
    names = "abcd"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in names]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert sorted((line["writer"], line["n"]) for line in lines) == [(w, n) for w in names for n in range(50)]


def test_a_disk_that_is_full_leaves_no_half_line(tmp_path):
    """A limit on the file's size stands in for the disk: writes end in the middle of a line just the same."""
    code = """
import resource, sys
from pathlib import Path
from eventwire.errors import Unavailable
from eventwire.services.file import append_line

path = Path(sys.argv[1])
append_line(path, b"x" * 99 + b"\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (150, 150))
try:
    append_line(path, b"y" * 99 + b"\\n")
except Unavailable as error:
    assert not error.sent
    print(error)
"""
    path = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}: File too large.\nMake room.\n"
    assert path.read_text() == "x" * 99 + "\n"


def test_a_line_that_was_cut_off_before_does_not_swallow_the_next(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/log.ndjson").write_text('{"id":1}\n{"id":')
    append(tmp_path, {"id": 3})
    assert (tmp_path / "out/log.ndjson").read_text().splitlines() == ['{"id":1}', '{"id":', '{"id":3}']


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "..", ".", "", "link/x", "a\0b", "loop"])
def test_a_path_never_leaves_the_folder(tmp_path, name):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path)
    (tmp_path / "out/loop").symlink_to(tmp_path / "out/loop")
    with pytest.raises(Rejected):
        append(tmp_path, 1, file=name)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["link", "loop", "out"]


def test_what_is_no_file_is_rejected(tmp_path):
    (tmp_path / "out/folder").mkdir(parents=True)
    os.mkfifo(tmp_path / "out/pipe")
    with pytest.raises(Rejected, match="Is a directory"):
        append(tmp_path, 1, file="folder")
    with pytest.raises(Rejected, match="Not a regular file"):
        append(tmp_path, 1, file="pipe")


def test_a_name_that_is_too_long_is_rejected(tmp_path):
    with pytest.raises(Rejected, match="File name too long"):
        append(tmp_path, 1, file="x" * 300)


def test_a_folder_that_cannot_be_made_is_rejected(tmp_path):
    (tmp_path / "out").write_text("a file in its place")
    with pytest.raises(Rejected, match="File exists") as raised:
        append(tmp_path, 1)
    assert raised.value.next_step == "Check the folder and its permissions."


def test_too_many_open_files_may_pass(tmp_path):
    import errno

    from eventwire.services.file import translate

    assert isinstance(translate(OSError(errno.EMFILE, "Too many open files"), tmp_path), Unavailable)


def test_it_is_verified_by_its_permissions(tmp_path):
    async def run():
        return await SERVICE.verify(await SERVICE.connect(Credentials({"folder": str(tmp_path)}, {})))

    assert asyncio.run(run()) == f"folder {tmp_path}"
