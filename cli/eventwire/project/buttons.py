"""What a button may be: how long its text, until when it can be pressed, where its address may lead."""

from __future__ import annotations

from eventwire.language.lazy_pattern import lazy_pattern

LONGEST_EXPIRY_MINUTES = 43_200
LONGEST_BUTTON_TEXT = 48
BUTTON_STYLES = ("danger", "important")
SIGNING_NAME = "buttons"
"""Under this name the secret that presses are signed with is looked up: EVENTWIRE_BUTTONS_TEST_SECRET."""

_CALLED = lazy_pattern(r"(?i)https?://[^\s/?#]")
_FOLLOWED = lazy_pattern(r"(?i)https?://[^\s/?#]|mailto:[^\s]|tel:[^\s]")


def address_problem(url: str, *, external: bool) -> tuple[str, str] | None:
    """What is wrong with a button's address, and what to do, or None. A link is opened by a browser, where other
    schemes (`javascript:`) would run something.
    """
    if (_FOLLOWED if external else _CALLED).match(url):
        return None
    schemes = "https://, http://, mailto: or tel:" if external else "https:// or http://"
    return f"A button's address begins with {schemes}.", "Write for example: https://shop.example/ops/action"
