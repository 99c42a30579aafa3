"""Where the pixels of a moved image come from, and the one warp that fetches them.

A map is a 3 x 3 matrix for each image. It takes the place of a pixel in the new image
to its place in the old one, both as ``(row, column, 1)`` in pixels from the center of
the image:

    old = map @ new

so that maps are composed by their product before any pixel is fetched, and an image is
interpolated once however many of them there are. With a strength of 0 each is the unit
matrix, without any rounding.
"""

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float

Strength = float | Float[Array, ""]
"""How far an augmentation goes; it may be traced. 0 leaves all as it is."""

Draws = Float[Array, "2 batch"]
"""Two numbers for each image, uniform from -1 to 1."""

Maps = Float[Array, "3 3 batch"]
"""The images are on the last axis, where products of them all are fast."""

Shape = tuple[int, ...]
"""That of the images: (batch, height, width), or with channels behind."""


def translations(draws: Draws, shape: Shape, strength: Strength) -> Maps:
    """Moves by up to ``strength`` pixels, up or down and left or right."""
    del shape
    down, right = strength * draws
    zero, one = jnp.zeros_like(down), jnp.ones_like(down)
    # What goes down comes from above.
    return _maps(((one, zero), (zero, one)), (-down, -right))


def rotations(draws: Draws, shape: Shape, strength: Strength) -> Maps:
    """Turns about the center by up to ``strength`` degrees, to either side."""
    del shape
    angle = jnp.deg2rad(strength * draws[0])
    cos, sin, zero = jnp.cos(angle), jnp.sin(angle), jnp.zeros_like(angle)
    return _maps(((cos, sin), (-sin, cos)), (zero, zero))


def reflections(draws: Draws, shape: Shape, strength: Strength) -> Maps:
    """Exchanges left and right, with the probability ``strength``."""
    del shape
    side = jnp.where(draws[0] < 2.0 * strength - 1.0, -1.0, 1.0)
    zero, one = jnp.zeros_like(side), jnp.ones_like(side)
    return _maps(((one, zero), (zero, side)), (zero, zero))


def scalings(draws: Draws, shape: Shape, strength: Strength) -> Maps:
    """Makes all of it larger or smaller, by a factor of up to ``1 + strength``.

    The factor's logarithm is uniform, so that both are as likely.
    """
    del shape
    shrink = jnp.exp(-jnp.log1p(strength) * draws[0])
    zero = jnp.zeros_like(shrink)
    return _maps(((shrink, zero), (zero, shrink)), (zero, zero))


def crops(draws: Draws, shape: Shape, strength: Strength) -> Maps:
    """Cuts off a share ``strength`` of both sides, and enlarges what is left.

    The window is inside the image, at a place drawn at random.
    """
    down, right = 0.5 * strength * draws
    kept, zero = jnp.full_like(down, 1.0 - strength), jnp.zeros_like(down)
    offsets = (shape[1] * down, shape[2] * right)
    return _maps(((kept, zero), (zero, kept)), offsets)


def compose(first: Maps, second: Maps) -> Maps:
    """The maps that do what ``first`` does to an image, and then ``second``."""
    return (first[:, :, None] * second[None]).sum(axis=1)


def warp(
    images: Float[Array, "batch height width *channels"],
    maps: Maps,
    nearest: Strength = 0.0,
) -> Float[Array, "batch height width *channels"]:
    """Fetches every pixel from its old place.

    Args:
      images: what is outside of them is 0.
      maps: one for each image.
      nearest: 0 to interpolate linearly between the four pixels around the old place
        (order 1); above 0 to take the nearest (order 0). It may be traced.
    """
    height, width = images.shape[1:3]
    centers = (height - 1) / 2, (width - 1) / 2
    row, column = jnp.meshgrid(
        *(jnp.arange(n) - c for n, c in zip((height, width), centers, strict=True)),
        indexing="ij",
    )

    def one(
        image: Float[Array, "height width channels"], matrix: Float[Array, "3 3"]
    ) -> Float[Array, "height width channels"]:
        places = [
            matrix[i, 0] * row + matrix[i, 1] * column + (matrix[i, 2] + centers[i])
            for i in range(2)
        ]
        places = [jnp.where(nearest > 0, jnp.floor(p + 0.5), p) for p in places]
        fetch = jax.vmap(
            lambda pixels: map_coordinates(pixels, places, order=1), -1, -1
        )
        return fetch(image)

    deep = images.reshape(*images.shape[:3], -1)
    # Else they would be computed again for each pixel.
    maps = jax.lax.optimization_barrier(maps)
    return jax.vmap(one, (0, 2))(deep, maps).reshape(images.shape)


def _maps(
    matrix: tuple[tuple[Array, Array], tuple[Array, Array]],
    offset: tuple[Array, Array],
) -> Maps:
    zero, one = jnp.zeros_like(offset[0]), jnp.ones_like(offset[0])
    rows = [(*matrix[i], offset[i]) for i in range(2)] + [(zero, zero, one)]
    return jnp.stack([jnp.stack(row) for row in rows])
