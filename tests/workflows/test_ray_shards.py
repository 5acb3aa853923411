"""A cluster of two nodes on this machine runs shards to the bytes of one run; without Ray it says what is lacking."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cxredge.errors import EnvironmentProblem
from cxredge.workflows.ray_shards import verify_on_ray
from support.command import ROOT, must
from support.tiny_recipe import TINY, write_weights

RAY = importlib.util.find_spec("ray") is not None
PROGRAM = """
import os, sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from cxredge.errors import InputError
from cxredge.workflows.other_films import Asked
from cxredge.workflows.ray_shards import verify_on_ray

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
cluster.add_node(num_cpus=1)
ray.init(address=cluster.address, runtime_env={"env_vars": {"PYTHONPATH": os.environ["PYTHONPATH"]}})
bundle, goal, asked = Path("dist/tiny-0.0.1"), Path("whole"), Asked("films")
print(len(ray.nodes()), verify_on_ray(bundle, 3, goal, asked).which)
try:
    verify_on_ray(bundle, 9, Path("more"), asked)
except InputError as error:
    print(error.code)
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.skipif(RAY, reason="Ray is installed")
def test_without_ray_it_says_what_to_install() -> None:
    with pytest.raises(EnvironmentProblem, match="RAY-ABSENT") as caught:
        verify_on_ray(Path("dist"), 2, Path("whole"))
    assert "cxredge[ray]" in caught.value.fix


@pytest.mark.slow
@pytest.mark.skipif(not RAY, reason="Ray, an extra outside the lock, is not installed")
def test_a_cluster_of_two_nodes_gives_the_bytes_of_one_run(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    text = TINY.format(digest=write_weights(tmp_path / "tiny" / "weights.safetensors"))
    (tmp_path / "tiny" / "model.yaml").write_text(text)
    must("build", "tiny", "--targets", "onnx", "--schemes", "fp32", cwd=tmp_path)
    must("phantom", "films", "--patients", 7, cwd=tmp_path)
    must("verify", "dist/tiny-0.0.1", "--data", "films", "--shard", "1/1", "--out", "one", cwd=tmp_path)
    environment = {
        **os.environ,
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "toolchain"), *sys.path[1:]]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["2 1/1", "SHARD-EMPTY"]
    trees = [
        {path.relative_to(top): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (tmp_path / "one", tmp_path / "whole")
    ]
    assert trees[0] == trees[1]
    assert not (tmp_path / "more").exists()
