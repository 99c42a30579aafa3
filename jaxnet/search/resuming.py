"""What a checkpoint of a sweep has to be of, and the plan to go on from it."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp

from jaxnet.checkpoint.fingerprints import (
    fingerprint_data,
    fingerprint_leaves,
    fingerprint_program,
)
from jaxnet.checkpoint.identity import check_identity, identity
from jaxnet.devices import to_host
from jaxnet.search.halving import Halving
from jaxnet.search.planning import Plan, regroup


def sweep_identity(
    plan: Plan, monitor: str, maximize: bool, halving: Halving | None
) -> dict[str, Any]:
    """What a checkpoint has to be of; of the trials there may be more."""
    data = to_host(plan.data)
    return identity(
        run="sweep",
        seeds=plan.seeds,
        folds=plan.folds,
        key=plan.key,
        epochs=plan.epochs,
        every=plan.every,
        early_stopping=plan.early_stopping,
        # Only halving looks at it on the way.
        halving=halving and (halving, monitor, maximize),
        train=fingerprint_data(data.train),
        validation=data.validation and fingerprint_data(data.validation),
        **fingerprint_leaves(data.start),
    )


def trials_of(plan: Plan) -> list[dict[str, Any]]:
    """Each trial as JSON holds it: its setting, batch sizes, and what it computes."""
    found: dict[int, dict[str, Any]] = {}
    # The same for all settings of a program, however many batches they came in.
    known: dict[Any, str] = {}
    for planned in plan.groups:
        program, traced = planned.group.program, planned.group.traced
        key = (program, tuple(sorted(traced)))
        if key not in known:
            first = {name: jnp.asarray(column[0]) for name, column in traced.items()}
            known[key] = fingerprint_program(program, first, plan.data.train)
        for trial in planned.group.trials.tolist():
            about = identity(setting=plan.settings[trial], batch_sizes=program.stages)
            del about["versions"]
            found[trial] = about | {"program": known[key]}
    return [found[trial] for trial in range(len(plan.settings))]


def replanned(plan: Plan, folder: str | Path, meta: Any, halving: Any) -> Plan:
    """The plan of a sweep that goes on, with groups as the checkpoint has them.

    Args:
      plan: of all trials.
      folder: of the checkpoints.
      meta: of the last one.
      halving: as in `sweep`.

    Raises:
      ValueError: if the checkpoint has other trials, or more of them, or if there are
        new ones where trials are compared on the way.
    """
    trials, saved = trials_of(plan), meta["trials"]
    check_identity(folder, {"trials": saved}, {"trials": trials[: len(saved)]})
    new = len(trials) - len(saved)
    if new and halving is not None:
        raise ValueError(
            f"{folder} has {len(saved)} trials, and halving compares all of them on "
            f"the way: no {new} can be added. Use another folder to start again."
        )
    batches = [*meta["batches"], *([new] if new else [])]
    return regroup(plan, batches) if len(batches) > 1 else plan
