"""Which of this package's own code a module runs, as one hash: the files of its transitive imports, nothing beside.

Imports inside functions count, because they run; those under ``if TYPE_CHECKING`` do not. A package's ``__init__``
belongs to each of its modules, as Python runs it first. Modules that are found by name (a target's, through the
registry) are not followed: whoever uses them names them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from cxredge.files import sha256_bytes, sha256_file

PACKAGE = "cxredge"
ROOT = Path(__file__).parent
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement holds others."""


@lru_cache(maxsize=256)
def code_digest(*modules: str) -> str:
    """SHA-256 over names and contents of everything that ``modules`` (``cxredge.images.preprocess``) import."""
    lines = (f"{module} {_file_digest(_file(module))}\n" for module in sorted(code_of(*modules)))
    return sha256_bytes("".join(lines).encode())


@lru_cache(maxsize=256)
def files_digest(*modules: str) -> str:
    """SHA-256 over names and contents of these modules alone, whatever they import."""
    return sha256_bytes("".join(f"{m} {_file_digest(_file(m))}\n" for m in sorted(set(modules))).encode())


def code_of(*modules: str) -> frozenset[str]:
    """The modules themselves, and those of this package that they import, directly or not.

    Raises ModuleNotFoundError for a name that is no module of this package.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imports(_file(module), module)
    return frozenset(found)


def _file(module: str) -> Path:
    place = ROOT.joinpath(*module.split(".")[1:])
    for file in (place / "__init__.py", place.with_suffix(".py")):
        if file.is_file():
            return file
    raise ModuleNotFoundError(f"{module} is no module of {PACKAGE}", name=module)


@lru_cache(maxsize=1024)
def _file_digest(file: Path) -> str:
    return sha256_file(file)


@lru_cache(maxsize=1024)
def _imports(file: Path, module: str) -> frozenset[str]:
    """Modules of this package that one file imports, and the packages around it."""
    names = {name for node in _statements(ast.parse(file.read_bytes())) for name in _names(node)}
    around = (name.rpartition(".")[0] for name in (*names, module))
    return frozenset(names | {name for name in around if name})


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement but those that only a type checker sees; expressions hold no imports."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        for block in BLOCKS:
            waiting += getattr(node, block, ())


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
    elif isinstance(node, ast.ImportFrom) and node.module is not None and node.module.split(".")[0] == PACKAGE:
        yield node.module
        for alias in node.names:
            member = f"{node.module}.{alias.name}"
            if _is_module(member):
                yield member


@lru_cache(maxsize=4096)
def _is_module(name: str) -> bool:
    try:
        _file(name)
    except ModuleNotFoundError:
        return False
    return True
