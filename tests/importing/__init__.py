"""Projects of other tools, imported."""
