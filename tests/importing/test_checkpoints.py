"""Every form that people hand in, written by the library that writes it, and read back tensor by tensor."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from cxredge.errors import CxrError, InputError
from cxredge.importing.checkpoints import Checkpoint, entry, read_checkpoint

Saver = Callable[..., Path]


def equal(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> bool:
    return list(found) == list(wanted) and all(torch.equal(found[key], wanted[key]) for key in wanted)


def refused(place: Path) -> CxrError:
    with pytest.raises(CxrError) as caught:
        entry(read_checkpoint(place), None)
    return caught.value


@pytest.mark.parametrize("legacy", [False, True])
def test_a_plain_state_dict(network: nn.Module, saved: Saver, legacy: bool) -> None:
    place = saved(network.state_dict(), legacy=legacy)
    found = read_checkpoint(place)
    assert (found.form, found.file, list(found.entries), found.notes) == ("state dict", place, [""], ())
    assert found.sha256 == hashlib.sha256(place.read_bytes()).hexdigest()
    name, tensors = entry(found, None)
    assert name == ""
    assert equal(tensors, network.state_dict())
    assert tensors["1.num_batches_tracked"].dtype == torch.int64


def test_a_training_script_s_checkpoint_with_its_average(network: nn.Module, saved: Saver) -> None:
    """As timm's script keeps it: an optimiser and its arguments beside two state dicts."""
    average = {key: value + 1 for key, value in network.state_dict().items()}
    optimiser = torch.optim.Adam(network.parameters())
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    found = read_checkpoint(
        saved(
            {
                "epoch": 7,
                "arch": "resnet18",
                "state_dict": network.state_dict(),
                "state_dict_ema": average,
                "optimizer": optimiser.state_dict(),
                "amp_scaler": {"scale": 65536.0},
                "metrics": {"auc": torch.tensor(0.9), "per_class": torch.ones(2)},
                "args": argparse.Namespace(num_classes=2, in_chans=1, mean=[0.5], std=[0.25], img_size=224, epoch=1),
            }
        )
    )
    assert (found.form, list(found.entries)) == ("checkpoint (torch.save)", ["state_dict", "state_dict_ema"])
    facts = found.facts
    assert (facts.architecture, facts.epoch, facts.outputs, facts.channels) == ("resnet18", 7, 2, 1)
    assert (facts.mean, facts.std, facts.input_size, facts.labels) == ((0.5,), (0.25,), (224, 224), None)
    with pytest.raises(InputError) as caught:
        entry(found, None)
    assert (caught.value.code, caught.value.choices) == ("IMPORT-ENTRY", ("state_dict", "state_dict_ema"))
    with pytest.raises(InputError) as caught:
        entry(found, "ema")
    assert caught.value.cause.endswith("it.pth holds no state dict that is called ema")
    assert equal(entry(found, "state_dict_ema")[1], average)


@pytest.mark.parametrize("name", ["model", "net", "network", "student", "model_state_dict", "generator"])
def test_the_only_state_dict_needs_no_name(network: nn.Module, saved: Saver, name: str) -> None:
    found = read_checkpoint(saved({name: network.state_dict(), "loss": 0.5}))
    assert entry(found, None)[0] == name


def test_a_state_dict_that_lies_deeper(network: nn.Module, saved: Saver) -> None:
    found = read_checkpoint(saved({"ema": {"decay": 0.99, "state_dict": network.state_dict()}}))
    assert entry(found, None)[0] == "ema.state_dict"


def test_an_averaged_model(network: nn.Module, saved: Saver) -> None:
    found = read_checkpoint(saved(AveragedModel(network).state_dict()))
    assert {"n_averaged", "module.0.weight"} <= set(entry(found, None)[1])


def test_a_lightning_checkpoint(network: nn.Module, saved: Saver) -> None:
    whole = {
        "epoch": 3,
        "global_step": 30,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"model.{key}": value for key, value in network.state_dict().items()},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.9), "best_k_models": {}}},
        "optimizer_states": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {"classes": ["Effusion", "Mass"], "model_name": "densenet121", "lr": 0.1},
    }
    found = read_checkpoint(saved(whole, "it.ckpt"))
    assert (found.form, entry(found, None)[0]) == ("Lightning checkpoint", "state_dict")
    assert (found.facts.labels, found.facts.architecture) == (("Effusion", "Mass"), "densenet121")


def test_two_places_that_differ_say_nothing(network: nn.Module, saved: Saver) -> None:
    found = read_checkpoint(saved({"model": network.state_dict(), "num_classes": 2, "args": {"num_classes": 3}}))
    assert (found.facts.outputs, found.facts.disputed) == (None, ("outputs",))


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        ({"id2label": {0: "a", 1: "b"}}, ("a", "b")),
        ({"id2label": {"1": "b", "0": "a"}}, ("a", "b")),
        ({"class_to_idx": {"b": 1, "a": 0}}, ("a", "b")),
        ({"class_to_idx": {"b": 2, "a": 0}}, None),
        ({"classes": ["a", 3]}, None),
        ({"classes": 2}, None),
    ],
)
def test_labels_in_the_ways_they_are_written(
    network: nn.Module, saved: Saver, said: dict[str, object], labels: tuple[str, ...] | None
) -> None:
    assert read_checkpoint(saved({"model": network.state_dict(), "config": said})).facts.labels == labels


def test_safetensors(network: nn.Module, tmp_path: Path) -> None:
    save_file(network.state_dict(), tmp_path / "it.bin")
    found = read_checkpoint(tmp_path / "it.bin")
    assert found.form == "safetensors"
    tensors = entry(found, None)[1]
    assert all(torch.equal(tensors[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize("length", [0x4B50, 0x280, 0x120108])
def test_safetensors_whose_size_reads_as_another_form(tmp_path: Path, length: int) -> None:
    """Their first bytes are a size: PK, the start of a pickle and of an ONNX file are sizes too."""
    data = save({"a": torch.ones(2, 2)})
    header = data[8 : 8 + int.from_bytes(data[:8], "little")].rstrip()
    data = length.to_bytes(8, "little") + header.ljust(length) + data[-16:]
    (tmp_path / "it").write_bytes(data)
    assert torch.equal(entry(read_checkpoint(tmp_path / "it"), None)[1]["a"], torch.ones(2, 2))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_halves_are_float32_exactly_and_it_is_said(network: nn.Module, saved: Saver, kind: torch.dtype) -> None:
    half = network.to(kind).state_dict()
    found = read_checkpoint(saved({"model": half}))
    assert [note.partition(":")[2] for note in found.notes] == [
        f" 8 {str(kind)[6:]} tensors are taken as float32, exactly"
    ]
    tensors = entry(found, None)[1]
    assert all(torch.equal(tensors[key], half[key].to(tensors[key].dtype)) for key in half)
    assert {t.dtype for t in tensors.values()} == {torch.float32, torch.int64}


def test_a_program_is_recognised_and_has_no_state_dict(network: nn.Module, tmp_path: Path) -> None:
    torch.export.save(torch.export.export(network, (torch.zeros(1, 1, 8, 8),)), tmp_path / "it.pt2")
    found = read_checkpoint(tmp_path / "it.pt2")
    assert (found.form, found.entries) == ("program (.pt2)", {})
    assert refused(tmp_path / "it.pt2").code == "IMPORT-ENTRY"


def test_a_checkpoint_is_what_it_was_made_of(network: nn.Module, saved: Saver) -> None:
    found = read_checkpoint(saved({"model": network.state_dict()}))
    assert isinstance(found, Checkpoint)
    assert found.facts.architecture is None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["TorchScript", "ONNX", "TFLite", "Keras (HDF5)", "NumPy", "ExecuTorch", "GGUF"])
def test_what_holds_no_state_dict_is_named(network: nn.Module, tmp_path: Path, form: str) -> None:
    import numpy as np

    place = tmp_path / "it.pth"
    heads = {"TFLite": b"\x1c\0\0\0TFL3", "Keras (HDF5)": b"\x89HDF\r\n\x1a\n", "ExecuTorch": b"8\0\0\0ET12"}
    if form == "TorchScript":
        torch.jit.trace(network, torch.zeros(1, 1, 8, 8)).save(str(place))
    elif form == "ONNX":
        torch.onnx.export(network, (torch.zeros(1, 1, 8, 8),), str(place), dynamo=False)
    elif form == "NumPy":
        with place.open("wb") as stream:
            np.savez(stream, a=np.zeros(3))
    else:
        place.write_bytes(heads.get(form, form.encode()) + bytes(64))
    error = refused(place)
    assert error.code == "IMPORT-FORM"
    assert f"is {form}, which" in error.cause


@pytest.mark.parametrize("legacy", [False, True])
def test_a_whole_pickled_network(network: nn.Module, saved: Saver, legacy: bool) -> None:
    for value in (network, {"model": network, "epoch": 3}):
        error = refused(saved(value, legacy=legacy))
        assert error.code == "IMPORT-FORM"
        assert "torch.nn.modules.container.Sequential" in error.cause


@pytest.mark.parametrize("value", [[1], {}, {"epoch": 3}, torch.zeros(2), {"metrics": {"auc": torch.tensor(0.5)}}])
def test_nothing_in_it(saved: Saver, value: object) -> None:
    assert refused(saved(value)).code == "IMPORT-EMPTY"
