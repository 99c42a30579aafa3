"""Reading a corpus from the Hugging Face hub, or soon saying why not."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from experiments.newsgroups.readers import NamedPosts, from_table, wanted

_PATIENCE = 2.0
"""Seconds until the hub counts as out of reach."""


def read_hub(hub_id: str) -> dict[str, NamedPosts]:
    """The posts of a data set on the hub, by part.

    Out of reach of the hub this uses what an earlier call has left in the cache of
    ``datasets``. By itself ``datasets`` would look there too, after 24 s.

    Args:
      hub_id: of the data set, "owner/name".

    Returns:
      "train" and "test", or "all" if there is but one split.

    Raises:
      ValueError: if it cannot be had, with the reason, or has not the columns.
    """
    try:
        from huggingface_hub import HfApi

        answer = _ask(HfApi(), hub_id)
        # Takes a second, while the hub answers.
        import datasets
    except ImportError as error:
        raise ValueError(
            f"{error}: the package datasets is needed for this (pip install datasets)."
        ) from None
    problem = answer()
    try:
        with _offline(datasets, problem is not None):
            splits: Any = datasets.load_dataset(hub_id)
    except Exception as error:  # Of a dozen kinds, from three packages.
        raise ValueError(problem or _summary(error)) from None
    names = [name for name in ("train", "test") if name in splits]
    if len(splits) == 1:
        parts = dict(zip(["all"], splits, strict=True))
    elif "train" in splits:
        parts = dict(zip(names, names, strict=True))
    else:
        raise ValueError(f"{hub_id} should have a split train; it has {list(splits)}.")
    return {part: _posts(splits[name], hub_id) for part, name in parts.items()}


def _posts(split: Any, hub_id: str) -> NamedPosts:
    split = split.select_columns(wanted(split.column_names, hub_id))
    table = split.with_format("arrow")[:]
    metadata = split.features.arrow_schema.metadata  # The names of labels.
    return from_table(table.replace_schema_metadata(metadata), hub_id)


def _ask(api: Any, hub_id: str) -> Any:
    """Asks the hub for a data set, and returns a function that waits for the answer.

    That is None if the hub has it, or else a text that says what is wrong. The wait
    has a limit of its own, because looking up the hub's address has none.
    """
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            api.dataset_info(hub_id, timeout=_PATIENCE)
            answers.put(None)
        except Exception as error:
            answers.put(_summary(error))

    deadline = time.monotonic() + _PATIENCE
    # A daemon, so that the program can end before a late answer.
    threading.Thread(target=ask, daemon=True).start()

    def wait() -> str | None:
        try:
            return answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return f"no answer within {_PATIENCE:g} s"

    return wait


@contextmanager
def _offline(datasets: Any, offline: bool) -> Iterator[None]:
    """Has ``datasets`` look into its cache alone, without trying to connect."""
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _summary(error: Exception) -> str:
    """An error of another package in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
