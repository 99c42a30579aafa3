"""`export_model` and `load_model`: a trained model that runs without its code.

    run = jaxnet.fit(build, hypers, (x, y), key=key, epochs=50)
    export_model("digits.jaxnet", run, x)

    model = load_model("digits.jaxnet")        # in a process that has no build
    logits = model(x[:5])

The file has the model in evaluation mode as a StableHLO program, with its weights in it
and for any number of rows, by ``jax.export``. JAX promises to read such a program for
six months at least after it was written.

The checksum in it guards against accidents, not against forgery, and the code that
reads programs is not made for forged ones: they may end the Python interpreter. What
would call into Python or a native library is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
from jax import export

from jaxnet.checks import check_choice
from jaxnet.data.batching import example_count
from jaxnet.fitted import Fit
from jaxnet.hypers import join_hypers, split_hypers
from jaxnet.paths import leaf_paths
from jaxnet.saving.calls import check_calls
from jaxnet.saving.containers import read_container, write_container
from jaxnet.saving.exported import ExportedModel, described
from jaxnet.saving.files import AnyPath, naming, own_version
from jaxnet.saving.structures import structure_of
from jaxnet.types import Inputs

PLATFORMS = ("cpu", "cuda", "tpu")
"""Where an exported model runs, unless said otherwise."""


def export_model(
    path: AnyPath,
    run: Fit,
    x: Inputs,
    *,
    platforms: Sequence[str] = PLATFORMS,
    description: Any = None,
) -> Path:
    """Writes a trained model as a program that runs without its code.

    Args:
      path: of the file, such as ``digits.jaxnet``; its folder has to exist.
      run: as `fit` or ``sweep.best().member()`` gives it.
      x: some rows of inputs, of which only shapes and dtypes are read.
      platforms: where it is to run, some of "cpu", "cuda", "rocm" and "tpu". None of
        them has to be at hand.
      description: whatever is to be remembered, of JSON's types.

    Returns:
      The path.

    Raises:
      ValueError: if the model calls back into Python or a native library, cannot take
        any number of rows, or has outputs other than arrays in dicts, lists and tuples;
        or if the description is no JSON.
      OSError: if the file cannot be written. The one that was there is intact.
    """
    state = run.state

    def predict(x: Inputs) -> Any:
        # Floats as arrays, as they were in training.
        model = run.build(join_hypers(*split_hypers(run.hypers))).model
        return model.apply(state.params, state.model_state, x)[0]

    return export_function(
        path, predict, x, platforms=platforms, description=description
    )


def export_function(
    path: AnyPath,
    function: Callable[[Inputs], Any],
    x: Inputs,
    *,
    platforms: Sequence[str] = PLATFORMS,
    description: Any = None,
) -> Path:
    """Writes any pure function of a batch as `export_model` does.

    It is for what a model alone is not: an ensemble, probabilities in place of logits,
    inputs that are standardized first.

    Args:
      path: of the file.
      function: from inputs to a PyTree of arrays. What it closes over is in the file.
      x: some rows of inputs, of which only shapes and dtypes are read.
      platforms: where it is to run.
      description: whatever is to be remembered, of JSON's types.

    Returns:
      The path.

    Raises:
      ValueError: as `export_model`.
      OSError: likewise.
    """
    for platform in platforms:
        check_choice("platforms", platform, ("cpu", "cuda", "rocm", "tpu"))
    example_count(x, name="x")
    leaves, treedef = jax.tree.flatten(x)
    (rows,) = export.symbolic_shape("rows")
    specs = [
        jax.ShapeDtypeStruct(
            (rows, *leaf.shape[1:]), jax.dtypes.canonicalize_dtype(leaf.dtype)
        )
        for leaf in leaves
    ]
    outputs: dict[str, Any] = {}

    def on_leaves(*leaves: Any) -> list[Any]:
        y = function(treedef.unflatten(leaves))
        outputs.update(tree=structure_of(y), paths=leaf_paths(y))
        return jax.tree.leaves(y)

    try:
        exported = export.export(jax.jit(on_leaves), platforms=tuple(platforms))(*specs)
    except Exception as error:
        raise ValueError(
            "the model cannot be a program for any number of rows on "
            f"{', '.join(platforms)}: {error}"
        ) from error
    check_calls(exported.mlir_module_serialized)
    header = {
        "versions": {"jax": jax.__version__, "jaxnet": own_version()},
        "platforms": list(platforms),
        "inputs": [
            [name, spec.shape[1:], spec.dtype.name]
            for name, spec in zip(leaf_paths(x), specs, strict=True)
        ],
        "outputs": outputs,
        "description": description,
    }
    return write_container(path, header, bytes(exported.serialize()))


def load_model(path: AnyPath) -> ExportedModel:
    """Reads what `export_model` wrote.

    Nothing of the program is read unless the checksum of the whole file fits, and a
    program that would do more than compute its outputs is refused.

    Raises:
      ValueError: if the file is damaged or of another kind, or by a version of JAX
        whose programs this one cannot read.
      OSError: if there is no such file.
    """
    with naming(path):
        header, payload = read_container(path)
        try:
            model = described(header)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"its header lacks or misnames {error}") from error
        try:
            exported = export.deserialize(bytearray(payload))
        except Exception as error:
            raise ValueError(
                f"its program was written by JAX {model.versions.get('jax')}, and JAX "
                f"{jax.__version__} cannot read it: {error}"
            ) from error
        check_calls(exported.mlir_module_serialized)
        takes = [(str(a.shape[1:]), a.dtype.name) for a in exported.in_avals]
        due = [(str(one.shape), one.dtype) for one in model.inputs]
        if takes != due or len(exported.out_avals) != len(model.outputs["paths"]):
            raise ValueError("its header and its program are not of one model.")
    return replace(model, call=jax.jit(exported.call))
