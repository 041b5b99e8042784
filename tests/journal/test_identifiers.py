"""Names for runs and deliveries: in order, and never the same twice."""

from __future__ import annotations

import time

from eventwire.journal import identifiers
from eventwire.journal.identifiers import action_digest, delivery_key, first_id, new_run_id


def test_ids_sort_by_the_millisecond_they_were_made_in(monkeypatch):
    moments = [1_700_000_000_000 + each for each in (0, 1, 30, 31, 32, 33, 63, 64, 1_000, 32_768, 1_048_576)]
    ids = []
    for moment in moments:
        monkeypatch.setattr(identifiers.time, "time_ns", lambda moment=moment: moment * 1_000_000)
        ids.append(new_run_id())
        assert first_id(moment / 1000) <= ids[-1] < first_id((moment + 1) / 1000)
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {26}


def test_no_two_ids_are_the_same():
    begun = time.time()
    ids = {new_run_id() for _ in range(5000)}
    assert len(ids) == 5000
    assert min(ids) >= first_id(begun)


def test_a_deliverys_key_is_its_own():
    runs = [new_run_id() for _ in range(3)]
    actions = [("a", "bc"), ("ab", "c"), ("a", "b"), ("b", "a")]
    keys = [delivery_key(run, action_digest(*action)) for run in runs for action in actions]
    assert len(set(keys)) == len(keys)
    assert keys[0] == delivery_key(runs[0], action_digest("a", "bc"))
