"""Reading a corpus from a path: a file, a folder of files, or the archive's tree.

parts = read_path(Path("20newsgroups"))   # {"train": ..., "test": ...}
"""

import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from experiments.newsgroups.readers import SUFFIXES, NamedPosts, join, read_file

_NOT_DATA = ("dataset_dict.json", "dataset_info.json", "state.json")
"""What ``datasets`` writes beside the data."""

_LAYOUTS = (
    f"files that end in {', '.join(SUFFIXES)}, or one folder for each group with one "
    "file for each post"
)


def read_path(path: Path) -> dict[str, NamedPosts]:
    """The posts of a file or folder, by part.

    Args:
      path: a file; a folder of files, those of a split with train and test in their
        names; or a tree of one folder for each group and one file for each post, in
        Latin-1. Folders for train and test may hold either.

    Returns:
      "train" and "test"; "train" alone; or "all", where no name says which it is.

    Raises:
      ValueError: if there is nothing, or no such thing, or a file that cannot be
        read.
    """
    if not os.path.exists(path):  # Path.exists raises if a name is too long.
        raise ValueError(f"There is no file or folder {str(path)!r}.{nearest(path)}")
    path = Path(os.path.abspath(path))  # So that "." has a name too.
    if not path.is_dir():
        return {"all": read_file(path)}
    files, folders = _files(path), _folders(path)
    if not files and len(folders) == 1:  # As archives have it.
        return read_path(folders[0])
    train, test = _parts(files)
    if test and not train:
        raise ValueError(
            f"{path.name} has {test[0].name} but no file with train in its name."
        )
    if train:
        parts = {"train": train, "test": test}
        return {part: _read_files(some) for part, some in parts.items() if some}
    train, test = _parts(folders)
    if not files and train and test:
        return {"train": _read_folders(train), "test": _read_folders(test)}
    return {"all": _read_folders([path])}


def nearest(path: Path) -> str:
    """A hint at what is there in place of a path that is not, or no text."""
    while not os.path.exists(path.parent):
        path = path.parent
    names = [entry.name for entry in _entries(path.parent)]
    near = difflib.get_close_matches(path.name, names, n=1)
    return f" Did you mean {str(path.parent / near[0])!r}?" if near else ""


def _parts(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Those for training and those for testing, by a word in their names."""
    train, test = (
        [path for path in paths if re.search(rf"(?<![a-z]){word}", path.name.lower())]
        for word in ("train", "test")
    )
    return train, test


def _entries(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, in a fixed order."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise ValueError(f"{str(folder)!r} cannot be read: {error.strerror}.") from None
    return [entry for entry in entries if not entry.name.startswith(".")]


def _files(folder: Path) -> list[Path]:
    return [
        entry
        for entry in _entries(folder)
        if entry.suffix.lower() in SUFFIXES
        and entry.name not in _NOT_DATA
        and entry.is_file()
    ]


def _folders(folder: Path) -> list[Path]:
    return [entry for entry in _entries(folder) if entry.is_dir()]


def _read_folders(folders: Sequence[Path]) -> NamedPosts:
    return join(
        _read_files(files) if (files := _files(folder)) else _read_tree(folder)
        for folder in folders
    )


def _read_files(files: Sequence[Path]) -> NamedPosts:
    formats = {file.suffix.lower() for file in files}
    if len(formats) > 1:
        raise ValueError(
            f"{[file.name for file in files]} have different formats, so some may be "
            f"copies of others. Leave those of one format in {files[0].parent.name}."
        )
    return join(map(read_file, files))


def _read_tree(root: Path) -> NamedPosts:
    """The layout of the original archive."""
    texts, names = [], []
    for group in _folders(root):
        posts = [entry for entry in _entries(group) if entry.is_file()]
        others = {"folders": _folders(group), "data files": _files(group)}
        found = next((kind for kind, some in others.items() if some), "no posts")
        if not posts or any(others.values()):
            raise ValueError(
                f"{root.name}/{group.name} should be the folder of a group, but has "
                f"{found} in it. A corpus has {_LAYOUTS}."
            )
        try:
            # Bytes, since text would have its carriage returns turned into newlines.
            texts += [post.read_bytes().decode("latin-1") for post in posts]
        except OSError as error:
            raise ValueError(f"A post cannot be read: {error}.") from None
        names += [group.name] * len(posts)
    if not texts:
        raise ValueError(
            f"The folder {root.name!r} has no posts. A corpus has {_LAYOUTS}."
        )
    return NamedPosts(texts, names)
