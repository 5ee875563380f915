"""Random histories of a small fleet against the real scripts, checked after every step by the oracle."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.lua.books import LEASE, STREAMS, End
from tests.lua.fairness import Shares
from tests.lua.limits import Bound, Cost, Ease, PerKey, Rate, word
from tests.lua.oracle import Oracle
from tests.lua.rig import SECOND, Answer, Given, Rig
from tests.lua.watch import KEYS, Watch

_rate = st.builds(Rate, st.sampled_from([3, 4, 6]), st.just(SECOND), st.sampled_from([0, 0, 1, 2]))
_long = st.builds(Rate, st.sampled_from([5, 8]), st.just(10 * SECOND))
_rates = st.one_of(st.just(()), st.tuples(_rate), st.tuples(_rate, _long))
_ease = st.builds(Ease, st.just(0.5), st.sampled_from([SECOND, 20 * SECOND]), st.sampled_from([1, 2]))
_bounds = st.builds(Bound, _rates, st.sampled_from([None, None, 1, 2, 3]), st.one_of(st.none(), _ease))
_configs = st.fixed_dictionaries(dict.fromkeys((*STREAMS, "api"), _bounds))
_key_rate = st.builds(Rate, st.sampled_from([3, 4]), st.just(SECOND), st.sampled_from([0, 1, 2]))
_key_bounds = st.builds(
    Bound, st.one_of(st.just(()), st.tuples(_key_rate)), st.sampled_from([None, None, 1, 2])
)
_weights: st.SearchStrategy[Mapping[str, int]] = st.sampled_from([{}, {"k": 3}, {"m": 2, "k": 5}])
# Half of the workstreams, or more, have limits for their keys.
_per_key = st.builds(PerKey, _key_bounds, _weights)
_of_keys = st.one_of(
    st.dictionaries(st.sampled_from(STREAMS), _per_key),
    st.fixed_dictionaries(dict.fromkeys(STREAMS, _per_key)),
)
_sharing = st.sampled_from([("a", "b"), ("a",), ()])
_streams = st.sampled_from(STREAMS)
_outcomes = st.sampled_from(
    ["done", "done", "done", "retry", "defer", "defer", "handback", "dead", "discard"]
)
_waits = st.sampled_from([0, 300_000, SECOND, 3 * SECOND])
_pauses = st.lists(st.sampled_from([0, 80_000, 200_000]), max_size=3)
_wants = st.dictionaries(_streams, st.integers(1, 3), max_size=3)
_scopes = st.sampled_from(["", "key", "workstream", "api"])
_refused = st.sampled_from(["key", "workstream", "workstream", "api"])
_end = st.tuples(_outcomes, _waits, st.booleans(), _scopes)
_ends = st.lists(_end, max_size=3)
_DONE: End = ("done", 0, False, "")
_refusal = st.tuples(st.just("defer"), _waits, st.just(False), _scopes)
_end_under_load = st.one_of(st.just(_DONE), _refusal, _refusal, _end)
_keys = st.sampled_from(["", *KEYS])
_maps = st.sampled_from([{"api": 0.5, "b": 2}, {"api": 2}, {"a": 0.5}, {"c": 3, "api": 1.5}])
_costs: st.SearchStrategy[Cost] = st.one_of(st.sampled_from([1, 1, 1, 2, 3]), _maps)


class Fleet(Watch):
    """Sessions that send, ask, finish, repeat, crash and fall silent while limits and clocks change."""

    @initialize(bounds=_configs, sharing=_sharing, per_key=_of_keys)
    def begin(
        self, bounds: Mapping[str, Bound], sharing: tuple[str, ...], per_key: Mapping[str, PerKey]
    ) -> None:
        self.rig = Rig(self.client, self.folder, self.patches)
        self.rig.freeze()
        self.oracle = Oracle()
        self.shares = Shares(self.oracle)
        self.version = 10
        self.expiry: dict[str, int] = {}
        #: session → workstream → when it will ask; only where it has threads to spare.
        self.asks: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self.grants: dict[str, dict[str, Given]] = {}
        self.ended: list[tuple[str, Given]] = []
        self.last: dict[str, tuple[dict[str, Any], Answer]] = {}
        self.left: set[str] = set()
        self.ears = self.rig.listen()
        self._publish(bounds, sharing, per_key)
        for _ in range(2):
            self._open()

    # What a fleet does.

    @rule(
        ws=_streams,
        n=st.integers(1, 5),
        key=_keys,
        cost=_costs,
        delay=st.sampled_from([0, 0, 0, 500_000, 2 * SECOND]),
        shift=st.sampled_from([0, 0, -300 * SECOND, 600 * SECOND]),
    )
    def send(self, ws: str, n: int, key: str, cost: Cost, delay: int, shift: int) -> None:
        """Jobs arrive."""
        due = f"+{delay}" if delay else ""
        for one in self.rig.send(ws, n, key=key, cost=word(cost), due=due, shift=shift):
            self.oracle.add(one, ws, key, cost, shift, self.now, self.now + delay if delay else 0)
        told = [message for _, message in self._hear() if message == f"{ws} now"]
        assert len(told) <= 1
        assert not (told and self._held(ws).get(key, 0) > self.now), f"woken for {key}, which is held"

    @rule(data=st.data(), wants=_wants, ends=_ends, compare=st.booleans())
    @precondition(lambda self: self._askers())
    def exchange(self, data: st.DataObject, wants: Mapping[str, int], ends: list[End], compare: bool) -> None:
        """A process tells what ended and asks for more."""
        sid = data.draw(st.sampled_from(self._askers()))
        held = list(self.grants[sid].values())[: len(ends)]
        self._exchange(sid, wants, list(zip(held, ends, strict=False)), compare=compare)

    @rule(data=st.data(), end=_end)
    @precondition(lambda self: self._busy())
    def finish(self, data: st.DataObject, end: End) -> None:
        """A job ends while its process has threads to spare: it tells, and does not ask."""
        sid = data.draw(st.sampled_from(self._busy()))
        given = next(iter(self.grants[sid].values()))
        self._exchange(sid, {}, [(given, end)])

    @rule()
    @precondition(
        lambda self: any(min(self.asks[sid].values(), default=math.inf) <= self.now for sid in self._askers())
    )
    def follow_wakes(self) -> None:
        """Every process whose time has come asks, as the exchange does."""
        for sid in self._askers():
            wants = {ws: 2 for ws, at in self.asks[sid].items() if at <= self.now}
            if wants and sid in self.expiry:
                self._exchange(sid, wants, [])

    @rule(
        ws=_streams,
        backlog=st.dictionaries(_keys, st.integers(3, 9), min_size=1),
        cost=_costs,
        rounds=st.integers(2, 5),
        ends=st.lists(_end_under_load, max_size=5),
        crash=st.sampled_from(["", "", "first", "last"]),
        late=st.sampled_from([None, *KEYS]),
    )
    def under_load(
        self,
        ws: str,
        backlog: Mapping[str, int],
        cost: Cost,
        rounds: int,
        ends: list[End],
        crash: str,
        late: str | None,
    ) -> None:
        """A backlog, and processes that do as they are told: this is what reaches the edges of windows.

        One key may come late, when others have had their turns.
        """
        for key, n in sorted(backlog.items()):
            self.send(ws, n, key, cost, 0, 0)
        ending = itertools.chain(ends, itertools.repeat(_DONE))
        for number in range(rounds):
            if late and number == 1:
                self.send(ws, 6, late, cost, 0, 0)
            self._renew(sorted(self.expiry))
            self._round(ending)
            if crash and self._busy():
                self._end(self._busy()[0 if crash == "first" else -1], blame=True)
            self.somebody_comes_in_time()
            self.to_next_time()

    @rule(data=st.data(), scope=_refused, waits=st.lists(_waits, min_size=2, max_size=3), us=_waits)
    @precondition(lambda self: self._busy())
    def refusals(self, data: st.DataObject, scope: str, waits: list[int], us: int) -> None:
        """An upstream refuses all that a process runs, and says different things about waiting."""
        sid = data.draw(st.sampled_from(self._busy()))
        ending = zip(self.grants[sid].values(), itertools.cycle(waits), strict=False)
        self._exchange(sid, {}, [(given, ("defer", wait, False, scope)) for given, wait in ending])
        self.rig.advance(us)
        self._everybody_asks()

    def _everybody_asks(self) -> None:
        self._renew(sorted(self.expiry))
        for one in self._askers():
            if one in self.expiry:
                self._exchange(one, dict.fromkeys(STREAMS, 3), [])

    def _round(self, ending: Iterator[End]) -> None:
        """Every process that has something to tell or to ask for."""
        for sid in self._askers():
            if sid not in self.expiry:
                continue
            wants = {name: 4 for name, at in self.asks[sid].items() if at <= self.now}
            done = [(given, next(ending)) for given in self.grants[sid].values()]
            # A process that is full asks as soon as something has ended.
            wants |= {given.ws: 4 for given, _ in done}
            if wants:
                self._exchange(sid, wants, done)

    @rule(data=st.data())
    @precondition(lambda self: self.last)
    def repeat(self, data: st.DataObject) -> None:
        """A reply was lost: the same call again gets the same answer, and does nothing."""
        sid = data.draw(st.sampled_from(sorted(self.last)))
        call, answer = self.last[sid]
        assert self.rig.exchange(call) == answer

    @rule(data=st.data())
    @precondition(lambda self: self.ended)
    def finish_late(self, data: st.DataObject) -> None:
        """An end that comes after the lease was lost is refused, and changes nothing."""
        sid, given = data.draw(st.sampled_from(self.ended))
        before = self.rig.job(given.ws, given.id)
        if sid in self.expiry and sid not in self.left:
            answer = self._exchange(sid, {}, [], given.end("done", next=[]))
            assert answer is None or answer.refused == (0,)
        if sid not in self.expiry:
            assert self.rig.exchange(self.rig.call(sid, {}, [given.end("done")])) is None
            assert self.rig.job(given.ws, given.id) == before

    @rule(data=st.data())
    @precondition(lambda self: self._askers())
    def leave(self, data: st.DataObject) -> None:
        """A process drains: it finishes, and asks no more."""
        sid = data.draw(st.sampled_from(self._askers()))
        self._exchange(sid, {}, [], leaving=True)

    @rule(data=st.data(), blame=st.booleans())
    @precondition(lambda self: self.expiry)
    def end(self, data: st.DataObject, blame: bool) -> None:
        """A process is gone, and its supervisor says so."""
        sid = data.draw(st.sampled_from(sorted(self.expiry)))
        self._end(sid, blame=blame)

    def _end(self, sid: str, *, blame: bool) -> None:
        self.ears.remove(sid)
        self.rig.end(sid, blame=blame)
        self._gone(sid, blame)
        self._hear()
        self._open()

    @rule(us=st.sampled_from([1_000, 50_000, 250_000, 500_000, SECOND, 3 * SECOND]))
    def advance(self, us: int) -> None:
        """Time passes; living processes renew now and then, which a separate rule does."""
        self.rig.advance(us)

    @rule()
    def to_next_time(self) -> None:
        """Time passes until the next process will ask."""
        told = [at for sid in self._askers() for at in self.asks[sid].values() if self.now < at < math.inf]
        if told:
            self.rig.advance(math.ceil(min(told)) - self.now)

    @rule()
    def step_back(self) -> None:
        """The server's clock steps back: time stands still."""
        self.rig.shift(-10 * SECOND)

    @rule(data=st.data())
    @precondition(lambda self: self.expiry)
    def renew(self, data: st.DataObject) -> None:
        """Some processes renew their leases; whose ran out is swept."""
        sids = data.draw(st.lists(st.sampled_from(sorted(self.expiry)), unique=True))
        self._renew(sids)

    def _renew(self, sids: list[str]) -> None:
        _, lost, _, _ = self.rig.renew(*sids, lease=LEASE)
        assert not lost
        self.expiry |= dict.fromkeys(sids, self.now + LEASE)
        self._notice_swept()
        self._hear()

    @rule(bounds=_configs, sharing=_sharing, per_key=_of_keys, older=st.booleans())
    def configure(
        self,
        bounds: Mapping[str, Bound],
        sharing: tuple[str, ...],
        per_key: Mapping[str, PerKey],
        older: bool,
    ) -> None:
        """A process with another config starts; only a higher version counts."""
        # Which windows a limit has stays as it is: what a new window knows of the past is tested by itself.
        kept = {name: self._with_windows(name, bound) for name, bound in bounds.items()}
        self._publish(kept, sharing, per_key, older=older)
        self._hear()

    @rule(permits=st.sampled_from([3, 4, 6]), waits=_pauses)
    def change_pace(self, permits: int, waits: list[int]) -> None:
        """The same limits with other permits, while what started before is still spaced by the old ones."""
        bounds = {name: _paced(bound, permits) for name, bound in self.oracle.bounds.items()}
        per_key = {
            ws: PerKey(_paced(one.bound, permits), one.weights) for ws, one in self.oracle.per_key.items()
        }
        sharing = tuple(ws for ws in STREAMS if self.oracle.within[ws])
        self._publish(bounds, sharing, per_key)
        self._hear()
        for us in waits:
            self.rig.advance(us)
            self._everybody_asks()


def _paced(bound: Bound, permits: int) -> Bound:
    """The same with its shortest rate raised or lowered."""
    if not bound.rates:
        return bound
    first = dataclasses.replace(bound.rates[0], permits=permits)
    return dataclasses.replace(bound, rates=(first, *bound.rates[1:]))
