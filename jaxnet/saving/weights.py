"""`save_params` and `load_params`: weights in a file, with their paths as names.

    save_params("digits.safetensors", params, model_state=state, description={...})
    params, state, description, _ = load_params("digits.safetensors")

The file is a safetensors file, which other programs read too. Its leaves are named
by their paths: ``dense_1/kernel``, and those of the model's state
``model_state/batch_norm_1/mean``. The metadata in its header hold the description, how
the leaves hang together, and a checksum.

To keep a trained model with its hyperparameters, see `jaxnet.saving.runs`.
"""

from pathlib import Path
from typing import Any, NamedTuple

from jaxnet.paths import Pattern, check_pattern, leaf_paths
from jaxnet.saving.files import AnyPath, naming
from jaxnet.saving.leaves import as_jax, read_plain
from jaxnet.saving.sections import read_sections, write_sections
from jaxnet.types import ModelState, Params


class Loaded(NamedTuple):
    """What `load_params` found.

    Attributes:
      params: the parameters.
      model_state: the model's state, ``()`` if it has none.
      description: as given to `save_params`; None if nothing was.
      paths: of the leaves that are from the file, with ``model_state/`` in front of
        those of the state.
    """

    params: Params
    model_state: ModelState
    description: Any
    paths: list[str]


def save_params(
    path: AnyPath,
    params: Params,
    *,
    model_state: ModelState = (),
    description: Any = None,
) -> Path:
    """Writes parameters and a model's state as a safetensors file, in one piece.

    Args:
      path: of the file, such as ``digits.safetensors``; its folder has to exist.
      params: a PyTree of arrays.
      model_state: likewise.
      description: whatever is to be remembered, of JSON's types: dicts with strings
        for names, lists, strings, finite numbers, bools and None.

    Returns:
      The path.

    Raises:
      ValueError: if a leaf has no path of its own, or a dtype that the format has not;
        or if the description is no JSON.
      TypeError: if a leaf is no array, or a part of the description no data.
      OSError: if the file cannot be written. The one that was there is intact.
    """
    sections = {"params": params, "model_state": model_state}
    return write_sections(path, sections, {"description": description})


def load_params(
    path: AnyPath,
    like: Params = None,
    *,
    model_state: ModelState = None,
    only: Pattern | None = None,
) -> Loaded:
    """Reads what `save_params` or `save_fit` wrote.

    For transfer learning, `fit` and `sweep` start from what is given to them, and draw
    the layers that are not in it:

        loaded = load_params("old.safetensors")
        fit(..., params={"encoder": loaded.params["encoder"]})

    By hand, give the new model's parameters and say what to replace:

        params, state = model.init(key, x)
        loaded = load_params("old.safetensors", params, only="encoder/*")
        params = loaded.params          # the encoder's are the file's

    Args:
      path: of the file.
      like: a PyTree of arrays, or of their ``ShapeDtypeStruct``, that the parameters
        have to fit. None takes them as they were saved.
      model_state: likewise of the model's state.
      only: takes those leaves alone whose paths fit the pattern, and keeps what is in
        ``like`` and ``model_state`` elsewhere. The other leaves of the file may be
        anything.

    Returns:
      Parameters, state and description. Leaves are JAX arrays; those of 64 bits are
      NumPy's unless ``jax_enable_x64`` is set, so that none loses digits.

    Raises:
      ValueError: if the file is damaged or of another kind, or leaves differ from what
        is due: all of them are named.
      OSError: if there is no such file.

    References:
      Yosinski et al., *How transferable are features in deep neural networks?*, 2014.
    """
    if only is not None:
        if like is None:
            raise ValueError(f"only={only!r} needs like: the parameters to keep.")
        paths = leaf_paths(like) + leaf_paths(model_state)
        check_pattern("only", dict.fromkeys(paths, 0), only)
    templates = {"params": like, "model_state": model_state}
    with naming(path):
        sections, record = read_sections(path, templates, only)
    params, state = sections["params"], sections["model_state"]
    paths = params.paths + state.paths
    return Loaded(params.tree, state.tree, record.get("description"), paths)


def load_arrays(path: AnyPath) -> dict[str, Any]:
    """The leaves of any safetensors file by name, for files of other programs.

    The header is checked as `load_params` does. But such a file has no checksum, so
    that a value that was damaged goes unseen.

    Raises:
      ValueError: if it is no sound safetensors file.
      OSError: if there is no such file.
    """
    with naming(path):
        return {name: as_jax(leaf) for name, leaf in read_plain(path).items()}
