"""`save_fit` and `load_fit`: a trained model in a file, to be used again.

    run = jaxnet.fit(build, hypers, train, key=key, epochs=50)
    save_fit("digits.safetensors", run)
    save_fit("best.safetensors", sweep.best().member())

    run = load_fit("digits.safetensors", build)     # in another process
    run.predict(x)

The file has what `save_params` writes, so that `load_params` reads it too, and besides
the hyperparameters, the history and the status.
"""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxnet.fitted import Fit
from jaxnet.hypers import is_traced
from jaxnet.saving.files import AnyPath, naming
from jaxnet.saving.sections import read_sections, write_sections
from jaxnet.training import Build, TrainState
from jaxnet.types import Hypers


def save_fit(path: AnyPath, run: Fit, *, description: Any = None) -> Path:
    """Writes a trained model as a safetensors file, in one piece.

    What the optimizer keeps is left out: to go on where training was, use checkpoints;
    with a new optimizer, ``fit(..., params=run.params)``. So is the diagnosis of a run
    that diverged. Hyperparameters that are functions or other objects are left out as
    well, and are given to `load_fit` again.

    Args:
      path: of the file, such as ``digits.safetensors``; its folder has to exist.
      run: as `fit` or ``sweep.best().member()`` gives it.
      description: whatever is to be remembered, as for `save_params`.

    Returns:
      The path.

    Raises:
      ValueError: if a leaf has no path of its own, or a dtype that the format has not;
        or if the description is no JSON.
      TypeError: if a part of the description is no data.
      OSError: if the file cannot be written. The one that was there is intact.
    """
    kept = {name: _as_json(value) for name, value in run.hypers.items()}
    record = {
        "hypers": {name: value for name, value in kept.items() if value is not _OBJECT},
        "left_out": [name for name, value in kept.items() if value is _OBJECT],
        "status": run.status,
        "best_epoch": run.best_epoch,
        "step": int(run.state.step),
    }
    sections = {
        "params": run.params,
        "model_state": run.state.model_state,
        "history": run.history,
    }
    return write_sections(path, sections, {"description": description, "fit": record})


def load_fit(path: AnyPath, build: Build, hypers: Hypers | None = None) -> Fit:
    """Reads what `save_fit` wrote.

    Args:
      path: of the file.
      build: as it was given to `fit`.
      hypers: those hyperparameters that the file could not keep, such as functions.
        They come before those that are in the file.

    Returns:
      The run. It predicts and evaluates as before. Its ``state.opt_state`` is ``()``
      and its diagnosis None.

    Raises:
      ValueError: if the file is damaged or of another kind, or a hyperparameter is
        missing.
      OSError: if there is no such file.
    """
    with naming(path):
        names = ("params", "model_state", "history")
        sections, saved = read_sections(path, dict.fromkeys(names))
        if "fit" not in saved:
            raise ValueError("it has weights and no run. Read it with load_params.")
        record, history = saved["fit"], sections["history"].tree
        if not (_is_record(record) and isinstance(history, dict)):
            raise ValueError("what it says of its run is not what save_fit writes.")
        given = dict(hypers or {})
        missing = [name for name in record["left_out"] if name not in given]
        if missing:
            raise ValueError(
                f"the hyperparameters {missing} are no data, and are not in the file. "
                f"Pass them as in load_fit(path, build, {{{missing[0]!r}: ...}})."
            )
    state = TrainState(
        jnp.asarray(record["step"], jnp.int32),
        sections["params"].tree,
        sections["model_state"].tree,
        opt_state=(),
    )
    return Fit(
        build,
        {name: _from_json(value) for name, value in record["hypers"].items()} | given,
        state,
        {name: np.asarray(column) for name, column in history.items()},
        record["status"],
        record["best_epoch"],
    )


_OBJECT = object()
"""In place of a hyperparameter that JSON cannot have."""


def _as_json(value: Any) -> Any:
    """A hyperparameter as JSON has it, or `_OBJECT`."""
    if isinstance(value, bool | str | None):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    if is_traced(value):
        is_number = np.ndim(value) == 0 and np.isfinite(value)
        return float(value) if is_number else _OBJECT
    if isinstance(value, tuple):
        parts = [_as_json(one) for one in value]
        return _OBJECT if _OBJECT in parts else parts
    return _OBJECT


def _from_json(value: Any) -> Any:
    return tuple(map(_from_json, value)) if isinstance(value, list) else value


def _is_record(record: Any) -> bool:
    """Whether the fields of a record have the types that `save_fit` gives them."""
    due = {
        "hypers": dict,
        "left_out": list,
        "status": str,
        "best_epoch": int | None,
        "step": int,
    }
    return (
        isinstance(record, dict)
        and all(isinstance(record.get(name), kind) for name, kind in due.items())
        and all(isinstance(name, str) for name in record["left_out"])
        and 0 <= record["step"] < 2**31
    )
