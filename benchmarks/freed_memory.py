"""CPU seconds and peak memory of training steps that keep freed memory against steps that hand it back.

    python benchmarks/freed_memory.py [timm's name] [side] [batch]

One process after the other, in turns; forward, backward and the optimizer's step on random films.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from statistics import median

ROUNDS, STEPS = 3, 6


def main() -> None:
    name, side, batch = (*sys.argv[1:], *("efficientnet_lite0", "224", "16")[len(sys.argv) - 1 :])[:3]
    found: dict[str, list[list[float]]] = {"handed back": [], "kept": []}
    for _ in range(ROUNDS):
        for way, figures in found.items():
            command = [sys.executable, __file__, "--steps", way, name, side, batch]
            figures.append(
                [float(x) for x in subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split()]
            )
    for way, figures in found.items():
        seconds, of_system, peak = (median(column) for column in zip(*figures, strict=True))
        print(f"{way:12} {seconds:6.2f} CPU s a step, {of_system:5.2f} of them the system's; peak {peak:5.0f} MB")
    ratios = [kept[0] / back[0] for back, kept in zip(found["handed back"], found["kept"], strict=True)]
    print(f"kept / handed back: {min(ratios):.2f} to {max(ratios):.2f}, median {median(ratios):.2f}")


def steps(way: str, name: str, side: int, batch: int) -> None:
    import timm
    import torch

    from cxredge.distill.freed_memory import keep_freed_memory

    if way == "kept" and not keep_freed_memory():
        sys.exit("this C library has no mallopt")
    torch.set_num_threads(1)
    model = timm.create_model(name, num_classes=5, in_chans=1).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    films, targets = torch.rand(batch, 1, side, side), torch.rand(batch, 5)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(model(films), targets).backward()
        optimizer.step()

    step()
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(STEPS):
        step()
    after = resource.getrusage(resource.RUSAGE_SELF)
    system = after.ru_stime - before.ru_stime
    whole = after.ru_utime - before.ru_utime + system
    print(whole / STEPS, system / STEPS, after.ru_maxrss / 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--steps"]:
        steps(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
