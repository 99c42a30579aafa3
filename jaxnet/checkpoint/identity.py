"""What a checkpoint belongs to: it is of use to nothing else.

here = identity(hypers=hypers, epochs=epochs, train=fingerprint_data(train), ...)
checkpoints.save(step, tree, {"identity": here, ...})
check_identity(folder, load_meta(folder)["identity"], here)
"""

import importlib.metadata
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet.checkpoint.differences import difference

_MEANING = {
    "train": "the examples to learn from are others.",
    "validation": "the examples to validate on are others.",
    "program": "build computes something else.",
    "params": "it starts from other weights.",
    "model_state": "it starts from another state.",
    "versions": "to go on, install what it was made with.",
}


def identity(**fields: Any) -> dict[str, Any]:
    """What a run is, as JSON holds it, with the versions that it runs on.

    Args:
      **fields: what it depends on, by names that a person understands.

    >>> identity(hypers={"rate": np.float32(0.5), "sizes": (8, 4)})["hypers"]
    {'rate': 0.5, 'sizes': [8, 4]}
    """
    names = {"jax": "jax", "jaxlib": "jaxlib", "jaxnet": "jaxnet-functional"}
    versions = {name: _version(package) for name, package in names.items()}
    return {name: _plain(value) for name, value in fields.items()} | {
        "versions": versions
    }


def check_identity(folder: str | Path, saved: Any, now: dict[str, Any]) -> None:
    """Raises ValueError, with all that differs, if a checkpoint is of something else.

    Args:
      folder: of the checkpoints.
      saved: the `identity` that is in one.
      now: that of the run that would go on from it.
    """
    lines = difference(saved, now)
    if not lines:
        return
    there = saved if isinstance(saved, Mapping) else {}
    meaning = [
        f"\n{name}: {text}"
        for name, text in _MEANING.items()
        if difference(there.get(name), now.get(name))
    ]
    raise ValueError(
        f"{folder} is a checkpoint of something else:\n{lines}{''.join(meaning)}\n"
        "Use another folder to start again."
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # A checkout that is used as it is.


def _plain(value: Any) -> Any:
    """The same with nothing in it that JSON has not."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, jax.Array | np.ndarray):
        if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
            data = np.asarray(jax.random.key_data(value)).tolist()
            return {"key": str(jax.random.key_impl(value)), "data": data}
        return np.asarray(value).tolist()
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if hasattr(value, "_asdict"):  # A NamedTuple.
        return _plain(value._asdict())
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
