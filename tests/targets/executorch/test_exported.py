"""The exported graph is spelled otherwise, and says the same: bit for bit, with the operators that the delegate has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

Function = Callable[[Tensor], Tensor]
SPELLED: dict[str, tuple[Function, list[str]]] = {
    "chunk": (lambda x: torch.cat(x.chunk(3, -1)[::-1], -1), ["slice", "slice", "slice", "cat"]),
    "split": (lambda x: x.split(3, 1)[-1] * 2, ["slice", "mul"]),
    "sizes": (lambda x: x.split([1, 3], 1)[1] * 2, ["slice", "mul"]),
    "unbind": (lambda x: x.unbind(1)[2] + x.unbind(1)[-1], ["slice", "reshape", "slice", "reshape", "add"]),
    "select": (lambda x: x.transpose(1, 2).select(1, -3) * 2, ["transpose", "slice", "reshape", "mul"]),
    "before the first": (lambda x: x[:, -100:3] * x[:, -3:], ["slice", "slice", "mul"]),
    "steps": (lambda x: x[:, :, 1:-1:2] * 2, ["slice", "mul"]),
    "everything": (lambda x: x[:, :4] * 2, ["mul"]),
    "mean": (lambda x: x.mean((-1, -2)), ["mean", "view"]),
    "mean over channels": (lambda x: x.mean((1, 2)), ["mean"]),
    "expanded": (lambda x: x * x.mean((2, 3), keepdim=True).expand_as(x), ["mean", "mul"]),
    "both expanded": (
        lambda x: x[:, :1].expand(-1, 4, -1, -1) + x[:, :, :1].expand(-1, -1, 8, -1),
        ["slice", "slice", "expand", "add"],
    ),
    "expanded and read": (lambda x: x[:, :1].expand(-1, 4, -1, -1).sin(), ["slice", "expand", "sin"]),
    "pool": (lambda x: functional.max_pool2d(x, 2), ["max_pool2d"]),
}


class Module(nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def spelled(function: Function) -> torch.export.ExportedProgram:
    from cxredge.targets.executorch.exported import spell_out

    with torch.no_grad():
        program = torch.export.export(Module(function).eval(), (torch.zeros(1, 4, 8, 8),))
    spell_out(program.graph)
    program.graph.lint()
    program.graph_module.recompile()
    return program


def image() -> Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", SPELLED)
def test_values_stay_and_operators_are_the_delegates(name: str) -> None:
    function, kinds = SPELLED[name]
    program = spelled(function)
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    assert [str(node.target).split(".")[1] for node in calls] == kinds
    found, wanted = program.module()(image()), function(image())
    assert found.shape == wanted.shape
    assert torch.equal(found, wanted)
    assert all(node.meta["val"].shape for node in calls)
    assert all(node.meta["stack_trace"] for node in calls)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "rounds_up", "counts_padding"),
    [(2, 2, 0, False, False), (3, 2, 0, True, False), (3, 1, 1, False, True), (2, 3, 0, False, False)],
)
def test_average_pools_of_whole_windows_say_so(
    kernel: int, stride: int, padding: int, rounds_up: bool, counts_padding: bool
) -> None:
    def pool(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, kernel, stride, padding, ceil_mode=True)

    program = spelled(pool)
    (node,) = (node for node in program.graph.nodes if node.op == "call_function")
    assert node.args[4:6] == (rounds_up, counts_padding)
    assert torch.equal(program.module()(image()), pool(image()))


def gated(x: Tensor, inplace: bool, again: bool) -> Tensor:
    y = x + 1
    gate = functional.hardsigmoid(y, inplace=inplace)
    return x * gate + y if again else x * gate


@pytest.mark.parametrize(("inplace", "again"), [(False, False), (False, True), (True, False), (True, True)])
def test_gates_are_a_clamp_of_floats(inplace: bool, again: bool) -> None:
    """One that writes into its input, too: what is read again is the gate then, as it was."""
    from cxredge.targets.executorch.exported import spell_gates

    with torch.no_grad():
        program = torch.export.export(
            Module(lambda x: gated(x, inplace, again)).eval(), (torch.zeros(1, 4, 8, 8),), strict=False
        )
    spell_gates(program).graph.lint()
    kinds = [str(node.target).split(".")[1] for node in program.graph.nodes if node.op == "call_function"]
    assert kinds[1:4] == ["add", "hardtanh", "mul"]
    wide = image() * 4
    torch.testing.assert_close(program.module()(wide), gated(wide, inplace, again), rtol=1e-6, atol=1e-6)
