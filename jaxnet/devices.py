"""Devices: which to use, and how arrays get onto them and back.

All is the same with one process as with many, of which each has a part of the
devices (``jax.distributed``).
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxnet.checks import check_int
from jaxnet.types import Device

AXIS = "devices"
"""The axis of every mesh."""


def devices_of(devices: int | Sequence[Device] | None) -> list[Device]:
    """The devices that were asked for.

    Args:
      devices: themselves; or how many; None for all, those of other processes
        included.

    Raises:
      ValueError: if there are fewer, or with several processes not all are used.
    """
    there = jax.devices()
    if devices is None:
        return there
    if not isinstance(devices, int):
        return list(devices)
    check_int("devices", devices)
    if devices > len(there):
        raise ValueError(
            f"devices={devices} are more than the {len(there)} there are. A CPU is as "
            "many as jax.config.update('jax_num_cpu_devices', n) says before JAX "
            "starts."
        )
    if jax.process_count() > 1 and devices != len(there):
        raise ValueError(
            f"devices={devices} leaves out some of the {len(there)} devices of "
            f"{jax.process_count()} processes. Leave devices out, to use all."
        )
    return there[:devices]


def mesh_of(devices: Sequence[Device]) -> Mesh:
    """The devices on one axis."""
    return Mesh(np.array(devices), (AXIS,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh) -> NamedSharding:
    """The leading axis dealt out to the devices."""
    return NamedSharding(mesh, PartitionSpec(AXIS))


def put(tree: Any, sharding: NamedSharding) -> Any:
    """Arrays on the devices, where each process has the whole of them.

    Args:
      tree: of arrays that are the same in all processes; typed keys as well.
      sharding: for every leaf.
    """
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)

    def one(leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array):
            if leaf.sharding.is_equivalent_to(sharding, leaf.ndim):
                return leaf
            if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                kind = jax.random.key_impl(leaf)
                return jax.random.wrap_key_data(
                    one(jax.random.key_data(leaf)), impl=kind
                )
        whole = to_host(leaf)
        return jax.make_array_from_callback(whole.shape, sharding, lambda i: whole[i])

    return jax.tree.map(one, tree)


def to_host(tree: Any) -> Any:
    """NumPy arrays of the whole, in every process; all processes have to call it."""
    tree = jax.tree.map(_gathered, tree)
    return jax.device_get(tree)


def nearest(devices: Sequence[Device]) -> Device:
    """The first of the devices that this process has."""
    return next(one for one in devices if one.process_index == jax.process_index())


def largest(value: float) -> float:
    """The largest that any process has; all processes have to call it."""
    if jax.process_count() == 1:
        return value
    from jax.experimental.multihost_utils import process_allgather

    return float(np.max(process_allgather(np.float32(value))))


def is_leader() -> bool:
    """Whether this is the process that writes and shows things."""
    return jax.process_index() == 0


def _gathered(leaf: Any) -> Any:
    if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
        return leaf
    if leaf.is_fully_replicated:
        return leaf.addressable_data(0)
    from jax.experimental.multihost_utils import process_allgather

    return process_allgather(leaf, tiled=True)
