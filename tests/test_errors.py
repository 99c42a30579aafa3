"""Bad input gets one clear error: the argument, what came, what was due, the cure."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnet
from jaxnet.checks import LayerError

pytestmark = pytest.mark.usefixtures("as_users_have_it")

X, Y = np.zeros((8, 3), np.float32), np.zeros((8, 1), np.float32)
LABELS = np.arange(8) % 4
HYPERS = {"learning_rate": 0.1}


def key():
    return jax.random.key(0)


def build(h):
    return jaxnet.Task(
        jaxnet.dense(h.get("width", 1)),
        jaxnet.mean_squared_error,
        optax.sgd(h["learning_rate"]),
        batch_size=4,
    )


def classify(h):
    return build(h)._replace(model=jaxnet.dense(4), loss=jaxnet.softmax_cross_entropy)


def fit(train=(X, Y), validation=None, build=build, hypers=HYPERS, **kwargs):
    options = {"key": key(), "epochs": 2} | kwargs
    return jaxnet.fit(build, hypers, train, validation, **options)


def fit_with(**fields):
    return fit(build=lambda h: build(h)._replace(**fields))


def apply(layer, x, *, init_x=None, **kwargs):
    params, state = layer.init(key(), x if init_x is None else init_x)
    return layer.apply(params, state, x, **kwargs)


def with_value(array, index, value):
    array = array.copy()
    array[index] = value
    return array


class Bad(NamedTuple):
    """A mistake, and what its message has to say."""

    name: str
    call: Callable[[], Any]
    error: type[Exception]
    says: tuple[str, ...]


LAYERS = [
    Bad(
        "a width of zero",
        lambda: jaxnet.dense(0),
        ValueError,
        ("dense: features", "at least 1", "got 0"),
    ),
    Bad(
        "a width that is a float",
        lambda: jaxnet.dense(64.0),
        ValueError,
        ("dense: features", "got 64.0", "Python int"),
    ),
    Bad(
        "a width that is traced",
        lambda: jax.jit(lambda width: apply(jaxnet.dense(width), X))(3),
        ValueError,
        ("dense: features", "shapes the program", "Python int"),
    ),
    Bad(
        "x of another width",
        lambda: apply(jaxnet.dense(2), jnp.zeros((4, 5)), init_x=X),
        LayerError,
        ("dense(2)", "3 input features", "(4, 5)", "init again"),
    ),
    Bad(
        "integers for dense",
        lambda: apply(jaxnet.dense(2), jnp.zeros((4, 5), int)),
        LayerError,
        ("dense(2)", "floating-point", "int32", "astype"),
    ),
    Bad(
        "another model's params",
        lambda: jaxnet.mlp(4, 2).apply({"dense_7": {}}, (), X),
        LayerError,
        ("['dense_7']", "dense_1", "another model's init"),
    ),
    Bad(
        "params of nothing",
        lambda: jaxnet.mlp(4, 2).apply((), (), X),
        LayerError,
        ("dense_1: dense(4)", "['bias', 'kernel']", "got ()"),
    ),
    Bad(
        "params that are a list",
        lambda: jaxnet.mlp(4, 2).apply([1, 2], (), X),
        LayerError,
        ("params", "dict", "list"),
    ),
    Bad(
        "a sequential of nothing",
        lambda: jaxnet.sequential(),
        ValueError,
        ("sequential", "at least one layer", "none"),
    ),
    Bad(
        "a layer that was not called",
        lambda: jaxnet.sequential(jaxnet.dense(3), jaxnet.dropout),
        TypeError,
        ("sequential takes Layers", "dropout", "Call it"),
    ),
    Bad(
        "a function for a layer",
        lambda: jaxnet.sequential(jnp.tanh),
        TypeError,
        ("sequential takes Layers", "tanh", "activation(fn)"),
    ),
    Bad(
        "a flax module for a layer",
        lambda: jaxnet.sequential(nn.Dense(3)),
        TypeError,
        ("sequential takes Layers", "Dense", "from_linen"),
    ),
    Bad(
        "a name that is taken",
        lambda: jaxnet.sequential(jaxnet.dense(2), dense_1=jaxnet.dense(3)),
        ValueError,
        ("two layers named 'dense_1'", "choose another"),
    ),
    Bad(
        "a residual of another shape",
        lambda: apply(jaxnet.residual(jaxnet.dense(7)), X),
        LayerError,
        ("residual", "(8, 7)", "(8, 3)", "dense(7)"),
    ),
    Bad(
        "an mlp of nothing",
        lambda: jaxnet.mlp(),
        ValueError,
        ("mlp", "at least one width", "mlp(64, 10)"),
    ),
    Bad(
        "a negative dropout rate",
        lambda: jaxnet.dropout(-0.1),
        ValueError,
        ("dropout: rate", "at least 0", "-0.1"),
    ),
    Bad(
        "a dropout rate of one",
        lambda: jaxnet.dropout(1.0),
        ValueError,
        ("dropout: rate", "below 1", "1.0", "dropped"),
    ),
    Bad(
        "a dropout rate that is a string",
        lambda: jaxnet.dropout("half"),
        ValueError,
        ("dropout: rate", "a number", "'half'"),
    ),
    Bad(
        "dropout in training without a key",
        lambda: apply(jaxnet.sequential(jaxnet.dropout(0.5)), X, train=True),
        LayerError,
        ("dropout_1: ", "needs a key", "key=None", "jax.random.key(0)"),
    ),
    Bad(
        "batch_norm on one example",
        lambda: apply(jaxnet.batch_norm(), jnp.zeros((1, 3)), train=True),
        LayerError,
        ("batch_norm", "(1, 3)"),
    ),
    Bad(
        "a window that is an int",
        lambda: jaxnet.conv(8, 3),
        ValueError,
        ("window", "3", "(3, 3)"),
    ),
    Bad(
        "an unknown padding",
        lambda: jaxnet.conv(8, (3,), padding="SMAE"),
        ValueError,
        ("padding='SMAE'", "Did you mean 'SAME'?"),
    ),
    Bad(
        "groups that do not divide",
        lambda: jaxnet.conv(8, (3,), groups=3),
        ValueError,
        ("groups", "3", "8"),
    ),
    Bad(
        "ids that are floats",
        lambda: apply(jaxnet.embedding(10, 4), jnp.zeros((2, 3))),
        LayerError,
        ("embedding", "int", "float32"),
    ),
    Bad(
        "an activation of an activation",
        lambda: jaxnet.activation(jaxnet.relu),
        TypeError,
        ("activation", "relu", "as it is"),
    ),
]

LOSSES_AND_OPTIMIZERS = [
    Bad(
        "a column against a vector",
        lambda: jaxnet.mean_squared_error(jnp.zeros((4, 1)), jnp.zeros(4)),
        ValueError,
        ("targets", "(4, 1)", "(4,)", "targets[..., None]"),
    ),
    Bad(
        "labels as a column",
        lambda: jaxnet.softmax_cross_entropy(jnp.zeros((4, 3)), jnp.zeros((4, 1), int)),
        ValueError,
        ("labels", "(4,)", "(4, 1)", "labels[..., 0]"),
    ),
    Bad(
        "labels that are floats",
        lambda: jaxnet.softmax_cross_entropy(jnp.zeros((4, 3)), jnp.zeros(4)),
        ValueError,
        ("labels", "integers", "float32", "astype(int)"),
    ),
    Bad(
        "weights of another length",
        lambda: jaxnet.mean_squared_error(jnp.zeros(4), jnp.zeros(4), jnp.ones(3)),
        ValueError,
        ("weights", "(4,)", "(3,)"),
    ),
    Bad(
        "label smoothing above one",
        lambda: jaxnet.softmax_cross_entropy(
            jnp.zeros((2, 3)), jnp.zeros(2, int), label_smoothing=1.5
        ),
        ValueError,
        ("label_smoothing", "below 1", "1.5"),
    ),
    Bad(
        "an optimizer that is misspelt",
        lambda: jaxnet.optimizer("adamW", 0.1),
        ValueError,
        ("optimizer='adamW'", "Did you mean 'adamw'?"),
    ),
    Bad(
        "a hyperparameter of another rule",
        lambda: jaxnet.optimizer("momentum", 0.1, momentun=0.9),
        ValueError,
        ("momentun", "Did you mean 'momentum'?"),
    ),
    Bad(
        "a negative learning rate",
        lambda: jaxnet.optimizer("sgd", -0.1),
        ValueError,
        ("learning_rate", "at least 0", "-0.1"),
    ),
    Bad(
        "a momentum of one",
        lambda: jaxnet.optimizer("momentum", 0.1, momentum=1.0),
        ValueError,
        ("momentum", "below 1", "1.0"),
    ),
    Bad(
        "freezing what is not there",
        lambda: jaxnet.optimizer("sgd", 0.1, freeze="encoder/*").init(
            {"dense_1": {"kernel": jnp.ones(1)}}
        ),
        ValueError,
        ("freeze='encoder/*'", "dense_1/kernel"),
    ),
    Bad(
        "a penalty on what is not there",
        lambda: jaxnet.regularization.l2(0.1, "*weight")({"kernel": jnp.ones(1)}),
        ValueError,
        ("'*weight'", "['kernel']"),
    ),
    Bad(
        "a negative penalty",
        lambda: jaxnet.regularization.l1(-1.0),
        ValueError,
        ("strength", "at least 0", "-1.0"),
    ),
]

DATA = [
    Bad("no data", lambda: fit(()), ValueError, ("train", "(x, y)", "tuple of 0")),
    Bad("x alone", lambda: fit(X), ValueError, ("train", "(x, y)", "ndarray")),
    Bad(
        "empty arrays",
        lambda: fit((X[:0], Y[:0])),
        ValueError,
        ("train", "no rows"),
    ),
    Bad(
        "arrays of different length",
        lambda: fit((X, Y[:5])),
        ValueError,
        ("[8, 5]", "leading axis"),
    ),
    Bad(
        "a list of numbers",
        lambda: fit(([[1.0]] * 8, Y)),
        ValueError,
        ("1.0", "numpy.asarray"),
    ),
    Bad(
        "a NaN in x",
        lambda: fit((with_value(X, (2, 1), np.nan), Y)),
        ValueError,
        ("train: x", "1 values", "x[2, 1]=nan", "impute"),
    ),
    Bad(
        "an infinity in the validation set",
        lambda: fit((X, Y), (X, with_value(Y, (3, 0), np.inf))),
        ValueError,
        ("validation: y", "y[3, 0]=inf"),
    ),
    Bad(
        "text",
        lambda: fit((np.array(["a"] * 8), Y)),
        ValueError,
        ("train: x", "numbers", "<U1"),
    ),
    Bad(
        "weights that are all zero",
        lambda: fit((X, Y, np.zeros(8))),
        ValueError,
        ("weights", "not all 0", "0 to 0"),
    ),
    Bad(
        "weights below zero",
        lambda: fit((X, Y, np.linspace(-1, 1, 8))),
        ValueError,
        ("weights", "at least 0", "-1"),
    ),
    Bad(
        "weights as a column",
        lambda: fit((X, Y, np.ones((8, 1)))),
        ValueError,
        ("weights", "(8,)", "(8, 1)"),
    ),
    Bad(
        "a batch larger than the data",
        lambda: fit_with(batch_size=9),
        ValueError,
        ("batch_size=9", "8 examples", "at most 8"),
    ),
    Bad(
        "a label out of range",
        lambda: fit((X, LABELS + 1), build=classify),
        ValueError,
        ("2 of 8 labels", "[0, 4)", "labels[3]=4", "counting from 1"),
    ),
    Bad(
        "labels as a column in fit",
        lambda: fit((X, LABELS[:, None]), build=classify),
        ValueError,
        ("labels", "(4, 1)", "labels[..., 0]"),
    ),
    Bad(
        "fractions that do not add up",
        lambda: jaxnet.split(X, key(), (0.5, 0.3)),
        ValueError,
        ("fractions", "0.8", "add up to 1"),
    ),
    Bad(
        "a fraction below zero",
        lambda: jaxnet.split(X, key(), (1.5, -0.5)),
        ValueError,
        ("fraction", "above 0", "-0.5"),
    ),
    Bad(
        "a part without examples",
        lambda: jaxnet.split(X, key(), (0.99, 0.01)),
        ValueError,
        ("part 1 of 2 is empty", "8 examples"),
    ),
    Bad(
        "a stratification of another length",
        lambda: jaxnet.split(X, key(), (0.5, 0.5), stratify=LABELS[:3]),
        ValueError,
        ("stratify", "8 examples", "(3,)"),
    ),
    Bad(
        "a training set with a NaN to standardize",
        lambda: jaxnet.standardizer_of(with_value(X, (0, 0), np.nan)),
        ValueError,
        ("1 values", "not finite"),
    ),
    Bad(
        "an iterator for a stream",
        lambda: jaxnet.data.stream_batches(iter([(X, Y)])),
        TypeError,
        ("iterator", "empty after one epoch", "a list"),
    ),
    Bad(
        "a stream without batches",
        lambda: fit(jaxnet.data.stream_batches([])),
        ValueError,
        ("train", "no batch"),
    ),
]

RUNS = [
    Bad("an int for a key", lambda: fit(key=0), TypeError, ("key", "got 0", "key(0)")),
    Bad(
        "a key of the old style",
        lambda: fit(key=jnp.zeros(2, jnp.uint32)),
        TypeError,
        ("key", "typed key", "jax.random.key(0)"),
    ),
    Bad(
        "several keys",
        lambda: fit(key=jax.random.split(key(), 3)),
        TypeError,
        ("single key", "got 3", "keys[0]"),
    ),
    Bad("no epochs", lambda: fit(epochs=0), ValueError, ("epochs", "at least 1", "0")),
    Bad("blocks of half", lambda: fit(every=0.5), ValueError, ("every", "0.5")),
    Bad(
        "a build that forgets to return",
        lambda: fit(build=lambda h: None),
        TypeError,
        ("jaxnet.Task", "NoneType", "return"),
    ),
    Bad(
        "an optimizer by name alone",
        lambda: fit_with(optimizer="adam"),
        TypeError,
        ("optimizer", "'adam'", "jaxnet.optimizer"),
    ),
    Bad(
        "a model that is a function",
        lambda: fit_with(model=jnp.tanh),
        TypeError,
        ("model", "Layer", "tanh"),
    ),
    Bad(
        "a loss that is a string",
        lambda: fit_with(loss="mse"),
        TypeError,
        ("loss", "'mse'", "mean_squared_error"),
    ),
    Bad(
        "a loss that is not a mean",
        lambda: fit_with(loss=lambda outputs, targets: (outputs - targets) ** 2),
        ValueError,
        ("loss", "scalar", "(4, 1)", "mean"),
    ),
    Bad(
        "a batch size of zero",
        lambda: fit_with(batch_size=0),
        ValueError,
        ("batch_size", "at least 1", "0"),
    ),
    Bad(
        "a learning rate that is NaN",
        lambda: fit(hypers={"learning_rate": float("nan")}),
        ValueError,
        ("learning_rate", "finite", "nan"),
    ),
    Bad(
        "a hyperparameter that is a list",
        lambda: fit(hypers=HYPERS | {"widths": [8, 8]}),
        ValueError,
        ("widths=[8, 8]", "hashable", "tuple"),
    ),
    Bad(
        "a hyperparameter that is missing",
        lambda: fit(hypers={"width": 3, "learning_rat": 0.1}),
        KeyError,
        ("'learning_rate'", "['learning_rat', 'width']", "Did you mean"),
    ),
    Bad(
        "a width as a float hyperparameter",
        lambda: fit(hypers=HYPERS | {"width": 3.0}),
        ValueError,
        ("features", "3.0", "Python int"),
    ),
    Bad(
        "early stopping on what is not measured",
        lambda: fit(early_stopping=jaxnet.EarlyStopping()),
        ValueError,
        ("monitor='validation_loss'", "train_loss"),
    ),
    Bad(
        "patience of zero",
        lambda: fit(early_stopping=jaxnet.EarlyStopping(patience=0)),
        ValueError,
        ("patience", "at least 1", "0"),
    ),
]

MISTAKES = [*LAYERS, *LOSSES_AND_OPTIMIZERS, *DATA, *RUNS]


@pytest.mark.parametrize("bad", MISTAKES, ids=lambda bad: bad.name)
def test_a_mistake_is_explained(bad):
    with pytest.raises(bad.error) as caught:
        bad.call()
    message = str(caught.value)
    for part in bad.says:
        assert part in message, message
    # A sentence or two: not a dump.
    assert len(message) < 400


def test_there_are_at_least_forty_of_them():
    assert len({bad.name for bad in MISTAKES}) >= 40
