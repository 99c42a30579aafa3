"""A group of members on its way: what is on the devices, and which member is where."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from jaxnet.devices import largest, put, replicated, split, to_host
from jaxnet.search.engine import SEGMENT, swap_members, train_members
from jaxnet.search.layouts import SWAPPED, PlannedGroup
from jaxnet.search.members import Members, init_members
from jaxnet.search.planning import Plan
from jaxnet.starting import AFRESH

CALL_SECONDS = 0.5
"""How long a call should take, so that there is progress to be seen."""


_OF_MEMBERS = ("active", "bad_step", "epochs", "best_epoch")


class Running:
    """The members of one group, from the first epoch to the last.

    Attributes:
      ids: of its members, (members,): ``(trial * seeds + seed) * folds + fold``.
      order: the place in ``ids`` of the member at each slot; -1 for none, (slots,).
      active: whether each member trains on, (members,).
      bad_step: likewise, as in `Members`.
      epochs: likewise.
      best_epoch: likewise; 0 without early stopping.
      first: epochs done by those that are active.
      members: on the devices, by slots; there after `init` or `restore`.
    """

    members: Members

    def __init__(self, plan: Plan, planned: PlannedGroup):
        self._plan, self._planned = plan, planned
        mesh = planned.layout.mesh
        self._stacked, self._same = split(mesh), replicated(mesh)
        trials = planned.group.trials
        seed, fold = np.divmod(np.arange(plan.seeds * plan.folds), plan.folds)
        of_trial = seed * plan.folds + fold
        self.ids = (trials[:, None] * len(of_trial) + of_trial).ravel()
        count = len(self.ids)
        self.active = np.ones(count, bool)
        self.bad_step = np.zeros(count, int)
        self.epochs = np.zeros(count, int)
        self.best_epoch = np.zeros(count, int)
        self.first = 0
        self._deal()
        # An empty slot trains nothing: it may look like any member.
        slots = np.maximum(self.order, 0)
        place, of = np.divmod(slots, len(of_trial))
        of_members = put(
            (
                {name: column[place] for name, column in planned.group.traced.items()},
                seed[of].astype(np.int32),
                fold[of].astype(np.int32),
            ),
            self._stacked,
        )
        self._key = put(plan.key, self._same)
        self._start = (*of_members, self._key, plan.data.train, plan.data.start)
        # A program of steps is the same whatever its members started from.
        self._data = plan.data._replace(start=AFRESH)
        self._init = planned.group.program, planned.layout

    def lowered(self, inits: dict[Any, Any]) -> Iterator[Any]:
        """Its programs, each traced when it is asked for, and not compiled.

        Args:
          inits: what makes first states, by what it does. Groups that start alike, as
            those of several batch sizes may, have it in common.
        """
        program, layout = self._planned.group.program, self._planned.layout
        traced = init_members.trace(program, layout, *self._start)
        members = jax.tree.map(
            lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=self._stacked),
            traced.out_info,
        )
        numbers = [self._number(0)] * 3
        rest = (layout, members, self._data, self._key, *numbers)
        for one in {program.at(first) for first, _ in program.stages}:
            yield train_members.lower(one, *rest)
        # Last, since it takes far less time to compile.
        init = traced.lower()
        own, does = self._init, (init.as_text(), init.in_tree)
        self._init = inits.setdefault(does, own)
        if self._init is own:
            yield init

    def init(self) -> None:
        """Makes the members' first states."""
        members = init_members(*self._init, *self._start)
        active = put(self.order >= 0, self._stacked)
        self.members = replace(members, active=active)

    def tree(self) -> dict[str, Any]:
        """All that there is to be known of the members, by their places in ``ids``.

        It is the same for any number of devices and processes.
        """
        slots = self.slots()
        members = to_host(self.members)
        return {name: getattr(self, name) for name in _OF_MEMBERS} | {
            "members": jax.tree.map(lambda a: a[slots], members)
        }

    def shapes(self) -> dict[str, Any]:
        """What `tree` will give, with other values."""
        count = len(self.ids)
        planned = self._planned
        program, layout = planned.group.program, planned.layout
        members = init_members.eval_shape(program, layout, *self._start)
        return {name: getattr(self, name) for name in _OF_MEMBERS} | {
            "members": jax.tree.map(
                lambda a: np.empty((count, *a.shape[1:]), a.dtype), members
            )
        }

    def restore(self, tree: dict[str, Any], first: int) -> None:
        """Takes over what `tree` gave after so many epochs, in place of `init`."""
        for name in _OF_MEMBERS:
            setattr(self, name, np.array(tree[name]))
        self.first = first
        self._deal()
        slots = np.maximum(self.order, 0)
        members = jax.tree.map(lambda a: a[slots], tree["members"])
        there = (self.order >= 0) & members.active
        self.members = put(replace(members, active=there), self._stacked)

    def train(self, last: int, record: Callable[[np.ndarray, int, Any], None]) -> None:
        """Trains the active members until they have done so many epochs.

        Args:
          last: epochs done afterwards.
          record: called after every call with the members' ids, the number of their
            first block and the metrics, each (members, blocks).
        """
        every, blocks = self._planned.layout.every, 1
        while self.first < last and self.active.any():
            first, program = self.first, self._planned.group.program
            until = program.until(first, last)
            blocks = min(blocks, (until - first) // every)
            start = time.perf_counter()
            self.members, curves = train_members(
                program.at(first),
                self._planned.layout,
                self.members,
                self._data,
                self._key,
                *map(self._number, (first, blocks, self._chunks)),
            )
            curves = to_host(curves)
            # The same in all processes, which make the same calls.
            seconds = largest(time.perf_counter() - start)
            there = self.order >= 0
            at = self.order[there]
            rows = {name: rows[there, :blocks] for name, rows in curves.items()}
            ids, block = self.ids[at], first // every
            self.first += blocks * every
            self._look()
            record(ids, block, rows)
            blocks = max(1, min(SEGMENT, int(blocks * CALL_SECONDS / seconds)))

    def slots(self) -> np.ndarray:
        """Where each member is now, (members,)."""
        there = np.flatnonzero(self.order >= 0)
        return there[np.argsort(self.order[there])]

    def stop(self, ids: np.ndarray) -> None:
        """Stops members, of which some may be of another group."""
        self.active &= ~np.isin(self.ids, ids)
        active = np.append(self.active, False)[self.order]
        on_devices = put(active, self._stacked)
        self.members = replace(self.members, active=on_devices)
        self._gather()

    def _look(self) -> None:
        """Brings to the host who goes on."""
        members = self.members
        best = 0 if members.best is None else members.best.epoch
        news = (members.active, members.bad_step, members.epochs, best)
        active, bad_step, epochs, best = to_host(news)
        there = self.order >= 0
        at = self.order[there]
        self.bad_step[at], self.epochs[at] = bad_step[there], epochs[there]
        self.best_epoch[at] = np.broadcast_to(best, there.shape)[there]
        self.active[at] = active[there] & (bad_step[there] == 0)
        self._gather()

    def _deal(self) -> None:
        """Gives each member its slot: as many to each device, the active ones first."""
        devices = self._planned.layout.mesh.size
        dealt = np.full((devices, self._planned.slots // devices), -1)
        members = np.argsort(~self.active, kind="stable")
        for i in range(devices):
            mine = members[i::devices]
            dealt[i, : len(mine)] = mine
        self.order = dealt.ravel()
        self._chunks = self._needed()

    def _gather(self) -> None:
        """Moves the active members to the front, if that saves a tenth of the work."""
        layout, slots = self._planned.layout, self._planned.slots
        needed = self._needed()
        if needed > 0.9 * self._chunks:
            return
        in_front = np.arange(slots) % (slots // layout.mesh.size) < (
            needed * layout.chunk
        )
        active = np.append(self.active, False)[self.order]
        behind = np.flatnonzero(active & ~in_front)
        holes = np.flatnonzero(~active & in_front)[: len(behind)]
        # In turns, since those that move are on all devices for a moment.
        turn = max(1, slots // (SWAPPED * layout.mesh.size))
        for start in range(0, len(behind), turn):
            a, b = behind[start : start + turn], holes[start : start + turn]
            self.order[a], self.order[b] = self.order[b], self.order[a]
            # Filled up with places that are on no device.
            none = np.full(turn - len(a), -1)
            both = np.stack([np.append(a, none), np.append(b, none)])
            places = put(both.astype(np.int32), self._same)
            self.members = swap_members(layout, self.members, places)
        self._chunks = needed

    def _needed(self) -> int:
        """Chunks of each device that hold all the active members."""
        layout = self._planned.layout
        return -(-int(self.active.sum()) // (layout.mesh.size * layout.chunk))

    def _number(self, value: int) -> jax.Array:
        return put(np.int32(value), self._same)


def compile_all(lowered: Iterable[Any]) -> None:
    """Compiles programs, as many at a time as there are cores; JAX keeps them.

    Args:
      lowered: may trace each when it is asked for, while others are compiled.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda program: program.compile(), lowered))
