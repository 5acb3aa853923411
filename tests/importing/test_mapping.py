"""How a checkpoint's tensors pair with a network's, and what is said where they do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from cxredge.errors import InputError
from cxredge.importing.mapping import Fit, described, fit, in_order
from cxredge.importing.originals import build_network

State = dict[str, Tensor]


def renamed(state: State, name: Callable[[str], str]) -> State:
    return {name(key): value for key, value in state.items()}


def misfit(network: State, found: State, by_position: bool = False) -> InputError:
    with pytest.raises(InputError) as caught:
        fit(network, found, by_position=by_position)
    return caught.value


@pytest.fixture
def state(network: nn.Module) -> State:
    return dict(network.state_dict())


def test_equal_names(state: State) -> None:
    assert fit(state, state) == Fit({key: key for key in state}, "", ())


@pytest.mark.parametrize("prefix", ["module.", "model.", "net.", "_orig_mod.", "module.model.", "student.encoder.net."])
def test_one_prefix_is_taken_off(state: State, prefix: str) -> None:
    found = fit(state, renamed(state, lambda key: prefix + key))
    assert (found.prefix, found.unused, found.absent) == (prefix, (), ())
    assert found.keys == {key: prefix + key for key in state}


def test_a_prefix_that_the_network_s_own_keys_repeat() -> None:
    """``0.`` before ``0.0.weight``: the prefix that makes all keys fit, not the first that makes one fit."""
    network = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), nn.Linear(3, 3)).state_dict()
    found = fit(network, renamed(network, lambda key: "0." + key))
    assert found.prefix == "0."
    assert found.keys["1.weight"] == "0.1.weight"


def test_an_averaged_and_a_counted_model(network: nn.Module, state: State) -> None:
    found = {
        **AveragedModel(network).state_dict(),
        "module.0.total_ops": torch.zeros(1),
        "module.total_params": torch.zeros(1),
        "module.op_threshs": torch.zeros(2),
        "criterion.pos_weight": torch.ones(2),
    }
    done = fit(state, found)
    assert done.prefix == "module."
    assert set(done.unused) == {
        "n_averaged", "module.0.total_ops", "module.total_params", "module.op_threshs", "criterion.pos_weight",
    }  # fmt: skip


def test_counters_of_training_steps_may_be_absent_or_extra(state: State) -> None:
    counter = "1.num_batches_tracked"
    without = {key: value for key, value in state.items() if key != counter}
    assert fit(state, without).absent == (counter,)
    assert fit(without, state).unused == (counter,)


def test_what_differs_is_named_with_shapes(state: State) -> None:
    found = dict(state)
    found["0.weight"] = torch.zeros(4, 1, 5, 5)
    del found["0.bias"]
    found["normalise.mean"] = torch.zeros(3)
    error = misfit(state, renamed(found, lambda key: "net." + key))
    assert error.code == "IMPORT-FIT"
    for words in (
        "6 of the network's 8 tensors fit behind the prefix net.",
        "1 missing: 0.bias [4]",
        "1 unknown: net.normalise.mean [3]",
        "1 of another shape: 0.weight, [4, 1, 5, 5] in the file and [4, 1, 3, 3] in the network",
    ):
        assert words in error.cause


def test_many_are_counted(state: State) -> None:
    error = misfit(state, {f"other.{i}.thing": torch.zeros(1) for i in range(9)})
    assert "and 5 more" in error.cause
    assert "and 6 more" in error.cause


def test_a_wrapper_s_normalisation_is_not_left_out_in_silence(state: State) -> None:
    found = {"mean": torch.zeros(1), **renamed(state, lambda key: "model." + key)}
    error = misfit(state, found)
    assert "1 unknown: mean [1]" in error.cause
    assert "8 of the network's 8" in error.cause
    assert "that network alone" in error.fix


def test_student_and_teacher_in_one_are_not_chosen_between(state: State) -> None:
    both = {**renamed(state, lambda key: "student." + key), **renamed(state, lambda key: "teacher." + key)}
    assert misfit(state, both).code == "IMPORT-FIT"
    wider = {f"a.{key}": torch.zeros(*value.shape, 2) for key, value in state.items()}
    error = misfit(state, {**wider, **renamed(state, lambda key: "student." + key)})
    assert "8 of the network's 8 tensors fit behind the prefix student." in error.cause


@pytest.mark.parametrize(
    ("old", "new"), [("4.", "fc."), ("4.", "head.fc."), ("0.", "stem.conv."), ("1.", "features.norm0.")]
)
def test_a_renaming_is_named_and_not_taken(state: State, old: str, new: str) -> None:
    found = renamed(state, lambda key: new + key.removeprefix(old) if key.startswith(old) else key)
    shuffled = dict(sorted(found.items(), key=lambda item: item[0][::-1]))  # so that positions say nothing
    error = misfit(state, shuffled)
    assert f"if the file's {new} were called {old}" in error.fix


def test_one_tensor_of_equal_shape_is_no_renaming(state: State) -> None:
    other = {"x.weight": state["0.weight"], **{f"y.layer{i}.weight": torch.zeros(7, 7) for i in range(7)}}
    assert misfit(state, other).fix.startswith("name the network that these weights were trained in")


def test_a_prefix_that_the_file_lacks_is_named(state: State) -> None:
    network = renamed(state, lambda key: "backbone." + key)
    error = misfit(network, dict(reversed(state.items())))
    assert "if the file's (no prefix) were called backbone." in error.fix


def test_another_number_of_outputs(state: State) -> None:
    found = {**state, "4.weight": torch.zeros(1000, 4), "4.bias": torch.zeros(1000)}
    error = misfit(state, renamed(found, lambda key: "model." + key))
    assert error.code == "IMPORT-LABELS"
    assert "the classifier model.4 has 1,000 outputs, and 2 labels are named" in error.cause


def test_another_number_of_channels(state: State) -> None:
    error = misfit(state, {**state, "0.weight": torch.zeros(4, 3, 3, 3)})
    assert error.code == "IMPORT-CHANNELS"
    assert "0.weight takes 3 channels, and the network is built for 1" in error.cause


def test_whole_numbers_are_not_weights(state: State) -> None:
    assert misfit(state, {**state, "4.bias": torch.zeros(2, dtype=torch.int64)}).code in ("IMPORT-FIT", "IMPORT-LABELS")


def test_positions_are_offered_and_taken_when_asked(state: State) -> None:
    found = renamed(state, lambda key: f"block{key[0]}.deep.{key[2:]}")
    assert "--keys by-position" in misfit(state, found).fix
    done = fit(state, found, by_position=True)
    assert next(iter(done.keys.items())) == ("0.weight", "block0.deep.weight")
    assert (len(done.keys), done.absent, done.unused) == (
        8,
        ("1.num_batches_tracked",),
        ("block1.deep.num_batches_tracked",),
    )


def test_positions_of_other_kinds_are_refused(state: State) -> None:
    """Batch norm's weight, bias, mean and variance have one shape: only their names tell them apart."""
    keys = list(state)
    keys[2], keys[3] = keys[3], keys[2]
    found = {f"x.{key}": state[key] for key in keys}
    error = misfit(state, found, by_position=True)
    assert error.code == "IMPORT-FIT"
    assert "at place 3 the network has 1.weight [4] and the file x.1.bias [4]" in error.cause


def test_another_number_of_outputs_by_position(state: State) -> None:
    found = {f"x.{key}": value for key, value in state.items()}
    found |= {"x.4.weight": torch.zeros(9, 4), "x.4.bias": torch.zeros(9)}
    error = misfit(state, found, by_position=True)
    assert error.code == "IMPORT-LABELS"
    assert "4 has 9 outputs, and 2 labels are named" in error.cause


def test_positions_of_another_number_are_refused(state: State) -> None:
    more = {**state, "5.weight": torch.zeros(1)}
    assert "the network has 8 tensors and the file 9" in misfit(state, more, by_position=True).cause


def test_a_sorted_file_has_no_positions(state: State) -> None:
    """safetensors sorts by name: kernels of equal shape would change places unseen."""
    found = dict(sorted(renamed(state, lambda key: f"x{key}").items()))
    assert misfit(state, found, by_position=True).code == "IMPORT-ORDER"
    assert "by-position" not in misfit(state, found).fix
    assert described(found).channels is None


@pytest.mark.parametrize(
    ("keys", "ordered"),
    [
        (["a.weight", "b.weight"], True),
        (["a.weight"], True),
        (["fc.bias", "fc.weight"], False),
        (["fc.weight", "fc.bias"], True),
        (["a.weight", "b.weight", "c.weight", "d.weight", "e.weight"], False),
    ],
)
def test_order_of_definition(keys: list[str], ordered: bool) -> None:
    assert in_order(keys) is ordered


def test_channels_and_outputs_are_read_off(state: State) -> None:
    found = described(state)
    assert (found.channels, found.outputs) == (1, 2)
    assert described({"a.weight": torch.zeros(3)}).outputs is None


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("norm", [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm])
def test_a_normalised_kernel_is_read_by_its_directions(norm: Callable[[nn.Module], nn.Module]) -> None:
    network = nn.Sequential()
    network.stem, network.head = norm(nn.Conv2d(3, 4, 3)), norm(nn.Linear(4, 2))
    assert vars(described(network.state_dict())) == {"channels": 3, "outputs": 2}


def test_torchvision_s_mobilenet_is_timm_s_by_position() -> None:
    """Tensor by tensor, with equal answers: no name of theirs is ours."""
    torch.manual_seed(0)
    theirs = build_network("torchvision/mobilenet_v2", 3, 3, (64, 64))
    ours = build_network("timm/mobilenetv2_100", 3, 3, (64, 64))
    found, network = theirs.state_dict(), ours.state_dict()
    error = misfit(network, found)
    assert (error.code, "--keys by-position" in error.fix) == ("IMPORT-FIT", True)
    done = fit(network, found, by_position=True)
    ours.load_state_dict({key: found[old] for key, old in done.keys.items()}, strict=False)
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(ours(image), theirs(image), atol=1e-6)
        assert theirs(image).std() > 0
    assert len(done.keys) + len(done.absent) == 314
    assert vars(described(found)) == {"channels": 3, "outputs": 3}
