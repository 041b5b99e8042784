"""The body of `POST /api/v1/log`: an entry for the timeline, as Operational's senders write it.

Each of its limits is told where it is broken; nothing is cut off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from eventwire.errors import PayloadError
from eventwire.language.lazy_pattern import lazy_pattern
from eventwire.language.payloads import describe_type, encode_json, read_payload
from eventwire.project.buttons import BUTTON_STYLES, LONGEST_BUTTON_TEXT, LONGEST_EXPIRY_MINUTES, address_problem
from eventwire.project.model import DEFAULT_EXPIRY_MINUTES
from eventwire.server.bodies import LIMIT_BYTES, UnreadableBody, media_type
from eventwire.server.entries import is_blank
from eventwire.server.problems import Refusal

TYPES = ("text", "rows", "json", "image")
LONGEST_NAME = 48
LONGEST_CATEGORY = 24
LONGEST_CONTEXT = 128
LONGEST_CONTENT = 100_000
LONGEST_AVATAR = 16
LONGEST_ADDRESS = 2048
LONGEST_KEY = 128
MOST_ROWS = 200
MOST_ACTIONS = 20

# One emoji as it is seen: a flag, a keycap, or a picture with its variation, skin tone and what is joined to it.
_PICTURE = (
    r"[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55"
    r"\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
)
_MARKS = r"[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
_EMOJI = lazy_pattern(
    rf"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}{_MARKS}(?:\u200d{_PICTURE}{_MARKS})*)"
)
_IMAGE = lazy_pattern(r"(?i)https?://[^\s/?#]\S*")


class Row(Struct, frozen=True):
    """A row of an entry whose content is rows."""

    content: Any
    type: str = "text"
    label: str | None = None


class LogAction(Struct, frozen=True):
    """A button of an entry."""

    key: str
    text: str
    url: str
    external: bool = False
    expire_in_minutes: int = DEFAULT_EXPIRY_MINUTES
    meta: Any = None
    style: str | None = None
    repeat: bool = False
    """It can be pressed again after it was completed."""


class LogEntry(Struct, frozen=True):
    """An entry for the timeline."""

    name: str | None = None
    avatar: str | None = None
    """An emoji, or the address of an image."""
    type: str = "text"
    content: Any = None
    """Text, rows, JSON, or the address of an image, as the type says."""
    category: str | None = None
    notify: bool = False
    test: bool = False
    context_id: str | None = None
    """Entries with the same one belong together."""
    context_start: bool = False
    """It is the first of its context."""
    actions: Sequence[LogAction] = ()


def read_log(body: bytes, content_type: str | None, limit_bytes: int = LIMIT_BYTES) -> LogEntry:
    """The entry of a request. Raises Refusal listing every violation, UnreadableBody, PayloadError where it is no JSON."""
    kind = media_type(content_type)
    if kind == "text/plain":
        return read_plain(body)
    if kind not in ("", "application/json"):
        raise UnreadableBody(
            415, f"The content type {kind[:60]} is not known here.", "Send application/json or text/plain."
        )
    return Reader(read_payload(body, limit_bytes=limit_bytes)).entry()


def read_plain(body: bytes) -> LogEntry:
    """The entry of a text: an emoji at its beginning is the avatar; a text too long for a name is the content."""
    try:
        text = body.decode().strip()
    except UnicodeDecodeError as error:
        raise UnreadableBody(400, "The text is not UTF-8.", "Send it as UTF-8.") from error
    avatar, text = split_emoji(text)
    if not text:
        raise refused([("", "is empty: an entry needs a text")])
    if len(text) > LONGEST_CONTENT:
        raise refused([("", too_long(text, LONGEST_CONTENT))])
    if len(text) > LONGEST_NAME:
        return LogEntry(avatar=avatar, content=text)
    return LogEntry(name=text, avatar=avatar)


def split_emoji(text: str) -> tuple[str | None, str]:
    """The emoji at a text's beginning, or None, and the rest."""
    match = _EMOJI.match(text)
    return (match[0], text[match.end() :].strip()) if match else (None, text)


class Reader:
    """Reads one entry, and keeps what is wrong with it."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self.violations: list[tuple[str, str]] = []

    def entry(self) -> LogEntry:
        """The entry. Raises Refusal with every violation."""
        name = self.text(self.body, "name", "name", LONGEST_NAME)
        kind = self.choice(self.body, "type", "type", TYPES) or "text"
        entry = LogEntry(
            name=name,
            avatar=self.avatar(),
            type=kind,
            content=self.content(kind),
            category=self.text(self.body, "category", "category", LONGEST_CATEGORY),
            notify=self.flag(self.body, "notify", "notify"),
            test=self.flag(self.body, "test", "test"),
            context_id=self.context(),
            context_start=self.flag(self.body, "contextStart", "contextStart"),
            actions=self.actions(),
        )
        if entry.name is None and entry.content is None and not self.violations:
            self.wrong("name", "is missing: an entry needs a name or a content")
        if self.violations:
            raise refused(self.violations)
        return entry

    def wrong(self, path: str, sentence: str) -> None:
        """Keep a violation."""
        self.violations.append((path, sentence))

    def text(self, table: Mapping[str, Any], key: str, path: str, longest: int) -> str | None:
        """A text, or None where there is none; also one of which nothing is seen is none."""
        value = table.get(key)
        if value is None or value == "" or (isinstance(value, str) and is_blank(value)):
            return None
        if not isinstance(value, str):
            self.wrong(path, f"is {describe_type(value)}, and has to be text")
        elif len(value) > longest:
            self.wrong(path, too_long(value, longest))
        else:
            return value
        return None

    def flag(self, table: Mapping[str, Any], key: str, path: str) -> bool:
        """True or false; senders write 1 and 0 for them, too."""
        value = table.get(key)
        if value is None or isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
            return bool(value)
        self.wrong(path, f"is {describe_type(value)}, and has to be true or false")
        return False

    def choice(self, table: Mapping[str, Any], key: str, path: str, choices: Sequence[str]) -> str | None:
        """One of several words, or None where there is none."""
        value = table.get(key)
        if value in (None, ""):
            return None
        if not isinstance(value, str) or value not in choices:
            self.wrong(path, f"has to be one of {', '.join(choices)}")
            return None
        return value

    def avatar(self) -> str | None:
        """An emoji, or an image's address."""
        value = self.text(self.body, "avatar", "avatar", LONGEST_ADDRESS)
        if value is None or _IMAGE.fullmatch(value):
            return value
        if len(value) > LONGEST_AVATAR or "://" in value:
            self.wrong("avatar", f"has to be one emoji, or the address of an image ({value[:20]}… is neither)")
            return None
        return value

    def context(self) -> str | None:
        """The context's id; a number is one, too."""
        value = self.body.get("contextId")
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        return self.text({"contextId": value}, "contextId", "contextId", LONGEST_CONTEXT)

    def content(self, kind: str) -> Any:
        """The content, as its type says; None where there is none."""
        value = self.body.get("content")
        if value is None or value == "":
            return None
        return self.rows(value) if kind == "rows" else self.piece(kind, value, "content")

    def rows(self, value: Any) -> Any:
        """Rows, of which there is at least one."""
        if not isinstance(value, list) or not value:
            self.wrong(
                "content", f"is {'empty' if value == [] else describe_type(value)}, and has to be a list of rows"
            )
            return None
        if len(value) > MOST_ROWS:
            self.wrong("content", f"has {len(value):,} rows; {MOST_ROWS} is the most")
            return None
        if len(encode_json(value)) > LONGEST_CONTENT:
            self.wrong("content", f"takes more than {LONGEST_CONTENT:,} characters")
            return None
        return [self.row(each, f"content[{position}]") for position, each in enumerate(value)]

    def row(self, value: Any, path: str) -> Row | None:
        """One row."""
        if not isinstance(value, dict):
            self.wrong(path, f"is {describe_type(value)}, and has to be an object with label and content")
            return None
        kind = self.choice(value, "type", f"{path}.type", [each for each in TYPES if each != "rows"]) or "text"
        content = value.get("content")
        shown = "" if content is None else self.piece(kind, content, f"{path}.content")
        return Row(shown, kind, self.text(value, "label", f"{path}.label", LONGEST_CONTEXT))

    def piece(self, kind: str, value: Any, path: str) -> Any:
        """Text, JSON, or an image's address."""
        if kind == "json":
            if not isinstance(value, dict | list):
                self.wrong(path, f"is {describe_type(value)}, and JSON is an object or a list here")
            elif len(encode_json(value)) > LONGEST_CONTENT:
                self.wrong(path, f"takes more than {LONGEST_CONTENT:,} characters")
        elif isinstance(value, dict | list):
            self.wrong(path, f"is {describe_type(value)}, and has to be text")
        elif kind == "image" and not (
            isinstance(value, str) and _IMAGE.fullmatch(value) and len(value) <= LONGEST_ADDRESS
        ):
            self.wrong(path, "has to be the address of an image, beginning with https:// or http://")
        elif len(str(value)) > LONGEST_CONTENT:
            self.wrong(path, too_long(str(value), LONGEST_CONTENT))
        return value

    def actions(self) -> tuple[LogAction, ...]:
        """The buttons."""
        value = self.body.get("actions")
        if value is None:
            return ()
        return self.buttons(value, "actions")

    def buttons(self, value: Any, path: str) -> tuple[LogAction, ...]:
        """A list of buttons, whose keys differ."""
        if not isinstance(value, list):
            self.wrong(path, f"is {describe_type(value)}, and has to be a list")
            return ()
        if len(value) > MOST_ACTIONS:
            self.wrong(path, f"has {len(value):,} actions; {MOST_ACTIONS} is the most")
            return ()
        found = [self.button(each, f"{path}[{position}]", position) for position, each in enumerate(value)]
        keys = [each.key if each is not None else None for each in found]
        for position, key in enumerate(keys):
            if key is not None and key in keys[:position]:
                self.wrong(f"{path}[{position}].key", f'is "{key}", as that of another action is')
        return tuple(each for each in found if each is not None)

    def button(self, value: Any, path: str, position: int) -> LogAction | None:
        """One button; None where something is wrong with it."""
        if not isinstance(value, dict):
            self.wrong(path, f"is {describe_type(value)}, and has to be an object")
            return None
        before = len(self.violations)
        external = self.flag(value, "external", f"{path}.external")
        text = self.needed(value, "buttonText", path, LONGEST_BUTTON_TEXT)
        url = self.needed(value, "url", path, LONGEST_ADDRESS)
        key = self.text(value, "key", f"{path}.key", LONGEST_KEY)
        if key is None and not external and not value.get("key"):
            self.wrong(f"{path}.key", "is missing: only an external action needs none")
        if url and (problem := address_problem(url, external=external)):
            self.wrong(f"{path}.url", f"cannot be used: {problem[0][:1].lower()}{problem[0][1:]}")
        minutes = self.minutes(value.get("expireIn"), f"{path}.expireIn")
        style = self.choice(value, "type", f"{path}.type", BUTTON_STYLES)
        meta = self.meta(value.get("meta"), f"{path}.meta")
        repeat = self.flag(value, "repeat", f"{path}.repeat")
        if len(self.violations) > before or text is None or url is None:
            return None
        return LogAction(key or f"link-{position + 1}", text, url, external, minutes, meta, style, repeat)

    def needed(self, table: Mapping[str, Any], key: str, path: str, longest: int) -> str | None:
        """A text that has to be there."""
        before = len(self.violations)
        found = self.text(table, key, f"{path}.{key}", longest)
        if found is None and len(self.violations) == before:
            self.wrong(f"{path}.{key}", "is missing")
        return found

    def minutes(self, value: Any, path: str) -> int:
        """For how long a button can be pressed."""
        if value is None:
            return DEFAULT_EXPIRY_MINUTES
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LONGEST_EXPIRY_MINUTES:
            self.wrong(path, f"has to be a whole number of minutes from 1 to {LONGEST_EXPIRY_MINUTES}")
            return DEFAULT_EXPIRY_MINUTES
        return value

    def meta(self, value: Any, path: str) -> Any:
        """What the button's server gets: text or an object."""
        if value is None or isinstance(value, str | dict):
            return value
        self.wrong(path, f"is {describe_type(value)}, and has to be text or an object")
        return None


def read_actions(value: Any) -> tuple[LogAction, ...]:
    """The buttons that an event brings as its `actions` extension: a list, or that list as JSON text, as a header has it.
    Raises Refusal.
    """
    from eventwire.language.payloads import read_json

    reader = Reader({})
    if isinstance(value, str):
        try:
            value = read_json(value)
        except PayloadError as error:
            raise refused([("actions", error.message)]) from error
    found = reader.buttons(value, "actions")
    if reader.violations:
        raise refused(reader.violations)
    return found


def payload_of(entry: LogEntry) -> dict[str, Any]:
    """An entry as a payload: what was not given is left out."""
    import msgspec

    found = msgspec.to_builtins(entry)
    return {key: value for key, value in found.items() if value not in (None, [], ()) or key == "type"}


def refused(violations: Sequence[tuple[str, str]]) -> Refusal:
    """The refusal of an entry, with everything that is wrong with it."""
    return Refusal(
        "bad-request",
        "The entry cannot be taken as it is.",
        next_step="Change what is named, and send it again; nothing was kept of it.",
        violations=violations,
    )


def too_long(text: str, longest: int) -> str:
    """That a text is too long, as the end of a sentence."""
    return f"has {len(text):,} characters; {longest:,} is the most"
