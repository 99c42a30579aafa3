"""The layers for images and sequences, and the two normalizations."""

from cases.layers import LayerCase, normal
from jaxnet.initializers import he_normal
from jaxnet.layers.activations import relu
from jaxnet.layers.combining import residual, sequential
from jaxnet.layers.convolution import conv
from jaxnet.layers.dense import dense
from jaxnet.layers.normalization import batch_norm, layer_norm
from jaxnet.layers.pooling import (
    average_pool,
    flatten,
    global_average_pool,
    global_max_pool,
    max_pool,
)

# Height and width differ everywhere: equal ones would hide swapped axes.
CONVOLUTION = [
    LayerCase("conv of images", lambda h: conv(4, (3, 3)), normal(2, 6, 5, 3)),
    LayerCase("conv of sequences", lambda h: conv(4, (3,)), normal(2, 7, 3)),
    LayerCase(
        "conv with a stride",
        lambda h: conv(4, (3, 2), stride=(2, 3)),
        normal(2, 7, 8, 3),
    ),
    LayerCase(
        "conv with dilation",
        lambda h: conv(2, (3,), dilation=3, padding="VALID"),
        normal(2, 9, 3),
    ),
    LayerCase(
        "conv with groups and padding",
        lambda h: conv(6, (2, 3), groups=2, padding=((0, 1), 2)),
        normal(2, 5, 4, 4),
    ),
    LayerCase(
        "depthwise conv without bias",
        lambda h: conv(3, (3, 3), groups=3, stride=2, dilation=2, bias=False),
        normal(2, 7, 6, 3),
    ),
    LayerCase(
        "conv of videos", lambda h: conv(2, (2, 2), padding=1), normal(2, 3, 4, 5, 2)
    ),
    LayerCase(
        "conv with a bias that is drawn",
        lambda h: conv(4, (1,), bias_init=he_normal),
        normal(3, 5, 2),
    ),
]

POOLING = [
    *(
        LayerCase(f"{pool.__name__} {name}", make, x)
        for pool in (max_pool, average_pool)
        for name, make, x in (
            ("of images", lambda h, p=pool: p((2, 3)), normal(2, 5, 7, 3)),
            ("of sequences", lambda h, p=pool: p((2,)), normal(3, 6, 2)),
            (
                "that overlaps",
                lambda h, p=pool: p((3, 2), stride=(1, 2), padding=(1, (0, 1))),
                normal(2, 5, 7, 3),
            ),
            (
                "of same size",
                lambda h, p=pool: p((3,), stride=1, padding="SAME"),
                normal(2, 5, 3),
            ),
            ("of videos", lambda h, p=pool: p((2, 2), stride=1), normal(2, 2, 3, 4, 1)),
        )
    ),
    LayerCase("global_average_pool", lambda h: global_average_pool, normal(2, 3, 4, 5)),
    LayerCase("global_max_pool", lambda h: global_max_pool, normal(2, 6, 5)),
    LayerCase("flatten", lambda h: flatten, normal(2, 3, 4, 5)),
]

NORMALIZATION = [
    *(
        LayerCase(
            f"batch_norm of {what}",
            lambda h: batch_norm(decay=h["decay"], epsilon=h["epsilon"]),
            x,
            {"decay": 0.8, "epsilon": 1e-3},
        )
        for what, x in (
            ("rows", normal(6, 3)),
            ("sequences", normal(3, 4, 2)),
            ("images", normal(2, 4, 3, 5)),
        )
    ),
    *(
        LayerCase(
            f"layer_norm of {what}",
            lambda h: layer_norm(epsilon=h["epsilon"]),
            x,
            {"epsilon": 1e-3},
        )
        for what, x in (("rows", normal(4, 5)), ("sequences", normal(2, 4, 3)))
    ),
]

SPATIAL = [
    *CONVOLUTION,
    *POOLING,
    *NORMALIZATION,
    LayerCase(
        "small convolutional net",
        lambda h: sequential(
            conv(4, (3, 3), bias=False),
            batch_norm(decay=h["decay"]),
            relu,
            residual(sequential(conv(4, (3, 3), bias=False), batch_norm(), relu)),
            max_pool((2, 2)),
            global_average_pool,
            head=dense(3),
        ),
        normal(3, 6, 5, 2),
        {"decay": 0.8},
    ),
]
