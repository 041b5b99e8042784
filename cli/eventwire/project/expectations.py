"""Writing what came of pipeline tests into their files as what is expected of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from eventwire.language.payloads import encode_json
from eventwire.project.edit import changed_text, put
from eventwire.project.files import write_atomically
from eventwire.project.scan import Keys, Scan
from eventwire.project.splice import insert_block
from eventwire.project.toml import Document
from eventwire.project.written import toml_block, toml_key, toml_value


def write_expectations(document: Document, expectations: Mapping[Keys, Any]) -> None:
    """Set values in a file of tests: whole, or not at all; comments and formatting stay as they are.

    Raises ProjectError where the file is written in a way that cannot be changed, EventwireError where it cannot be
    written.
    """
    wanted = {keys: as_toml(value) for keys, value in expectations.items()}

    def change(data: dict[str, Any]) -> None:
        for keys, value in wanted.items():
            put(data, keys, value)

    def splice(text: str) -> str:
        for keys, value in wanted.items():
            text = with_value(text, keys, value)
        return text

    meant = deepcopy(document.data)
    change(meant)
    text = changed_text(document, splice, change, meant)
    write_atomically(document.path, ("\ufeff" if document.bom else "") + text)


def as_toml(value: Any) -> Any:
    """A value as TOML can hold it: JSON as text where it holds null."""
    return encode_json(value) if None in leaves(value) else value


def leaves(value: Any) -> Iterator[Any]:
    """Everything inside a value that is no table and no list."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from leaves(each)
    else:
        yield value


def with_value(text: str, keys: Keys, value: Any) -> str:
    """A text with the value at a key: in place of the one that is there, or below its table's header."""
    scan = Scan(text)
    written = toml_value(value)
    if keys in scan.marks and not any(each.is_header and each.keys[: len(keys)] == keys for each in scan.statements):
        mark = scan.marks[keys]
        return text[: mark.value_start] + written + text[mark.value_end :]
    key = str(keys[-1])
    end = end_of_table(scan, keys[:-1])
    if end is None:
        return insert_block(text, toml_block(tuple(map(str, keys[:-1])), {key: value}), keys[:2])
    before = text[:end] + ("" if text[:end].endswith("\n") else "\n")
    return f"{before}{toml_key(key)} = {written}\n{text[end:]}"


def end_of_table(scan: Scan, header: Keys) -> int | None:
    """Where the last line of a table's own keys ends; None where the table has no header of its own."""
    end = None
    for each in scan.statements:
        if each.is_header and end is not None:
            break
        if each.is_header:
            end = each.end if each.keys == header else None
        elif end is not None:
            end = each.end
    return end
