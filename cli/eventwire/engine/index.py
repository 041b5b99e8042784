"""The index over an event's filters: which of them match, at a cost that follows those that do.

Every conjunction of a filter's normal form is filed under one of its clauses, the one that is expected to hold least
often: under a value of a property, a prefix, or a bound. An event is looked up property by property; what is found is
either proven to match, since the clause is all that the condition says, or a candidate whose condition is evaluated in
full. A place with many conjunctions is divided again by their other clauses, when it is first looked at. So the index
only ever leaves out what cannot match (Fabret et al., *Filtering Algorithms and Implementation for Very Fast
Publish/Subscribe Systems*, 2001, call the chosen clause the access predicate).

Conjunctions are added and removed one by one. What has to be sorted is sorted when it is next looked at, which takes
linear time where little has changed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from eventwire.language.dates import read_instant
from eventwire.language.normal_form import (
    Clause,
    Conjunction,
    Domain,
    Key,
    OneOf,
    Prefix,
    Present,
    Range,
)
from eventwire.language.paths import MISSING, look_up

Values: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Values, Values], bool]
Slot: TypeAlias = int
"""A conjunction's number in the index."""

FEW = 16
"""As many conjunctions are evaluated one by one sooner than divided again."""
DEEPEST = 6
"""How often a place is divided again."""
ROOM = 32
"""How many times the room of the intervals themselves may be taken to write out what holds where."""
BLOCK = 64
INFINITY = float("inf")
"""How many intervals are skipped at once where none of them reaches far enough."""


class Entry:
    """A conjunction on its way to its place."""

    __slots__ = ("clauses", "exact", "slot")

    def __init__(self, slot: Slot, clauses: tuple[Clause, ...], exact: bool) -> None:
        self.slot = slot
        self.clauses = clauses
        self.exact = exact


def top_level_name(key: Key) -> str | None:
    """The name of a property that is one of the payload's own; None for others."""
    root, path = key
    return str(path[0]) if root == "payload" and len(path) == 1 else None


def find_value(key: Key, payload: Values, envelope: Values) -> Any:
    """The value of a property anywhere in the payload or the envelope; MISSING where it is not there."""
    root, path = key
    return look_up(path, payload if root == "payload" else envelope)


class FilterIndex:
    """All filters of an event, matched together."""

    def __init__(self) -> None:
        self._root = Node(0)
        self._owners: list[int] = []
        """By slot: the filter that the conjunction belongs to; -1 once it is removed."""
        self._slots: dict[int, list[Slot]] = {}
        self._tests: dict[int, Test] = {}
        self._always: set[int] = set()
        """Filters of which nothing is indexed: each is evaluated for every event."""

    def add(self, position: int, conjunctions: Sequence[Conjunction], test: Test) -> None:
        """File a filter; `position` is what `matching` gives for it, `test` its compiled condition."""
        self._tests[position] = test
        self._slots[position] = []
        if not conjunctions or not all(each.clauses for each in conjunctions):
            self._always.add(position)
            return
        for each in conjunctions:
            slot = len(self._owners)
            self._owners.append(position)
            self._slots[position].append(slot)
            self._root.add(Entry(slot, each.clauses, each.exact))

    def remove(self, position: int) -> None:
        """Forget a filter. Its place is cleared once the index is built anew."""
        for slot in self._slots.pop(position):
            self._owners[slot] = -1
        self._always.discard(position)
        del self._tests[position]

    def matching(self, payload: Values, envelope: Values) -> list[int]:
        """The positions of the filters that match, in order: exactly those whose test gives True."""
        proven: list[Slot] = []
        possible: list[Slot] = []
        self._root.visit(payload, envelope, proven, possible)
        owners, tests = self._owners, self._tests
        found = {owners[slot] for slot in proven}
        candidates = {owners[slot] for slot in possible}
        candidates |= self._always
        candidates -= found
        candidates.discard(-1)
        found.update([position for position in candidates if tests[position](payload, envelope)])
        found.discard(-1)
        return sorted(found)


class Place:
    """Conjunctions whose clauses so far all hold."""

    __slots__ = ("_depth", "_entries", "guarded", "node", "possible", "proven")

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self.proven: list[Slot] = []
        """Those that say nothing else: they match."""
        self.possible: list[Slot] = []
        """Those that are evaluated in full."""
        self.guarded: list[Guard] = []
        """Those that match where their other clauses hold."""
        self.node: Node | None = None
        """Those that are divided again by another clause, once they are too many."""
        self._entries: list[Entry] = []
        """Those among the possible and the guarded ones that could be divided."""

    def add(self, entry: Entry) -> None:
        if not entry.clauses or self._depth >= DEEPEST:
            (self.proven if entry.exact and not entry.clauses else self.possible).append(entry.slot)
        elif self.node is not None:
            self.node.add(entry)
        elif len(self._entries) < FEW:
            self._entries.append(entry)
            self._guard(entry)
        else:
            self._divide(entry)

    def _guard(self, entry: Entry) -> None:
        guard = guard_of(entry)
        if guard is None:
            self.possible.append(entry.slot)
        else:
            self.guarded.append(guard)

    def _divide(self, entry: Entry) -> None:
        self.node = Node(self._depth)
        for each in (*self._entries, entry):
            self.node.add(each)
        divided = {each.slot for each in self._entries}
        self.possible = [slot for slot in self.possible if slot not in divided]
        self.guarded = []
        self._entries = []


Check: TypeAlias = tuple[str | None, Key, Any, Any, Any]
"""One more clause that has to hold, in the least memory: the property's name and key, the types of the values it speaks
of, and the values; or the text that they begin with; or the bounds."""

Guard: TypeAlias = tuple[Slot, bool, tuple[Check, ...]]
"""A conjunction with what is left of it: its slot, whether it is proven where all checks hold, and the checks. Going
through them costs a fifth of the condition's evaluation, which is spread over the whole memory."""

TEXTS, NUMBERS, BOOLEANS = (str,), (int, float), (bool,)
TYPES: Mapping[Domain, tuple[type, ...]] = {Domain.TEXT: TEXTS, Domain.NUMBER: NUMBERS, Domain.BOOLEAN: BOOLEANS}


def guard_of(entry: Entry) -> Guard | None:
    """A conjunction's checks; None where none of its clauses is so plain."""
    checks = [check for clause in entry.clauses if (check := check_of(clause)) is not None]
    is_whole = len(checks) == len(entry.clauses) and not any(map(is_open, entry.clauses))
    return (entry.slot, entry.exact and is_whole, tuple(checks)) if checks else None


def check_of(clause: Clause) -> Check | None:
    """A clause as a check."""
    name = top_level_name(clause.key)
    match clause:
        case OneOf() if clause.domain in TYPES:
            return name, clause.key, TYPES[clause.domain], clause.values, None
        case Prefix():
            return name, clause.key, TEXTS, None, clause.text
        case Range(domain=Domain.NUMBER):
            low = -INFINITY if clause.low is None else clause.low
            return name, clause.key, None, low, INFINITY if clause.high is None else clause.high
    return None


def is_open(clause: Clause) -> bool:
    """Whether a bound of a range is outside, which a check does not tell."""
    return isinstance(clause, Range) and (clause.low_open or clause.high_open)


def go_through(
    guarded: list[Guard], payload: Values, envelope: Values, proven: list[Slot], possible: list[Slot]
) -> None:
    """The conjunctions whose checks hold are proven, or possible where a check could not tell."""
    for slot, is_whole, checks in guarded:
        for name, key, types, first, second in checks:
            value = payload.get(name, MISSING) if name is not None else find_value(key, payload, envelope)
            kind = type(value)
            if types is None:
                if kind is not int and kind is not float:
                    is_whole = False
                elif not first <= value <= second:
                    break
            elif kind not in types:
                is_whole = False
            elif value not in first if second is None else not value.startswith(second):
                break
            if value is MISSING or value is None:
                break
        else:
            (proven if is_whole else possible).append(slot)


class Node:
    """Conjunctions filed by one clause each, property by property."""

    __slots__ = ("_depth", "_new", "_probes", "_statistics")

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._probes: dict[Key, Probe] = {}
        self._statistics = Statistics()
        self._new: list[Entry] = []

    def add(self, entry: Entry) -> None:
        self._new.append(entry)

    def visit(self, payload: Values, envelope: Values, proven: list[Slot], possible: list[Slot]) -> None:
        """Look an event up in every property; what is found joins `proven` or `possible`.

        All of it is one loop: a call for each property would take longer than what it does.
        """
        if self._new:
            self._file()
        for probe in self._probes.values():
            value = (
                payload.get(probe.name, MISSING) if probe.name is not None else find_value(probe.key, payload, envelope)
            )
            kind = type(value)
            places: list[Place] = []
            if kind is str:
                if (place := probe.texts.get(value)) is not None:
                    places.append(place)
                for length, prefixes in probe.prefixes:
                    if (place := prefixes.get(value[:length])) is not None:
                        places.append(place)
                if probe.uncast_texts:
                    possible += probe.uncast_texts
            elif kind is int or kind is float:
                if (place := probe.numbers.get(value)) is not None:
                    places.append(place)
                for ranges in probe.number_ranges:
                    ranges.visit(value, proven, possible)
                if probe.uncast_numbers:
                    possible += probe.uncast_numbers
            elif value is MISSING:
                continue
            elif value is not None:
                probe.visit_other(value, places, possible)
            if probe.has_instants and (instant := read_instant(value)) is not None:
                probe.visit_instant(instant, places, proven, possible)
            if probe.present is not None:
                places.append(probe.present)
            for place in places:
                proven += place.proven
                possible += place.possible
                if place.guarded:
                    go_through(place.guarded, payload, envelope, proven, possible)
                if place.node is not None:
                    place.node.visit(payload, envelope, proven, possible)

    def _file(self) -> None:
        """File what is new; how selective a clause is can be told from all of them together."""
        self._statistics.count(self._new)
        for entry in self._new:
            clause, *others = sorted(entry.clauses, key=self._statistics.share)
            probe = self._probes.get(clause.key)
            if probe is None:
                probe = self._probes[clause.key] = Probe(clause.key, self._depth + 1)
            probe.add(clause, Entry(entry.slot, tuple(others), entry.exact))
        self._new = []


class Statistics:
    """How often clauses may hold, told by the clauses themselves: the values that filters ask for are taken as the ones
    that events have.
    """

    __slots__ = ("_bounds", "_prefixes", "_sorted", "_values")

    def __init__(self) -> None:
        self._values: dict[tuple[Key, Domain], set[Any]] = {}
        self._prefixes: dict[Key, set[str]] = {}
        self._bounds: dict[tuple[Key, Domain], list[Any]] = {}
        self._sorted = False

    def count(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            for clause in entry.clauses:
                if isinstance(clause, OneOf):
                    self._values.setdefault((clause.key, clause.domain), set()).update(clause.values)
                elif isinstance(clause, Prefix):
                    self._prefixes.setdefault(clause.key, set()).add(clause.text)
                elif isinstance(clause, Range):
                    bounds = self._bounds.setdefault((clause.key, clause.domain), [])
                    bounds += [bound for bound in (clause.low, clause.high) if bound is not None]
        for bounds in self._bounds.values():
            bounds.sort()

    def share(self, clause: Clause) -> float:
        """The share of events, from 0 to 1, for which a clause may hold."""
        if isinstance(clause, OneOf):
            known = 2 if clause.domain is Domain.BOOLEAN else len(self._values[clause.key, clause.domain]) or 1
            return len(clause.values) / known
        if isinstance(clause, Prefix):
            return 2 / (len(self._prefixes[clause.key]) + 1)
        if isinstance(clause, Range):
            bounds = self._bounds[clause.key, clause.domain]
            begin = 0 if clause.low is None else bisect_left(bounds, clause.low)
            end = len(bounds) if clause.high is None else bisect_right(bounds, clause.high)
            return 2 * (end - begin) / len(bounds)
        return 1.0


class Probe:
    """Everything that is filed under one property, by the type that its value may have."""

    __slots__ = (
        "_booleans",
        "_depth",
        "_every",
        "_instant_ranges",
        "_instants",
        "has_instants",
        "key",
        "name",
        "number_ranges",
        "numbers",
        "prefixes",
        "present",
        "texts",
        "uncast_numbers",
        "uncast_texts",
    )

    def __init__(self, key: Key, depth: int) -> None:
        self.key = key
        self.name = top_level_name(key)
        self._depth = depth
        self.texts: dict[Any, Place] = {}
        self.prefixes: list[tuple[int, dict[str, Place]]] = []
        """The prefixes of each length."""
        self.numbers: dict[Any, Place] = {}
        self.number_ranges: list[Ranges] = []
        self._booleans: dict[Any, Place] = {}
        self.has_instants = False
        self._instants: dict[Any, Place] = {}
        self._instant_ranges: list[Ranges] = []
        self.present: Place | None = None
        self._every: dict[Domain, list[Slot]] = {Domain.TEXT: [], Domain.NUMBER: [], Domain.BOOLEAN: []}
        """Whatever speaks of values of one type: for those of another, which the condition itself may cast."""
        self.uncast_texts: list[Slot] = []
        """What is possible for any text, since it speaks of other types."""
        self.uncast_numbers: list[Slot] = []

    def add(self, clause: Clause, entry: Entry) -> None:
        """File a conjunction under a clause."""
        domain = clause.domain
        if domain in self._every:
            self._every[domain].append(entry.slot)
            if domain is not Domain.TEXT:
                self.uncast_texts.append(entry.slot)
            if domain is not Domain.NUMBER:
                self.uncast_numbers.append(entry.slot)
        self.has_instants = self.has_instants or domain is Domain.INSTANT
        match clause:
            case OneOf():
                places = self._places(domain)
                for value in clause.values:
                    self._place(places, value).add(entry)
            case Prefix():
                self._place(self._prefixes_as_long_as(clause.text), clause.text).add(entry)
            case Range():
                ranges = self.number_ranges if domain is Domain.NUMBER else self._instant_ranges
                if not ranges:
                    ranges.append(Ranges())
                ranges[0].add(clause, entry)
            case Present():
                self.present = self.present or Place(self._depth)
                self.present.add(entry)

    def _places(self, domain: Domain) -> dict[Any, Place]:
        return {
            Domain.TEXT: self.texts,
            Domain.NUMBER: self.numbers,
            Domain.BOOLEAN: self._booleans,
            Domain.INSTANT: self._instants,
        }[domain]

    def _prefixes_as_long_as(self, text: str) -> dict[str, Place]:
        for length, places in self.prefixes:
            if length == len(text):
                return places
        self.prefixes.append((len(text), {}))
        return self.prefixes[-1][1]

    def _place(self, places: dict[Any, Place], value: Any) -> Place:
        place = places.get(value)
        if place is None:
            place = places[value] = Place(self._depth)
        return place

    def visit_other(self, value: Any, places: list[Place], possible: list[Slot]) -> None:
        """A value that is neither text nor an integer or float: a boolean, a decimal, a list, an object."""
        is_boolean = type(value) is bool
        for domain, slots in self._every.items():
            if not (is_boolean and domain is Domain.BOOLEAN):
                possible += slots
        if is_boolean and (place := self._booleans.get(value)) is not None:
            places.append(place)

    def visit_instant(self, instant: Any, places: list[Place], proven: list[Slot], possible: list[Slot]) -> None:
        """A date or date-time."""
        if (place := self._instants.get(instant)) is not None:
            places.append(place)
        for ranges in self._instant_ranges:
            ranges.visit(instant, proven, possible)


class Ranges:
    """Conjunctions filed by a range of a property's values."""

    __slots__ = ("_bounds", "_intervals")

    def __init__(self) -> None:
        self._bounds: dict[tuple[bool, bool], Bounds] = {}
        """By direction (whether values are above the bound), and whether the bound itself is outside."""
        self._intervals: Intervals | None = None

    def add(self, clause: Range, entry: Entry) -> None:
        proven = entry.exact and not entry.clauses
        if clause.high is None or clause.low is None:
            upwards, is_open = clause.high is None, clause.low_open or clause.high_open
            bounds = self._bounds.setdefault((upwards, is_open), Bounds(upwards, is_open))
            bounds.add(clause.low if upwards else clause.high, entry.slot, proven)
        else:
            self._intervals = self._intervals or Intervals()
            self._intervals.add(clause, entry.slot, proven)

    def visit(self, value: Any, proven: list[Slot], possible: list[Slot]) -> None:
        for bounds in self._bounds.values():
            bounds.visit(value, proven, possible)
        if self._intervals is not None:
            self._intervals.visit(value, proven, possible)


class Bounds:
    """Conjunctions filed by a bound that values lie above, or below."""

    __slots__ = ("_cut", "_new", "_points", "_slots", "_upwards")

    def __init__(self, upwards: bool, is_open: bool) -> None:
        self._upwards = upwards
        self._cut = bisect_left if upwards is is_open else bisect_right
        self._new: list[tuple[Any, Slot, bool]] = []
        self._points: tuple[list[Any], list[Any]] = ([], [])
        """The bounds in order: of those that are possible, and of those that are proven."""
        self._slots: tuple[list[Slot], list[Slot]] = ([], [])

    def add(self, bound: Any, slot: Slot, proven: bool) -> None:
        self._new.append((bound, slot, proven))

    def visit(self, value: Any, proven: list[Slot], possible: list[Slot]) -> None:
        if self._new:
            self._file()
        for points, slots, into in zip(self._points, self._slots, (possible, proven), strict=True):
            if points:
                end = self._cut(points, value)
                into += slots[:end] if self._upwards else slots[end:]

    def _file(self) -> None:
        for proven in (False, True):
            pairs = list(zip(self._points[proven], self._slots[proven], strict=True))
            pairs += [(bound, slot) for bound, slot, is_proven in self._new if is_proven is proven]
            pairs.sort()
            self._points[proven][:] = [bound for bound, _ in pairs]
            self._slots[proven][:] = [slot for _, slot in pairs]
        self._new = []


class Intervals:
    """Conjunctions filed by an interval that values lie in.

    What a value lies in is written out for every bound and every gap between two, so that looking it up is one search.
    Where intervals overlap so much that this would take much more room than they do, they stay in the order of their
    lower ends, and a block of them is skipped where its furthest upper end lies below the value.
    """

    __slots__ = ("_at", "_blocks", "_gaps", "_items", "_lows", "_new", "_points")

    def __init__(self) -> None:
        self._new = False
        self._items: list[tuple[Range, Slot, bool]] = []
        self._points: list[Any] = []
        self._at: list[Found] = []
        """By point: what holds at the point itself."""
        self._gaps: list[Found] = []
        """By point: what holds between the point before it and it."""
        self._lows: list[Any] = []
        self._blocks: list[tuple[Any, list[tuple[Range, Slot, bool]]]] = []
        """The furthest upper end of each block, and the block."""

    def add(self, clause: Range, slot: Slot, proven: bool) -> None:
        self._items.append((clause, slot, proven))
        self._new = True

    def visit(self, value: Any, proven: list[Slot], possible: list[Slot]) -> None:
        if self._new:
            self._file()
        if self._blocks:
            self._search(value, proven, possible)
            return
        points = self._points
        position = bisect_left(points, value)
        if position < len(points):
            found = self._at[position] if points[position] == value else self._gaps[position]
            if found is not NOTHING:
                proven += found[0]
                possible += found[1]

    def _search(self, value: Any, proven: list[Slot], possible: list[Slot]) -> None:
        blocks = -(-bisect_right(self._lows, value) // BLOCK)
        for furthest, items in self._blocks[:blocks]:
            if furthest >= value:
                for clause, slot, is_proven in items:
                    if lies_in(value, clause):
                        (proven if is_proven else possible).append(slot)

    def _file(self) -> None:
        self._new = False
        self._items.sort(key=lambda item: item[0].low)
        self._blocks, self._lows = [], []
        if not self._write_out():
            self._points, self._at, self._gaps = [], [], []
            self._lows = [clause.low for clause, _, _ in self._items]
            for begin in range(0, len(self._items), BLOCK):
                items = self._items[begin : begin + BLOCK]
                self._blocks.append((max(clause.high for clause, _, _ in items), items))

    def _write_out(self) -> bool:
        """Write out what holds where; False where that would take too much room."""
        self._points = sorted({bound for clause, _, _ in self._items for bound in (clause.low, clause.high)})
        self._at, self._gaps = [], []
        room = ROOM * (len(self._items) + BLOCK)
        open_ones: list[tuple[Range, Slot, bool]] = []
        begun = 0
        for point in self._points:
            self._gaps.append(found_in(open_ones))
            while begun < len(self._items) and self._items[begun][0].low == point:
                open_ones.append(self._items[begun])
                begun += 1
            self._at.append(found_in([each for each in open_ones if lies_in(point, each[0])]))
            open_ones = [each for each in open_ones if each[0].high > point]
            room -= len(open_ones)
            if room < 0:
                return False
        return True


Found: TypeAlias = tuple[tuple[Slot, ...], tuple[Slot, ...]]
"""What is proven, and what is possible."""
NOTHING: Found = ((), ())


def found_in(items: Sequence[tuple[Range, Slot, bool]]) -> Found:
    """The slots of some intervals, proven and possible ones."""
    if not items:
        return NOTHING
    return tuple(slot for _, slot, proven in items if proven), tuple(slot for _, slot, proven in items if not proven)


def lies_in(value: Any, clause: Range) -> bool:
    """Whether a value lies between a range's bounds."""
    above = value > clause.low if clause.low_open else value >= clause.low
    return above and bool(value < clause.high if clause.high_open else value <= clause.high)
