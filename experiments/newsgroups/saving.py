"""A finished run on disk, and back: enough to ask it about new posts.

``run.json`` says what it is: format, groups, model, kind of features. Of a net the
folder ``features`` is written by the features themselves, and ``params.safetensors``
has the weights, named by their paths. The best model writes the folder ``best``.
``run.json`` has the checksums of these files and one of itself.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.common.reports import write_json
from experiments.newsgroups.best import BestModel
from experiments.newsgroups.checksums import check_sums, is_intact, sealed, sums_of
from experiments.newsgroups.features import LsaFeatures
from experiments.newsgroups.models import build
from experiments.newsgroups.vectors import VectorFeatures
from jaxnet.paths import map_with_path
from jaxnet.types import Params

FORMAT = 2
"""What this version writes, and alone can read."""

FEATURES = {"lsa": LsaFeatures, "vectors": VectorFeatures}


class NetClassifier(NamedTuple):
    """A trained net with all that it needs to read a post.

    Attributes:
      groups: the names of the classes.
      hypers: what `build` makes the model from.
      kind: the name of the features in `FEATURES`.
      features: fitted on the training posts.
      params: of the model.
    """

    groups: tuple[str, ...]
    hypers: Mapping[str, Any]
    kind: str
    features: Any
    params: Params

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """The probability of each group for each post, (posts, groups)."""
        x = jnp.asarray(self.features.transform(texts))
        logits, _ = build(self.hypers).model.apply(self.params, (), x)
        return np.asarray(jax.nn.softmax(logits))


class BestClassifier(NamedTuple):
    """The best model, trained.

    Attributes:
      groups: the names of the classes.
      model: with features and weights of its own.
    """

    groups: tuple[str, ...]
    model: BestModel

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """The probability of each group for each post, (posts, groups)."""
        return np.exp(self.model.predict_log_probabilities(texts))


Classifier = NetClassifier | BestClassifier


def save(folder: Path, classifier: Classifier) -> Path:
    """Writes a classifier into a folder; returns the path of its description."""
    if isinstance(classifier, BestClassifier):
        files = classifier.model.save(folder / "best")
        described: dict[str, Any] = {"model": "best"}
    else:
        files = [
            *classifier.features.save(folder / "features"),
            _save_params(folder / "params.safetensors", classifier.params),
        ]
        described = {
            "model": "net",
            "hypers": dict(classifier.hypers),
            "features": classifier.kind,
            "inputs": classifier.features.dimensions,
        }
    record = {
        "format": FORMAT,
        "groups": classifier.groups,
        **described,
        "files": sums_of(folder, files),
    }
    return write_json(folder / "run.json", sealed(record))


def load(folder: Path) -> Classifier:
    """Reads what `save` wrote.

    Raises:
      ValueError: if the folder holds no run, one of another version, or files that
        do not fit together.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise ValueError(
            f"run={str(folder)!r} holds no finished run: there is no run.json. Give "
            "the --out folder of python -m experiments.newsgroups."
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}. Train again.") from error
    found = record.get("format") if isinstance(record, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"{path} is of format {found!r}, and this version reads {FORMAT}. Train "
            "again, or use the version that wrote it."
        )
    if not is_intact(record):
        raise ValueError(
            f"{path} is damaged: its checksum does not fit what it says. Train again."
        )
    try:
        check_sums(folder, record["files"])
        if record["model"] == "best":
            return BestClassifier(
                tuple(record["groups"]), BestModel.load(folder / "best")
            )
        return _load_net(folder, record)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} lacks or misnames {error}. Train again.") from error


def _save_params(path: Path, params: Params) -> Path:
    from safetensors.numpy import save_file

    leaves: dict[str, np.ndarray] = {}
    map_with_path(lambda name, leaf: leaves.update({name: np.asarray(leaf)}), params)
    save_file(leaves, path)
    return path


def _load_net(folder: Path, record: dict[str, Any]) -> NetClassifier:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    hypers, kind = record["hypers"], record["features"]
    features = FEATURES[kind].load(folder / "features")
    example = jax.ShapeDtypeStruct((1, record["inputs"]), jnp.float32)
    due, _ = jax.eval_shape(build(hypers).model.init, jax.random.key(0), example)
    weights = folder / "params.safetensors"
    try:
        leaves = load_file(weights)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{weights} cannot be read: {error}. Train again.") from error

    def leaf(name: str, spec: jax.ShapeDtypeStruct) -> jax.Array:
        got = leaves.get(name)
        if got is None or got.shape != spec.shape or got.dtype != spec.dtype:
            what = "nothing" if got is None else f"{got.dtype}{list(got.shape)}"
            raise ValueError(
                f"{weights}: {name} should be {spec.dtype}{list(spec.shape)}, got "
                f"{what}. The files are not of one run."
            )
        return jnp.asarray(got)

    params = map_with_path(leaf, due)
    return NetClassifier(tuple(record["groups"]), hypers, kind, features, params)
