"""The record of runs: what came in, what was sent, what came of it."""
