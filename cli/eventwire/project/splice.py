"""Changing a project file as text: whole statements go in and out, and every other character stays as it is."""

from __future__ import annotations

from eventwire.project.scan import Keys, Scan, Statement


def insert_block(text: str, block: str, beside: Keys) -> str:
    """The text with a block behind the last statement below `beside`, or at the end; an empty line around it."""
    inside = [each for each in Scan(text).statements if belongs(each, beside)]
    position = inside[-1].end if inside and beside else len(text)
    before, after = text[:position], text[position:]
    before += "" if before.endswith("\n") or not before else "\n"
    gap = "\n" if before.strip() and not before.endswith("\n\n") else ""
    tail = "\n" if after.strip() and not after.startswith(("\n", "\r\n")) else ""
    return before + gap + block + tail + after


def insert_line(text: str, line: str, header: Keys) -> str | None:
    """The text with a line right below a table's header; None where the table has no header of its own."""
    for statement in Scan(text).statements:
        if statement.is_header and statement.keys == header:
            before = text[: statement.end]
            return before + ("" if before.endswith("\n") else "\n") + line + text[statement.end :]
    return None


def remove_statements(text: str, keys: Keys) -> str:
    """The text without the statements at and below `keys`, and without the empty lines that would be left double."""
    for statement in reversed(Scan(text).statements):
        if belongs(statement, keys):
            text = without(text, statement)
    return text


def without(text: str, statement: Statement) -> str:
    """The text without one statement."""
    before, after = text[: statement.start], text[statement.end :]
    if not after.strip() or after.startswith(("\n", "\r\n")):
        before = before.rstrip("\r\n") + ("\n" if before.strip() else "")
    return before + after


def belongs(statement: Statement, keys: Keys) -> bool:
    """Whether a statement is at or below these keys."""
    return statement.keys[: len(keys)] == keys
