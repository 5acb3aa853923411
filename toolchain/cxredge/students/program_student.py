"""A student from an exported program: its parts under the names that they had, as plain layers where they are some."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node

from cxredge.aten import arguments
from cxredge.errors import InputError, first_line
from cxredge.recipe_student import Normalise
from cxredge.students.base import Student
from cxredge.students.normalisation import Normalisation
from cxredge.students.program_calls import separate_calls
from cxredge.students.program_file import Program


class Unflattened(nn.Module):
    """A program of one input as a module: ``x`` -> tensor, or tuple of tensors.

    Its children have the names and the nesting of the network's own modules. Raises InputError PROGRAM-UNFIT: what the
    program says of its modules does not fit together.
    """

    def __init__(self, exported: Any) -> None:
        super().__init__()
        try:
            made = _unflattened(exported)
        except Exception as error:  # whatever torch raises for operators and modules that do not belong together
            raise InputError(
                "PROGRAM-UNFIT",
                f"the modules of the program do not fit together: {first_line(error)}",
                "export the network again",
            ) from error
        # none of torch.fx's own modules, which an export passes by without their name
        for name, child in made.named_children():
            self.add_module(name, child)
        for name, parameter in made.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        for name, buffer in made.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        # the class's function alone: an instance would be a second owner of the parts
        self.run = type(made).forward
        self.eval()

    def forward(self, x: Tensor) -> Any:
        """See the class."""
        return self.run(self, x)


def _unflattened(exported: Any) -> GraphModule:
    separate_calls(exported)
    whole = torch.export.unflatten(exported)
    (end,) = (node for node in whole.graph.nodes if node.op == "output")
    given = end.args[0]
    if isinstance(given, tuple | list) and len(given) == 1:
        end.args = (given[0],)
    # without the checks of shapes that unflattened modules make of what they were exported with
    made = GraphModule(whole, whole.graph)
    replace_layers(made)
    return made


class ProgramStudent(Unflattened, Student):
    """normalise: what the recipe says. program: float32[N, c, H, W] -> the outputs ``names``, in their order."""

    def __init__(self, normalise: Normalise, program: Program, names: tuple[str, ...]) -> None:
        super().__init__(program.exported)
        self.normalisation = Normalisation(normalise)
        self.names = names

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """See ``Student``."""
        found = super().forward(self.normalisation(image))
        return dict(zip(self.names, (found,) if isinstance(found, Tensor) else found, strict=True))


def replace_layers(module: nn.Module) -> None:
    """Put plain layers in the place of modules that are no more than one, and of calls with parameters in others.

    Whatever is done to layers (folding, rounding) then finds them.
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            layer = _layer(child)
            if layer is not None:
                setattr(parent, name, layer)
    for part in list(module.modules()):
        graph: Any = getattr(part, "graph", None)
        if graph is None:
            continue
        for node in list(graph.nodes):
            layer = _plain(part, node) if node.op == "call_function" else None
            if layer is not None:
                part.add_module(node.name, layer)
                with graph.inserting_before(node):
                    call = graph.create_node("call_module", node.name, (node.args[0],))
                call.meta = dict(node.meta)
                node.replace_all_uses_with(call)
                graph.erase_node(node)
        _drop_unread(part, graph)


def _drop_unread(part: nn.Module, graph: Any) -> None:
    """Forget parameters that plain layers own now, and make the module's code anew."""
    for node in reversed(list(graph.nodes)):
        if node.op == "get_attr" and not node.users:
            graph.erase_node(node)
    read = {node.target for node in graph.nodes if node.op == "get_attr"}
    for owned in (part._parameters, part._buffers):
        for name in [name for name in owned if name not in read]:
            del owned[name]
    made: Any = part
    if isinstance(part, GraphModule):
        part.recompile()
    else:
        made.finalize()


def _layer(module: nn.Module) -> nn.Module | None:
    """The convolution, linear layer or batch norm that a module with a graph is; None where it is something else."""
    graph = getattr(module, "graph", None)
    if graph is None:
        return None
    calls = [node for node in graph.nodes if node.op not in ("placeholder", "get_attr", "output")]
    if len(calls) != 1 or len([n for n in graph.nodes if n.op == "placeholder"]) != 1:
        return None
    (end,) = (node for node in graph.nodes if node.op == "output")
    if end.args[0] is not calls[0] and end.args[0] != (calls[0],):
        return None
    return _plain(module, calls[0]) if calls[0].op == "call_function" else None


def _plain(module: nn.Module, node: Node) -> nn.Module | None:
    aten = torch.ops.aten
    schema: Any = node.target
    if schema not in (aten.conv2d.default, aten.conv2d.padding, aten.linear.default, aten.batch_norm.default):
        return None
    given = arguments(node)
    read = [given[name] for name in ("weight", "bias", "running_mean", "running_var") if given.get(name) is not None]
    if any(not isinstance(source, Node) or source.op != "get_attr" for source in read):
        return None

    def tensor(name: str) -> Tensor | None:
        source = given[name]
        return None if source is None else _attribute(module, source.target)

    weight, bias = tensor("weight"), tensor("bias")
    if schema is aten.batch_norm.default:
        kind = nn.BatchNorm2d if node.meta["val"].ndim == 4 else nn.BatchNorm1d
        return _norm(kind, given, weight, bias, tensor("running_mean"), tensor("running_var"))
    assert weight is not None
    made: nn.Linear | nn.Conv2d
    if schema is aten.linear.default:
        made = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    else:
        keys = ("stride", "padding", "dilation", "groups")
        options: dict[str, Any] = {
            key: tuple(given[key]) if isinstance(given[key], list) else given[key] for key in keys
        }
        inside = weight.shape[1] * given["groups"]
        made = nn.Conv2d(inside, weight.shape[0], _pair(weight.shape), bias=bias is not None, device="meta", **options)
    made.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        made.bias = nn.Parameter(bias, requires_grad=False)
    return made.eval()


def _pair(shape: torch.Size) -> tuple[int, int]:
    """Rows and columns of a kernel."""
    return int(shape[-2]), int(shape[-1])


def _norm(
    kind: type[nn.BatchNorm1d] | type[nn.BatchNorm2d],
    given: dict[str, Any],
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    var: Tensor | None,
) -> nn.Module | None:
    if given["training"] or weight is None or bias is None or mean is None or var is None:
        return None
    made = kind(len(weight), eps=given["eps"], momentum=given["momentum"], device="meta")
    made.weight, made.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)
    made.running_mean, made.running_var = mean, var
    made.num_batches_tracked = torch.zeros((), dtype=torch.int64)
    return made.eval()


def _attribute(module: nn.Module, target: str) -> Tensor:
    """A parameter or buffer by its dotted name, without its history."""
    found: Any = module
    for part in target.split("."):
        found = getattr(found, part)
    assert isinstance(found, Tensor)
    return found.detach()
