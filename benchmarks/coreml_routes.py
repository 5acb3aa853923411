"""Three ways to a static INT8 Core ML package without a Mac, on the same student, ranges' films and held-out films.

    python benchmarks/coreml_routes.py model_zoo/phantom [--films 60]

passes: coreml's own (evaluator's ranges, coremltools' graph passes, affine). symmetric: the same with symmetric ranges.
clip: the same with ReLU6 left as the clip that it arrives as. pt2e: the graph that ExecuTorch's artifact is made of,
converted. Every package is saved, evaluated, and held against the float32 student.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from cxredge.images.preprocess import preprocess_films, to_student
from cxredge.parity import decisions, numerics
from cxredge.quantize.calibration import CalibrationFilms
from cxredge.quantize.rounding import round_weights
from cxredge.report.table import as_text
from cxredge.students import build_student
from cxredge.targets.coreml import relu6
from cxredge.targets.coreml.convert import Source, conversion, export
from cxredge.targets.coreml.package import write_package
from cxredge.targets.coreml.quantizer import activation_steps, calibrate, weight_steps
from cxredge.targets.coreml.target import EVALUATED, CoreML
from cxredge.targets.reference import Reference
from cxredge.workflows.pipeline import recipe_pipeline


def main() -> None:
    import torch

    parser = argparse.ArgumentParser()
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--films", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = recipe_pipeline(arguments.recipe)
    recipe = pipeline.recipe
    calibrating, held_out = (
        preprocess_films([f.path for f in films.films], recipe.input, "films")
        for films in (pipeline.calibration, pipeline.trial.evaluation)
        if films is not None
    )
    held_out = held_out[: arguments.films]
    student = build_student(recipe, pipeline.weights)
    calibration = CalibrationFilms(calibrating, recipe.calibration.rule)
    rounded = round_weights(student, recipe.input, calibrating)
    eager = [Reference(student).run(to_student(image)) for image in held_out]
    rule = decisions.rule_of(recipe.labels.names, recipe.decision)
    cells = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, model in routes(rounded, recipe, calibration, Path(scratch)):
            path = Path(scratch) / f"{name}.mlpackage.zip"
            write_package(model, recipe, "w8a8", path)
            with CoreML().open_with(EVALUATED, path) as runner:
                runs = [runner.run(to_student(image)) for image in held_out]
            pairs = {n: [np.concatenate([r[n] for r in side]) for side in (eager, runs)] for n in eager[0]}
            flips = rule.differ(*map(rule.call, pairs["logits"]))
            ratios = [f"{numerics.sqnr_db(*pairs[n]) or float('inf'):.2f}" for n in ("logits", "cam", "novelty")]
            cells.append((name, f"{path.stat().st_size:,}", *ratios, f"{flips.sum()} of {flips.size}"))
    print(f"{recipe.name}, {len(held_out)} held-out films, {len(calibrating)} calibration films; SQNR in dB")
    print(as_text(("route", "bytes", "logits", "cam", "novelty", "flips"), cells))


def routes(rounded, recipe, calibration, work):
    """(name, coremltools model), one after the other."""
    import torch

    from cxredge.targets.executorch.quantizer import quantise

    source = export(rounded, recipe.input, folder(work, "passes"))
    ranges = calibrate(source, calibration).table(calibration.rule)
    steps = (*activation_steps(source, ranges), *weight_steps(source))
    yield "passes", converted(source, half=True, steps=steps)
    yield "symmetric", converted(source, half=True, steps=[symmetric(step) for step in steps])
    yield "clip", clipped(rounded, recipe, calibration, folder(work, "clip"))
    with torch.no_grad():
        exported = torch.export.export(rounded, (torch.zeros(1, *rounded_shape(recipe)),))
        program, _ = quantise(exported, calibration)
    pt2e = replace_program(source, program.run_decompositions({}))
    yield "pt2e", converted(pt2e, half=True, steps=())


def converted(source: Source, half: bool, steps):
    import coremltools

    return coremltools.convert(**conversion(source, half, steps))


def folder(work: Path, name: str) -> Path:
    (work / name).mkdir()
    return work / name


def rounded_shape(recipe) -> tuple[int, int, int]:
    return recipe.input.channels, recipe.input.height, recipe.input.width


def symmetric(step):
    import coremltools.optimize.coreml as optimize

    name, options = step
    if "activation_stats" not in options:
        return step
    config = optimize.OptimizationConfig(
        global_config=optimize.OpLinearQuantizerConfig(mode="linear_symmetric"),
        op_name_configs=options["config"].op_name_configs,
    )
    return name, {**options, "config": config}


def clipped(rounded, recipe, calibration, work):
    """The route without ``clip_to_relu6``: coremltools then quantises before and behind every clip."""
    from coremltools.converters.mil.mil.passes.pass_registry import PASS_REGISTRY

    replacing = PASS_REGISTRY[relu6.PASS]
    apply = type(replacing).apply
    type(replacing).apply = lambda self, program: None
    try:
        source = export(rounded, recipe.input, work)
        ranges = calibrate(source, calibration).table(calibration.rule)
        return converted(source, half=True, steps=(*activation_steps(source, ranges), *weight_steps(source)))
    finally:
        type(replacing).apply = apply


def replace_program(source: Source, program) -> Source:
    modules = {}
    for node in program.graph.nodes:
        stack = list(node.meta.get("nn_module_stack", {}).values())
        modules[node.name] = str(stack[-1][0]).split(".")[0] if stack else ""
    return replace(source, program=program, modules=modules)


if __name__ == "__main__":
    main()
