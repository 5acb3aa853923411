"""All shards of a verification on a Ray cluster: one task a shard, and what they wrote is merged.

Ray's tasks do, and Ray Data would add nothing: what goes to a task is the number of its shard, and what comes back is a
folder. Bundle, films and the place of the results have to be on a disk that all nodes see under the same path.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from cxredge.data.other_sets import find_folder
from cxredge.errors import CxrError, EnvironmentProblem, first_line
from cxredge.files import check_replaceable
from cxredge.path_errors import writing
from cxredge.places import check_outputs
from cxredge.scratch import scratch
from cxredge.shard import Shard
from cxredge.shard_record import ShardRecord, foreign
from cxredge.vocabulary import ArtifactName
from cxredge.workflows.merge import merge_shards
from cxredge.workflows.other_films import Asked
from cxredge.workflows.shard import verify_shard


def verify_on_ray(
    bundle: Path,
    shards: int,
    goal: Path,
    asked: Asked | None = None,
    reference: Path | None = None,
    required: Sequence[ArtifactName] = (),
    cores: float = 1,
) -> ShardRecord:
    """Run all shards on the cluster that Ray is connected to (``ray.init``), and put them together in ``goal``.

    cores: what Ray sets aside for a shard; it runs as many processes as its node has cores. A shard whose node dies is
    run again by Ray. The other arguments are those of ``verify_shard``. Raises what ``verify_shard`` and
    ``merge_shards`` raise, and EnvironmentProblem RAY-ABSENT, RAY-FAILED.
    """
    try:
        import ray
        from ray.exceptions import RayError, RayTaskError
    except ImportError as error:
        raise EnvironmentProblem("RAY-ABSENT", "Ray is not installed", "pip install 'cxredge[ray]'") from error

    # tasks have other working folders
    bundle, goal = bundle.absolute(), goal.absolute()
    if asked is not None:
        asked = replace(asked, data=str(find_folder(asked.data).absolute()))
    reference = None if reference is None else reference.absolute()
    check_outputs([goal], [bundle, *([reference] if reference else []), *([Path(asked.data)] if asked else [])])
    check_replaceable(goal, foreign)
    run = ray.remote(verify_shard).options(num_cpus=cores, scheduling_strategy="SPREAD")
    with ExitStack() as stack:
        with writing(goal):
            beside = stack.enter_context(scratch(goal.parent, goal.name))
        folders = [beside / str(number) for number in range(1, shards + 1)]
        parts = [Shard(number, shards) for number in range(1, shards + 1)]
        waiting = [
            run.remote(bundle, part, folder, asked, reference, tuple(required))
            for part, folder in zip(parts, folders, strict=True)
        ]
        try:
            ray.get(waiting)
        except RayTaskError as error:
            if isinstance(error.cause, CxrError):
                raise error.cause from error
            raise EnvironmentProblem(
                "RAY-FAILED", f"a shard failed: {first_line(error.cause)}", "see Ray's log"
            ) from error
        except RayError as error:
            raise EnvironmentProblem(
                "RAY-FAILED", f"the cluster failed: {first_line(error)}", "see Ray's log"
            ) from error
        finally:
            for one in waiting:
                ray.cancel(one, force=True)
        return merge_shards(folders, goal)
