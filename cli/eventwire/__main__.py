"""`python -m eventwire`."""

from eventwire.app import run_process

run_process()
