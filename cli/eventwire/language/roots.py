"""What names can lead to: the payload, and the envelope of the event."""

from __future__ import annotations

from collections.abc import Mapping

from eventwire.language.paths import Path, format_path
from eventwire.language.properties import Kind, Model, Property

EVENT = Property(
    Kind.OBJECT,
    properties={
        "id": Property(Kind.STRING),
        "name": Property(Kind.STRING),
        "time": Property(Kind.DATE_TIME),
        "source": Property(Kind.STRING),
        "environment": Property(Kind.STRING, keywords={"enum": ["test", "live"]}),
    },
)
"""The envelope, as conditions and wildcards name it: `event.id`."""

ROOTS: Mapping[str, Property] = {"event": EVENT}


def find_name(model: Model | None, root: str, path: Path) -> Property | None:
    """The property that a name means; None where there is none, or where no model says."""
    if root != "payload":
        return Model(ROOTS[root].properties, {}).find(path) if root in ROOTS else None
    return model.find(path) if model is not None else None


def known_names(model: Model, root: str, path: Path) -> list[str]:
    """The names that might have been meant by one that is unknown."""
    if root != "payload":
        return [f"{root}.{name}" for name in ROOTS[root].properties]
    everything = [format_path(each) for each in _all_paths(model)]
    return model.names_beside(path) + everything


def _all_paths(model: Model) -> list[Path]:
    from eventwire.language.properties import walk

    return [path for path, _ in walk(model.root, ())]
