"""jaxnet: small neural networks as pure functions of explicit parameters.

What is used most is here by name. The rest is in its module: more layers in
``jaxnet.layers``, losses in ``jaxnet.losses``, penalties in
``jaxnet.regularization``, learning-rate schedules in ``jaxnet.schedules``.
"""

from jaxnet import (
    data,
    initializers,
    layers,
    losses,
    metrics,
    regularization,
    schedules,
)
from jaxnet.callbacks import tensorboard
from jaxnet.data import (
    check_data,
    split,
    standardizer_of,
    stream_arrays,
    stream_batches,
)
from jaxnet.fitting import Fit, fit
from jaxnet.layers import (
    Layer,
    activation,
    batch_norm,
    conv,
    dense,
    dropout,
    embedding,
    embedding_bag,
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
from jaxnet.stopping import EarlyStopping
from jaxnet.training import Task, supervised

__all__ = [
    "EarlyStopping",
    "Fit",
    "Layer",
    "Task",
    "accuracy",
    "activation",
    "batch_norm",
    "binary_cross_entropy",
    "check_data",
    "conv",
    "data",
    "dense",
    "dropout",
    "embedding",
    "embedding_bag",
    "fit",
    "flatten",
    "from_linen",
    "from_nnx",
    "initializers",
    "layer_norm",
    "layers",
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
    "sequential",
    "sigmoid",
    "softmax_cross_entropy",
    "split",
    "standardizer_of",
    "stream_arrays",
    "stream_batches",
    "supervised",
    "tanh",
    "tensorboard",
]
