"""Programs that are not ours: kernels outside delegates, and delegates that nobody here reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxredge.errors import InputError
from cxredge.targets import get_target
from cxredge.targets.executorch import contents as pte_contents
from cxredge.targets.executorch import xnnpack as xnnpack_contents


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One module as portable kernels alone, and with what XNNPACK takes of it."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = torch.nn.Conv2d(4, 8, 3, groups=2, padding=1)
            self.up = torch.nn.ConvTranspose2d(8, 6, 2, stride=2)
            self.head = torch.nn.Linear(6, 5)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            y = self.up(self.down(x))
            return self.head(y.mean((2, 3))), torch.bmm(y[0], y[0].transpose(1, 2))

    folder = tmp_path_factory.mktemp("programs")
    for name, partitioner in (("portable", []), ("xnnpack", [XnnpackPartitioner()])):
        program = torch.export.export(Module().eval(), (torch.zeros(1, 4, 8, 8),))
        lowered = to_edge_transform_and_lower(program, partitioner=partitioner).to_executorch()
        (folder / f"{name}.pte").write_bytes(lowered.buffer)
    return folder / "portable.pte", folder / "xnnpack.pte"


# products a convolution, a transposed one, a linear and a batched product need, by hand
MACS = 18 * 8 * 64 + 24 * 8 * 64 + 30 + 6 * 16 * 16 * 16


def test_kernels_and_nodes_cost_the_same(programs: tuple[Path, Path]) -> None:
    for path in programs:
        found = pte_contents.read_pte(path)
        assert sum(o.macs or 0 for o in found.operations) == MACS, path
        assert [t.shape for t in found.outputs] == [(1, 5), (6, 16, 16)]
        assert [t.name for t in (*found.inputs, *found.outputs)] == ["input-0", "output-0", "output-1"]
    assert {o.delegate for o in found.operations} == {None, "XNNPACK"}
    assert len({o.name for o in found.operations}) == len(found.operations)


def test_weights_of_a_kernel(programs: tuple[Path, Path]) -> None:
    first = pte_contents.read_pte(programs[0]).operations[0]
    assert (first.type, first.shape, first.macs) == ("aten::convolution", (1, 8, 8, 8), 18 * 8 * 64)
    assert (first.weight_bytes, first.weight_dtype) == (4 * (8 * 18 + 8), "float32")
    assert first.bytes_moved == first.weight_bytes + 4 * (4 * 64 + 8 * 64)


def test_another_delegate_is_one_open_operator(programs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pte_contents, "BACKEND", "SomeOther")
    found = pte_contents.read_pte(programs[1])
    assert [o.delegate for o in found.operations if o.macs is None] == ["XnnpackBackend"] * 2
    assert found.delegation is not None
    assert found.delegation.delegated == 0
    assert xnnpack_contents.XNNPACK not in {o.delegate for o in found.operations}


def test_a_program_without_the_names_of_its_outputs_does_not_run(programs: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="cxr_outputs") as caught:
        get_target("executorch").open(programs[0])
    assert caught.value.code == "TARGET-LOAD"
