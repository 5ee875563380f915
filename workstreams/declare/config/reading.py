"""Reads YAML into plain data and the place of each value; builds no object and runs no tag."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from workstreams.declare.config.interpolation import MissingVariable, interpolate
from workstreams.declare.config.places import KeyPath, Place, Places, dotted
from workstreams.declare.config.scalars import BROKEN, SCALAR_TAGS, Untyped, construct
from workstreams.errors import ConfigError, Problem

__all__ = ["MAX_DEPTH", "MAX_NODES", "Reading", "read_yaml"]

#: Values after aliases are expanded: nine lines of them can stand for billions.
MAX_NODES: Final = 100_000
#: An alias may stand within itself, which has no end.
MAX_DEPTH: Final = 40

_MERGE = "tag:yaml.org,2002:merge"
_COLLECTIONS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_SIGNS = frozenset({_MERGE, "tag:yaml.org,2002:value"})
_TEXT = "tag:yaml.org,2002:str"


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What one file says.

    Attributes:
      data: Plain data; BROKEN stands where a problem was found.
      places: Where each value was written.
      problems: What was wrong with the file itself.
    """

    data: object
    places: Places
    problems: list[Problem]


def read_yaml(text: str, file: Path | None, environ: Mapping[str, str]) -> Reading:
    """Read one document.

    Parameters:
      text: The YAML.
      file: Where it came from, for the problems.
      environ: Variables for ``${NAME}``.

    Returns:
      Its data, None for an empty document, BROKEN for one that cannot be read.
    """
    walk = _Walk(file, environ)
    try:
        node = _compose(text, file)
        data = None if node is None else walk.value(node, (), node.start_mark.line + 1)
    except ConfigError as error:
        return Reading(BROKEN, walk.places, [*walk.problems, *error.problems])
    return Reading(data, walk.places, walk.problems)


def _compose(text: str, file: Path | None) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    try:
        return yaml.compose(text)  # type: ignore[no-any-return]  # ruamel says Any
    except RecursionError:
        raise ConfigError([Problem(f"at most {MAX_DEPTH} levels", "more", file=file)]) from None
    except Exception as error:
        # ruamel raises its own errors for broken syntax, but also bare ones, for \UFFFFFFFF for one.
        raise ConfigError([_syntax_problem(error, text, file)]) from None


def _syntax_problem(error: Exception, text: str, file: Path | None) -> Problem:
    line, found = None, "what cannot be read as one"
    if isinstance(error, ReaderError):
        line, found = text.count("\n", 0, error.position) + 1, "a character that YAML does not allow"
    elif isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, found = (mark.line + 1 if mark else None), error.problem or found
    elif isinstance(error, YAMLError):
        found = "broken syntax"
    lines = text.splitlines()
    hint = ""
    if line is not None and line <= len(lines) and "${" in lines[line - 1]:
        hint = 'put "${…}" in quotes between { } or [ ]'
    return Problem("a YAML document", " ".join(found.split()), file=file, line=line, hint=hint)


class _Walk:
    """From nodes to data, counting every node it meets."""

    def __init__(self, file: Path | None, environ: Mapping[str, str]) -> None:
        self.file, self.environ = file, environ
        self.places = Places()
        self.problems: list[Problem] = []
        self.met = 0

    def value(self, node: Node, path: KeyPath, line: int) -> object:
        """The data of a node.

        Parameters:
          node: What was composed.
          path: Where it stands.
          line: The line of its key, which is where a mapping or a list is shown.
        """
        self._count(node, path)
        self.places[path] = Place(path, self.file, line)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if str(node.tag) not in _COLLECTIONS:
            return self._refuse_tag(node, path)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        assert isinstance(node, SequenceNode)
        return [self.value(item, (*path, n), _line(item)) for n, item in enumerate(node.value)]

    def _count(self, node: Node, path: KeyPath, deeper: int = 0) -> None:
        self.met += 1
        if self.met > MAX_NODES:
            self._stop(f"at most {MAX_NODES} values, aliases expanded", node, path)
        if len(path) + deeper > MAX_DEPTH:
            self._stop(f"at most {MAX_DEPTH} levels", node, path)

    def _stop(self, expected: str, node: Node, path: KeyPath) -> None:
        raise ConfigError([Problem(expected, "more", dotted(path[:3]), self.file, _line(node))])

    def _scalar(self, node: ScalarNode, path: KeyPath) -> object:
        tag, text = str(node.tag), str(node.value)
        if tag == _TEXT and "${" in text:
            return self._interpolated(node, path)
        if tag in _SIGNS and node.style is None:
            tag = _TEXT  # A bare << or = as a value is the text it looks like.
        if tag not in SCALAR_TAGS:
            return self._refuse_tag(node, path)
        try:
            value = construct(tag, text)
        except ValueError:
            return self._broken(
                node, path, "a value that fits its tag, and numbers of a usable length", "another"
            )
        written = text if isinstance(value, int | float) else None
        if text:  # Nothing at all has no place but its key's.
            self.places[path] = Place(path, self.file, _line(node), written)
        return value

    def _interpolated(self, node: ScalarNode, path: KeyPath) -> object:
        try:
            result = interpolate(str(node.value), self.environ)
        except MissingVariable as error:
            return self._broken(node, path, error.expected, error.found, error.hint)
        origin = tuple(f"${{{name}}}" for name in result.variables)
        self.places[path] = Place(path, self.file, _line(node), origin=origin)
        return Untyped(result.text) if result.whole and node.style is None else result.text

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, object]:
        return {
            name: self.value(value, (*path, name), _line(key))
            for name, (key, value) in self._members(node, path).items()
        }

    def _members(self, node: MappingNode, path: KeyPath, deeper: int = 0) -> dict[str, tuple[Node, Node]]:
        """The members of a mapping by key; its own ones win over those merged by ``<<``."""
        own: dict[str, tuple[Node, Node]] = {}
        merged: list[Node] = []
        for key, value in node.value:
            self._count(key, path, deeper)
            if str(key.tag) == _MERGE and key.style is None:
                merged += value.value if isinstance(value, SequenceNode) else [value]
            elif self._is_new(key, path, own):
                own[str(key.value)] = key, value
        for source in merged:
            for name, member in self._merged(source, path, deeper + 1).items():
                own.setdefault(name, member)
        return own

    def _merged(self, source: Node, path: KeyPath, deeper: int) -> dict[str, tuple[Node, Node]]:
        self._count(source, path, deeper)
        if isinstance(source, MappingNode):
            return self._members(source, path, deeper)
        self._broken(source, path, "a mapping to merge, such as <<: *name", "another value")
        return {}

    def _is_new(self, key: Node, path: KeyPath, own: dict[str, tuple[Node, Node]]) -> bool:
        if not isinstance(key, ScalarNode) or str(key.tag) not in SCALAR_TAGS:
            self._broken(key, path, "a name as a key", "a mapping, a list or a tag")
            return False
        name = str(key.value)
        if name not in own:
            return True
        first = _line(own[name][0])
        self._broken(key, (*path, name), f"each key once, and it is on line {first} already", "it again")
        return False

    def _refuse_tag(self, node: Node, path: KeyPath) -> object:
        return self._broken(node, path, "plain data", f"the tag {_short(str(node.tag))}", "remove the tag")

    def _broken(self, node: Any, path: KeyPath, expected: str, found: str, hint: str = "") -> object:
        self.problems.append(Problem(expected, found, dotted(path), self.file, _line(node), hint))
        return BROKEN


def _short(tag: str) -> str:
    """``tag:yaml.org,2002:set`` as it was written, ``!!set``."""
    return tag.replace("tag:yaml.org,2002:", "!!", 1)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
