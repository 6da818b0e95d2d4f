"""Reads YAML files, with a bound on what aliases may add: a few lines can stand for gigabytes.

A key that stands twice in a mapping is an error in `read_yaml`: only its last value would count.
"""

from pathlib import Path
from typing import Any

import yaml

# What all aliases of a file may add, in values and in characters of text.
MOST_VALUES = 100_000
MOST_TEXT = 1_000_000


class AliasError(yaml.YAMLError):
    """Aliases add too much, or a value holds itself."""


class TwinError(yaml.YAMLError):
    """A mapping holds a key twice."""


def read_yaml(path: Path) -> Any:
    """The value that a YAML file holds; only plain types are made.

    Raises: as `read_yaml_with_node`, and TwinError.
    """
    return read_yaml_with_node(path, twins=False)[0]


def read_yaml_with_node(path: Path, *, twins: bool = True) -> tuple[Any, yaml.Node | None]:
    """The value that a YAML file holds, and the tree that it was made from, with its lines.

    Args:
        twins: whether a mapping may hold a key twice; for callers that look for that themselves.

    Raises: OSError, UnicodeDecodeError, and yaml.YAMLError for what is no YAML, for nesting that is
        too deep and for aliases that add more than `MOST_VALUES` values or `MOST_TEXT` characters.
    """
    loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
    try:
        node = loader.get_single_node()
        if node is None:
            return None, None
        _check_aliases(node)
        if not twins:  # before the value is made, which writes merged keys into the tree
            _refuse_twins(node)
        return loader.construct_document(node), node
    except RecursionError as error:
        raise yaml.YAMLError("nested too deeply") from error
    except ValueError as error:  # a date or a number that looks like one and is none
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


def _check_aliases(root: yaml.Node) -> None:
    """Compares the size of the file as written with its size when each alias is written out."""
    sizes: dict[int, tuple[int, int]] = {}
    values, text = _size(root, sizes, set())
    written = [_own(node) for node in _nodes(root)]
    values -= len(written)
    text -= sum(written)
    if values > MOST_VALUES or text > MOST_TEXT:
        raise AliasError(
            f"its aliases stand for {values} values and {text} characters, "
            f"of at most {MOST_VALUES} and {MOST_TEXT}"
        )


def _refuse_twins(root: yaml.Node) -> None:
    for mapping in _nodes(root):
        first: dict[str, int] = {}
        for key, _ in mapping.value if isinstance(mapping, yaml.MappingNode) else ():
            line, name = key.start_mark.line + 1, str(key.value)
            if name in first:
                raise TwinError(f"line {line}: key {name!r} again, first in line {first[name]}")
            first[name] = line


def _size(node: yaml.Node, sizes: dict[int, tuple[int, int]], above: set[int]) -> tuple[int, int]:
    """Values and characters of a node, aliases written out; each node is counted once."""
    if id(node) in above:
        raise AliasError(f"a value holds itself, line {node.start_mark.line + 1}")
    if id(node) not in sizes:
        above.add(id(node))
        values, text = 1, _own(node)
        for child in _children(node):
            more_values, more_text = _size(child, sizes, above)
            values, text = values + more_values, text + more_text
        above.discard(id(node))
        sizes[id(node)] = values, text
    return sizes[id(node)]


def _nodes(root: yaml.Node) -> list[yaml.Node]:
    """Every node as written, once."""
    found, seen, todo = [], set(), [root]
    while todo:
        node = todo.pop()
        if id(node) not in seen:
            seen.add(id(node))
            found.append(node)
            todo += _children(node)
    return found


def _own(node: yaml.Node) -> int:
    return len(node.value) if isinstance(node, yaml.ScalarNode) else 0


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
