"""One event through the pipeline: match, render, deliver in parallel, report."""
