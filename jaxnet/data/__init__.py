"""Data: splitting, standardizing, checking, batching and streaming."""

from jaxnet.data.checking import check_data, check_labels
from jaxnet.data.splitting import split
from jaxnet.data.standardizing import Standardizer, standardizer_of
from jaxnet.data.streaming import Stream, stream_arrays, stream_batches

__all__ = [
    "Standardizer",
    "Stream",
    "check_data",
    "check_labels",
    "split",
    "standardizer_of",
    "stream_arrays",
    "stream_batches",
]
