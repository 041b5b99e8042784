"""eventwire: wire events to actions from your terminal."""

__version__ = "0.1.0"
