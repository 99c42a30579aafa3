"""jaxnet: small neural networks as pure functions of explicit parameters.

What is used most is here by name. The rest is in its module: more layers in
``jaxnet.layers``, losses in ``jaxnet.losses``, penalties in
``jaxnet.regularization``, learning-rate schedules in ``jaxnet.schedules``, data that
are streamed in ``jaxnet.data``, samplers and plans of sweeps in ``jaxnet.search``.
"""

from jaxnet import (
    autograd,
    data,
    initializers,
    layers,
    losses,
    metrics,
    regularization,
    schedules,
    search,
)
from jaxnet.callbacks import tensorboard
from jaxnet.checkpoint.keeping import Checkpoints
from jaxnet.data import split, standardizer_of
from jaxnet.fitted import Fit
from jaxnet.fitting import fit
from jaxnet.layers import (
    Layer,
    activation,
    batch_norm,
    conv,
    dense,
    dropout,
    embedding,
    flatten,
    from_linen,
    from_nnx,
    layer_norm,
    lstm,
    max_pool,
    mlp,
    relu,
    residual,
    sequential,
    sigmoid,
    tanh,
)
from jaxnet.losses import (
    binary_cross_entropy,
    mean_squared_error,
    softmax_cross_entropy,
)
from jaxnet.metrics import accuracy
from jaxnet.optimizers import optimizer
from jaxnet.search import (
    Halving,
    choice,
    integers,
    log_integers,
    log_uniform,
    sweep,
    uniform,
)
from jaxnet.stopping import EarlyStopping
from jaxnet.training import Task, supervised

__all__ = [
    "Checkpoints",
    "EarlyStopping",
    "Fit",
    "Halving",
    "Layer",
    "Task",
    "accuracy",
    "activation",
    "autograd",
    "batch_norm",
    "binary_cross_entropy",
    "choice",
    "conv",
    "data",
    "dense",
    "dropout",
    "embedding",
    "fit",
    "flatten",
    "from_linen",
    "from_nnx",
    "initializers",
    "integers",
    "layer_norm",
    "layers",
    "log_integers",
    "log_uniform",
    "losses",
    "lstm",
    "max_pool",
    "mean_squared_error",
    "metrics",
    "mlp",
    "optimizer",
    "regularization",
    "relu",
    "residual",
    "schedules",
    "search",
    "sequential",
    "sigmoid",
    "softmax_cross_entropy",
    "split",
    "standardizer_of",
    "supervised",
    "sweep",
    "tanh",
    "tensorboard",
    "uniform",
]
