"""Sample payloads: `samples/EVENT.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eventwire.errors import PayloadError, Place
from eventwire.language.payloads import read_payload


def sample_path(folder: Path, event_name: str) -> Path:
    """Where an event's sample payload is kept."""
    return folder / "samples" / f"{event_name}.json"


def read_sample(folder: Path, event_name: str) -> dict[str, Any] | None:
    """The sample payload that is kept for an event, None where there is none. Raises PayloadError."""
    path = sample_path(folder, event_name)
    shown = f"samples/{path.name}"
    try:
        return read_payload(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        sentence = f"The sample {shown} cannot be read: {error.strerror or error}."
        raise PayloadError(sentence, next_step=f"See that {shown} may be read.", place=Place(shown)) from error
    except PayloadError as error:
        inside = error.place or Place(shown)
        place = inside._replace(path=shown)
        raise PayloadError(
            error.message, violations=error.violations, next_step=error.next_step, place=place
        ) from error
