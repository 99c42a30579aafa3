"""All layers in one list."""

from cases.layers import CORE, LayerCase
from cases.layers_sequence import SEQUENCE
from cases.layers_spatial import SPATIAL

LAYERS: list[LayerCase] = [*CORE, *SPATIAL, *SEQUENCE]
