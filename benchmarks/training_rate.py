"""How much of a model's own step rate a training keeps: films a second of its epochs against bare steps.

A bare step is forward, the mean of the logits' squares as a loss, backward and the optimizer's step on one random batch
in memory. Both run in turn in one process, so that the machine's noise meets both. The training is the teacher's of a
recipe: films from the cache, changes, its loss, clipping, the average of the weights.

    training_rate.py [RECIPE] [EPOCHS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch


def main() -> None:
    from cxredge.data.data_sets import open_data
    from cxredge.distill.checkpoint import CheckpointFile
    from cxredge.distill.losses import hard_loss, positive_weights
    from cxredge.distill.roles import untrained, views, with_features
    from cxredge.distill.splits import load_splits
    from cxredge.distill.training import Training
    from cxredge.distill.training_log import TrainingLog
    from cxredge.recipe_file import load_recipe
    from cxredge.stages import cache_folder

    place, rounds = Path(sys.argv[1] if len(sys.argv) > 1 else "model_zoo/phantom"), int((*sys.argv, 3, 3)[2])
    recipe = load_recipe(place)
    plan = recipe.distill
    assert plan is not None
    splits = load_splits(recipe, open_data(recipe.data, recipe.labels, cache_folder()), plan.licence_classes)
    kind, told, weights = recipe.labels.kind, recipe.labels.places_told, positive_weights(splits.train.targets)
    model = untrained(recipe, plan, "teacher")
    course = plan.course("teacher").model_copy(update={"epochs": 1})
    # films of full size in every epoch, as the bare steps have them
    seen = views(recipe, plan, splits.train, "teacher")
    seen = type(seen)(seen.films, seen.seed, seen.name, 1, one_size=True)
    batch = torch.rand(plan.batch, *splits.train.images.shape[1:]) * 255
    model.to(memory_format=torch.channels_last)
    batch = batch.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-9)

    def bare(steps: int) -> float:
        model.train()
        started = time.monotonic()
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            model(batch)["logits"].square().mean().backward()
            optimizer.step()
        return steps * plan.batch / (time.monotonic() - started)

    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            work = Path(folder) / str(number)
            training = Training(
                "teacher",
                model,
                seen,
                lambda sample, outputs: {"hard": hard_loss(outputs["logits"], sample.targets, kind, weights, told)},
                course,
                CheckpointFile(work / "teacher.pt", "benchmark"),
                TrainingLog(work, "teacher"),
                answer=with_features,
            )
            before = bare(max(4, training.steps // 4))
            training.run()
            after = bare(max(4, training.steps // 4))
            ratios.append(training.history[0].films_per_second / ((before + after) / 2))
            print(
                f"epoch {training.history[0].films_per_second:.2f} films/s, bare steps {before:.2f} and {after:.2f}: "
                f"{ratios[-1]:.3f}",
                flush=True,
            )
    print(f"{recipe.name}, {torch.get_num_threads()} threads, {len(ratios)} rounds: median ratio {median(ratios):.3f}")


if __name__ == "__main__":
    main()
