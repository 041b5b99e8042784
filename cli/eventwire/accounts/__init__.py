"""Service accounts' credentials: where each secret is looked up, and how it is kept."""
