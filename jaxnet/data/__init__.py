"""Data: splitting, standardizing, checking, batching and streaming."""
