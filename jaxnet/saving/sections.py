"""Several PyTrees in one file: the parameters, the model's state, a run's history.

The paths of the parameters are names as they are, those of the others have the
section's name in front. How the leaves hang together is in the metadata, so that a file
can be read without the code that made the model.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxnet.paths import Pattern, leaf_paths, map_with_path, matches
from jaxnet.saving.files import AnyPath
from jaxnet.saving.headers import Entry
from jaxnet.saving.leaves import Leaves, as_jax, leaves_of, read_leaves, write_leaves
from jaxnet.saving.structures import fill, structure_of

PREFIXES = {
    "params": "",
    "model_state": "model_state/",
    "history": "history/",
}
"""What stands in front of the paths of each section."""


class Section(NamedTuple):
    """A PyTree that was read.

    Attributes:
      tree: with JAX arrays for leaves.
      paths: of those leaves that are from the file, as they are named there.
    """

    tree: Any
    paths: list[str]


def write_sections(
    path: AnyPath, sections: Mapping[str, Any], record: Mapping[str, Any]
) -> Path:
    """Writes PyTrees of arrays, by section, and a record of JSON's types."""
    leaves: Leaves = {}
    trees: dict[str, Any] = {}
    for name, tree in sections.items():
        found = leaves_of(tree, PREFIXES[name])
        for leaf in found:
            if _section_of(leaf) != name:
                raise ValueError(
                    f"the parameter {leaf} has a name that files keep for other "
                    f"things: {_section_of(leaf)!r}. Give that part another name."
                )
        leaves |= found
        try:
            trees[name] = structure_of(tree)
        except ValueError:
            continue  # There are other nodes in it: whoever loads it needs `like`.
    write_leaves(path, leaves, {**record, "trees": trees})
    return Path(path)


def read_sections(
    path: AnyPath, templates: Mapping[str, Any], only: Pattern | None = None
) -> tuple[dict[str, Section], dict[str, Any]]:
    """Reads PyTrees from a file.

    Args:
      path: of the file.
      templates: by section, a PyTree to fill; None for the tree that was saved.
      only: takes those leaves of templates alone whose paths fit; None for all.

    Returns:
      The sections that templates have, and the record.

    Raises:
      ValueError: if the file is damaged or another kind of file, or its leaves are not
        those of the templates.
      OSError: if it cannot be opened.
    """

    def check(entries: Mapping[str, Entry]) -> None:
        problems = [
            problem
            for name, tree in templates.items()
            if tree is not None
            for problem in _differences(name, tree, entries, only)
        ]
        if problems:
            count = "1 leaf is" if len(problems) == 1 else f"{len(problems)} leaves are"
            raise ValueError(
                f"{count} not as due:\n  "
                + "\n  ".join(problems)
                + "\nTo load a part of it, say which with only=."
            )

    leaves, record = read_leaves(path, check)
    trees = record.get("trees")
    return {
        name: _read_tree(name, trees, leaves)
        if tree is None
        else _filled(name, tree, leaves, only)
        for name, tree in templates.items()
    }, record


def _section_of(path: str) -> str:
    top = path.split("/")[0]
    return top if top in PREFIXES and top != "params" else "params"


def _differences(
    name: str, tree: Any, entries: Mapping[str, Entry], only: Pattern | None
) -> list[str]:
    """What is wrong with the leaves of a section, one line each."""
    due: dict[str, Any] = {}
    map_with_path(lambda path, leaf: due.update({PREFIXES[name] + path: leaf}), tree)
    found = {path: one for path, one in entries.items() if _section_of(path) == name}
    problems = []
    for path in sorted(due.keys() | found.keys()):
        if not _is_wanted(path.removeprefix(PREFIXES[name]), only):
            continue
        if path not in found:
            problems.append(f"{path} is missing in the file")
        elif path not in due:
            problems.append(f"{path} is in the file, and the model has no such leaf")
        else:
            has, wants = _spelled(found[path]), _spelled(due[path])
            if has != wants:
                problems.append(f"{path} is {has} in the file and {wants} in the model")
    return problems


def _filled(name: str, tree: Any, leaves: Leaves, only: Pattern | None) -> Section:
    """A template with the leaves of the file, which are known to fit."""

    def choose(path: str, leaf: Any) -> Any:
        wanted = _is_wanted(path, only)
        return as_jax(leaves[PREFIXES[name] + path]) if wanted else leaf

    paths = [path for path in leaf_paths(tree) if _is_wanted(path, only)]
    return Section(map_with_path(choose, tree), [PREFIXES[name] + p for p in paths])


def _read_tree(name: str, trees: Any, leaves: Leaves) -> Section:
    """The tree that was saved, ``()`` if there was none."""
    paths = {path for path in leaves if _section_of(path) == name}
    if not isinstance(trees, Mapping) or name not in trees:
        if not paths:
            return Section((), [])
        raise ValueError(
            f"it cannot say how the leaves of its {name} hang together, since there "
            "was more in them than dicts, lists and tuples. Give a tree to fill."
        )
    used: list[str] = []

    def leaf(path: str) -> Any:
        used.append(PREFIXES[name] + path)
        if used[-1] not in paths:
            raise ValueError(f"its {name} should have a leaf {used[-1]}, and has none.")
        return as_jax(leaves[used[-1]])

    tree = fill(trees[name], leaf)
    if len(used) != len(paths):
        raise ValueError(f"its {name} has leaves that are not in the tree, or twice.")
    return Section(tree, used)


def _is_wanted(path: str, only: Pattern | None) -> bool:
    return only is None or matches(path, only)


def _spelled(leaf: Any) -> str:
    return f"{leaf.dtype} of shape {tuple(leaf.shape)}"
