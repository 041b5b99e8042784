"""What the services' tests share."""

from __future__ import annotations

from eventwire.services.declare import Target

TARGET = Target({}, "test", "ew_1")
