"""Augmentations: pure functions ``(key, images, strength) -> images``.

    moved = translate(key, images, 1.0)
    changed = augment(key, images, {"translate": 1.0, "noise": 0.1})
    model = jaxnet.sequential(augmented({"rotate": 10.0}), jaxnet.flatten, ...)

Images are (batch, height, width), or with channels behind. Each image has its own
draw. A strength may be traced, and 0 leaves every image as it is.
"""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from experiments.augmentation.geometry import (
    Draws,
    Maps,
    Shape,
    Strength,
    compose,
    crops,
    reflections,
    rotations,
    scalings,
    translations,
    warp,
)
from jaxnet.checks import LayerError, check_names
from jaxnet.layers import Layer
from jaxnet.types import ArrayOrSpec, ModelState, Params, PRNGKey

Images = Float[Array, "batch height width *channels"]

Transform = Callable[[PRNGKey, Images, Strength], Images]


def translate(key: PRNGKey, images: Images, strength: Strength) -> Images:
    """Moves each image by up to ``strength`` pixels along both axes."""
    return warp(
        images, translations(_even(key, (2, len(images))), images.shape, strength)
    )


def rotate(key: PRNGKey, images: Images, strength: Strength) -> Images:
    """Turns each image by up to ``strength`` degrees to either side."""
    return warp(images, rotations(_even(key, (2, len(images))), images.shape, strength))


def reflect(key: PRNGKey, images: Images, strength: Strength) -> Images:
    """Exchanges left and right of each image with the probability ``strength``."""
    return warp(
        images, reflections(_even(key, (2, len(images))), images.shape, strength)
    )


def scale(key: PRNGKey, images: Images, strength: Strength) -> Images:
    """Makes each image larger or smaller, by a factor of up to ``1 + strength``."""
    return warp(images, scalings(_even(key, (2, len(images))), images.shape, strength))


def crop(key: PRNGKey, images: Images, strength: Strength) -> Images:
    """Cuts a share ``strength`` off both sides of each image, and enlarges the rest."""
    return warp(images, crops(_even(key, (2, len(images))), images.shape, strength))


def noise(key: PRNGKey, images: Images, strength: Strength) -> Images:
    """Adds Gaussian noise with the standard deviation ``strength`` to each pixel."""
    return _noisy(_even(key, (images.size,)), images, strength)


def occlude(key: PRNGKey, images: Images, strength: Strength) -> Images:
    """Makes a square 0 in each image, with sides of ``strength`` pixels.

    The side is rounded to whole pixels, and the square is all inside the image.

    References:
      DeVries and Taylor, *Improved Regularization of Convolutional Neural Networks
      with Cutout*, 2017; there a part of the square may be outside.
    """
    return _covered(_even(key, (2, len(images))), images, strength)


TRANSFORMS: dict[str, Transform] = {
    "translate": translate,
    "rotate": rotate,
    "reflect": reflect,
    "scale": scale,
    "crop": crop,
    "noise": noise,
    "occlude": occlude,
}
"""By name, in the order in which `augment` applies them."""

MAPS: dict[str, Callable[[Draws, Shape, Strength], Maps]] = {
    "translate": translations,
    "rotate": rotations,
    "reflect": reflections,
    "scale": scalings,
    "crop": crops,
}
"""Those that move pixels."""


def augment(
    key: PRNGKey,
    images: Images,
    strengths: Mapping[str, Strength],
    nearest: Strength = 0.0,
) -> Images:
    """Several augmentations, of which those that move pixels are one warp.

    Args:
      key: one for all. It draws other numbers than it does for a single one.
      images: what is outside of them is 0.
      strengths: by the names in `TRANSFORMS`.
      nearest: above 0 to take the nearest pixel in place of interpolation.
    """
    check_names("augmentation", strengths, TRANSFORMS)
    # All at once, since every call that draws is compiled by itself.
    count = len(TRANSFORMS) * 2 * len(images)
    flat = _even(key, (count + images.size,))
    each = flat[:count].reshape(len(TRANSFORMS), 2, len(images))
    draws = dict(zip(TRANSFORMS, each, strict=True))
    maps = None
    for name, of_draws in MAPS.items():
        if name in strengths:
            new = of_draws(draws[name], images.shape, strengths[name])
            maps = new if maps is None else compose(maps, new)
    if maps is not None:
        images = warp(images, maps, nearest)
    if "noise" in strengths:
        images = _noisy(flat[count:], images, strengths["noise"])
    if "occlude" in strengths:
        images = _covered(draws["occlude"], images, strengths["occlude"])
    return images


def augment_each(
    key: PRNGKey,
    images: Images,
    settings: Sequence[Mapping[str, float]],
    nearest: Sequence[float] | None = None,
) -> Float[Array, "settings batch height width *channels"]:
    """The images by every one of some settings, all with the same draws.

    Args:
      key: as for `augment`.
      images: likewise.
      settings: strengths by name; those that are left out are 0.
      nearest: for each setting, as for `augment`; 0 by default.
    """
    strengths = {
        name: jnp.array([setting.get(name, 0.0) for setting in settings])
        for name in TRANSFORMS
    }
    rounded = jnp.zeros(len(settings)) if nearest is None else jnp.array(nearest)
    each = jax.vmap(augment, in_axes=(None, None, 0, 0))
    return each(key, images, strengths, rounded)


def augmented(strengths: Mapping[str, Strength], nearest: Strength = 0.0) -> Layer:
    """A layer that augments its input in training, and else leaves it as it is.

    Args:
      strengths: by the names in `TRANSFORMS`. They may be traced, so that a sweep
        over them is one program.
      nearest: above 0 to take the nearest pixel in place of interpolation.

    Raises:
      ValueError: if there is no augmentation of a name.
      LayerError: when applied with ``train=True`` and no key.
    """
    check_names("augmentation", strengths, TRANSFORMS)

    def init(key: PRNGKey, x: ArrayOrSpec) -> tuple[Params, ModelState]:
        del key, x
        return (), ()

    def apply(
        params: Params,
        state: ModelState,
        x: Images,
        *,
        train: bool = False,
        key: PRNGKey | None = None,
    ) -> tuple[Images, ModelState]:
        del params
        if not train:
            return x, state
        if key is None:
            raise LayerError(
                "augmented draws at random in training: apply(..., train=True) needs a "
                "key, got key=None. Pass key=jax.random.key(0), or train=False to "
                "evaluate."
            )
        return augment(key, x, strengths, nearest), state

    return Layer(init, apply, "augmented")


def _even(key: PRNGKey, shape: tuple[int, ...]) -> Array:
    """Uniform from -1 to 1, without -1 itself, which no normal draw comes from."""
    low = np.nextafter(np.float32(-1.0), np.float32(0.0))
    return jax.random.uniform(key, shape, minval=low, maxval=1.0)


def _noisy(
    draws: Float[Array, " pixels"], images: Images, strength: Strength
) -> Images:
    normal = np.float32(np.sqrt(2.0)) * jax.lax.erf_inv(draws)
    return images + strength * normal.reshape(images.shape)


def _covered(draws: Draws, images: Images, strength: Strength) -> Images:
    batch, height, width = images.shape[:3]
    side = jnp.round(strength)
    inside = []
    for size, draw in zip((height, width), draws, strict=True):
        first = jnp.floor(0.5 * (draw + 1.0) * (size - side + 1.0))[:, None]
        cells = jnp.broadcast_to(jnp.arange(size), (batch, size))
        inside.append((cells >= first) & (cells < first + side))
    square = inside[0][:, :, None] & inside[1][:, None, :]
    square = square.reshape(batch, height, width, *[1] * (images.ndim - 3))
    return jnp.where(square, jnp.zeros_like(images), images)
