"""timm's folders, as timm writes them, and MONAI bundles: weights and what is said of them."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file
from timm.models import save_for_hf
from torch import nn

from cxredge.errors import InputError
from cxredge.importing.checkpoints import entry, read_checkpoint
from cxredge.importing.facts import monai_facts


def refused(place: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_checkpoint(place)
    return caught.value


@pytest.mark.parametrize("safe", ["both", False])
def test_a_timm_folder(tmp_path: Path, safe: str | bool) -> None:
    network = timm.create_model("test_convnext", pretrained=False, num_classes=2, in_chans=3)
    save_for_hf(network, tmp_path, model_config={"label_names": ["Effusion", "Mass"]}, safe_serialization=safe)
    found = read_checkpoint(tmp_path)
    assert found.form == "timm folder"
    assert found.file.name == ("model.safetensors" if safe else "pytorch_model.bin")
    facts = found.facts
    assert (facts.architecture, facts.outputs, facts.labels) == ("timm/test_convnext", 2, ("Effusion", "Mass"))
    cfg = network.pretrained_cfg
    assert (facts.mean, facts.std, facts.input_size) == (tuple(cfg["mean"]), tuple(cfg["std"]), cfg["input_size"][1:])
    assert (facts.channels, facts.disputed) == (3, ())
    tensors = entry(found, None)[1]
    assert all(torch.equal(tensors[key], value) for key, value in network.state_dict().items())
    if safe:
        assert set(load_file(found.file)) == set(tensors)


MONAI = {
    "name": "Chest",
    "network_data_format": {
        "inputs": {
            "image": {
                "type": "image",
                "num_channels": 1,
                "spatial_shape": [64, 32],
                "value_range": [0, 1],
                "channel_def": {"0": "image"},
            }
        },
        "outputs": {"pred": {"num_channels": 2, "channel_def": {"1": "Mass", "0": "Effusion"}}},
    },
}


def test_a_monai_bundle(network: nn.Module, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps(MONAI))
    torch.save({"model": network.state_dict()}, tmp_path / "models" / "model.pt")
    found = read_checkpoint(tmp_path)
    assert (found.form, list(found.entries)) == ("MONAI bundle", ["model"])
    facts = found.facts
    assert (facts.labels, facts.outputs, facts.channels) == (("Effusion", "Mass"), 2, 1)
    assert (facts.input_size, facts.value_range) == ((64, 32), (0.0, 1.0))


@pytest.mark.parametrize("shape", [[96, 96, 96], ["16*n", "16*n"], "*", [0, 32], None])
def test_a_shape_that_is_no_image_s_says_nothing(shape: object) -> None:
    assert monai_facts({"network_data_format": {"inputs": {"i": {"spatial_shape": shape}}}}).input_size is None


@pytest.mark.parametrize("said", [None, [], {"network_data_format": 3}, {"network_data_format": {"inputs": [1]}}])
def test_metadata_of_another_shape_says_nothing(said: object) -> None:
    assert monai_facts(said) == monai_facts({})


def test_folders_that_are_no_checkpoint(network: nn.Module, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "best.pth")
    error = refused(tmp_path)
    assert (error.code, error.choices) == ("IMPORT-FOLDER", ("best.pth",))
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    assert refused(tmp_path).code == "IMPORT-FOLDER"
    (tmp_path / "config.json").write_text('{"architecture": "resnet18"}')
    assert "no model.safetensors and no pytorch_model.bin" in refused(tmp_path).cause
    (tmp_path / "config.json").write_text("{")
    assert refused(tmp_path).code == "IMPORT-CONFIG"
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assert "TensorFlow" in refused(tmp_path).cause


def test_an_unpacked_file_is_named(network: nn.Module, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "it.pth")
    with zipfile.ZipFile(tmp_path / "it.pth") as archive:
        archive.extractall(tmp_path)
    assert "was unpacked" in refused(tmp_path / "it").cause


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_distributed_checkpoint_is_named(network: nn.Module, tmp_path: Path) -> None:
    from torch.distributed.checkpoint.state_dict_saver import save

    save(network.state_dict(), checkpoint_id=tmp_path, no_dist=True)
    assert "distributed checkpoint" in refused(tmp_path).cause


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe").code == "PATH-READ"
    (tmp_path / "models").mkdir()
    (tmp_path / "config.json").symlink_to(tmp_path / "pipe")
    assert refused(tmp_path).code == "PATH-READ"
    assert refused(tmp_path / "none").code == "PATH-READ"
