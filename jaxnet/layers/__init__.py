"""Layers: pairs of pure functions; see `jaxnet.layers.core` for their rules."""
