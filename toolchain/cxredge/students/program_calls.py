"""Modules that a program calls several times: a call that does other than the first becomes a module of its own.

``torch.export`` writes the later calls of module ``a.b`` as ``a.b@1``, ``a.b@2``, … When torch makes modules of a
program again it takes two calls for one where their own operators agree, though those of the modules in them may not
(a shape or a number that depends on the image's size is written as a constant), and it names a copy with a sign that is
none of a name. Here calls are compared with all that is in them.
"""

from __future__ import annotations

from typing import Any

from torch.fx import Node
from torch.fx.node import map_arg

from cxredge.aten import stored_names

Stack = dict[str, tuple[str, Any]]


def separate_calls(exported: Any) -> None:
    """Rename modules in an ExportedProgram, in place; nothing is computed otherwise.

    The second call of ``a.b``, where it differs, becomes ``a.b_call2``, which shares the tensors of ``a.b``.
    """
    stored = stored_names(exported)
    nodes = [node for node in exported.graph.nodes if node.op == "call_function"]
    if not any("@" in key for node in nodes for key in _stack(node)):
        return
    names = _names(nodes, stored)
    for node in nodes:
        old = _stack(node)
        for source in node.all_input_nodes:
            if source.name in stored:
                _share(exported, stored[source.name], [(path, names[key][1]) for key, (path, _) in old.items()])
        node.meta["nn_module_stack"] = {names[key][0]: (names[key][1], kind) for key, (_, kind) in old.items()}


def _stack(node: Node) -> Stack:
    """The modules that an operator is in, outermost first: by their calls their paths and types."""
    found: Stack = node.meta.get("nn_module_stack", {})
    return found


def _names(nodes: list[Node], stored: dict[str, str]) -> dict[str, tuple[str, str]]:
    """By each call the call and the path that it gets."""
    inside: dict[str, list[Node]] = {}
    for node in nodes:
        for key in _stack(node):
            inside.setdefault(key, []).append(node)
    names: dict[str, tuple[str, str]] = {}
    calls: dict[str, list[str]] = {}
    for node in nodes:
        around = ("", "")
        for key, (path, _) in _stack(node).items():
            if key not in names:
                before, after = around
                wanted = after + path[len(before) :] if before and path.startswith(f"{before}.") else path
                earlier = calls.get(wanted, [])
                if earlier and _work(inside[earlier[0]], stored) != _work(inside[key], stored):
                    wanted = f"{wanted}_call{len(earlier) + 1}"
                    while wanted in calls:
                        wanted += "_"
                calls.setdefault(wanted, []).append(key)
                number = len(calls[wanted]) - 1
                names[key] = (f"{wanted}@{number}" if number else wanted) or key, wanted
            around = path, names[key][1]
    return names


def _work(nodes: list[Node], stored: dict[str, str]) -> str:
    """What the operators of one call do, in words that are the same for another call that does the same."""
    known: dict[Node, str] = {}

    def word(node: Node) -> str:
        return known.setdefault(node, stored.get(node.name, f"outside {len(known)}"))

    lines = []
    for node in nodes:
        lines.append(f"{node.target}{map_arg((node.args, node.kwargs), word)}")
        known[node] = f"value {len(known)}"
    return "\n".join(lines)


def _share(exported: Any, name: str, modules: list[tuple[str, str]]) -> None:
    """Let a tensor have the name, too, that it has in a renamed module. modules: old paths and new, outermost first."""
    for old, new in reversed(modules):
        if old and name.startswith(f"{old}."):
            for tensors in (exported.state_dict, exported.constants):
                if name in tensors:
                    tensors.setdefault(new + name[len(old) :], tensors[name])
            return
