"""The SQL that finds few among millions in the journal, and what it forgets."""

from __future__ import annotations

# SQLite uses a partial index only where its condition stands in the query word for word.
HAS_FAILED = "status IN ('failed', 'unknown')"
# Actions that failed, or are unknown, and that no replay of their run has done since: `original` is the run that came
# in first. One that replays have tried again and again is there once, as the latest of them left it. Of the runs whose
# ids are given as a JSON array, and which are no replays.
OPEN_ENDS = {
    status: f"""
SELECT first.value AS original, bad.* FROM json_each(?) AS first
CROSS JOIN (SELECT id, id AS first FROM runs UNION ALL SELECT id, replay_of FROM runs WHERE replay_of IS NOT NULL) AS runs
    ON runs.first = first.value
CROSS JOIN deliveries AS bad ON bad.run = runs.id
WHERE bad.status = '{status}' AND NOT EXISTS (
    SELECT 1 FROM runs AS later JOIN deliveries AS other ON other.run = later.id
    WHERE later.replay_of = first.value AND later.id > bad.run
    AND other.filter = bad.filter AND other.name = bad.name AND other.status IN ('succeeded', 'failed', 'unknown'))
"""
    for status in ("failed", "unknown")
}
# Runs that may have some, the newest first: both halves come from an index, so that the first few cost no more where
# there are millions.
MAY_HAVE_OPEN_ENDS = {
    status: f"""
SELECT run AS id FROM deliveries INDEXED BY deliveries_that_failed
WHERE {HAS_FAILED} AND status = '{status}' AND run < ? AND run >= ?
UNION
SELECT replay_of FROM runs INDEXED BY runs_by_original WHERE replay_of IS NOT NULL AND replay_of < ? AND replay_of >= ?
ORDER BY 1 DESC
"""
    for status in ("failed", "unknown")
}
# Of each status that few runs have, what finds them without looking at all the others.
RARE = {
    "running": ("runs INDEXED BY runs_unfinished", "status = 'running'"),
    "partial": ("runs INDEXED BY runs_that_failed", "status IN ('partial', 'failed') AND status = 'partial'"),
}
FORGET = tuple(
    f"DELETE FROM {table} WHERE {key} = ?"
    for table, key in (("attempts", "run"), ("deliveries", "run"), ("runs", "id"))
)
