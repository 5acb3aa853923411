"""``timm/<name>``: a timm network as a student's backbone, without the layers that its class scores needed."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn, no_grad, zeros
from torch.nn import Module
from torch.utils.hooks import RemovableHandle

from cxredge.errors import InputError, nearest

PREFIX = "timm/"
SUGGESTIONS = 5


class TimmBackbone(nn.Module):
    """forward: image float32[N, ch, H, W] -> feature map float32[N, d, h, w], with d in ``features``.

    Weights are random; nothing is fetched. Layers that ``forward_features`` does not visit (the classifier, and in
    some networks a 1x1 convolution behind the pooling) are replaced by identities, so that the exported graph and
    the weights file hold no dead weights.
    """

    def __init__(self, name: str, channels: int, height: int, width: int) -> None:
        """Raises InputError STUDENT-UNKNOWN (not a timm network) or STUDENT-MAP (no float32[N, d, h, w] features)."""
        super().__init__()
        import timm

        arch = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX) or not timm.is_model(arch):
            known = nearest(arch, timm.list_models())[:SUGGESTIONS]
            raise InputError(
                "STUDENT-UNKNOWN",
                f"{name} is not a timm network",
                "name a backbone as timm/<name>",
                [PREFIX + k for k in known],
            )
        try:
            self.net = timm.create_model(arch, pretrained=False, in_chans=channels, num_classes=0)
            self.features = _probe(self.net, channels, height, width)
        except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError, AssertionError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise _no_map(name, f"cannot take {channels} x {height} x {width} input: {said}") from error
        if self.features == 0:
            raise _no_map(name, "does not end in a map of [N, d, h, w] features")

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        feats: Tensor = self.net.forward_features(image)
        return feats


def _no_map(name: str, why: str) -> InputError:
    return InputError(
        "STUDENT-MAP",
        f"{name} {why}",
        "choose a convolutional backbone whose forward_features gives a feature map",
        ["timm/efficientnet_lite0", "timm/mobilenetv2_100"],
    )


def _probe(net: Any, channels: int, height: int, width: int) -> int:
    """Run ``net`` once on zeros; drop the children that it did not visit. Returns d, or 0 where there is no map."""
    visited: set[Module] = set()

    def note(module: Module, _: object) -> None:
        visited.add(module)

    handles: list[RemovableHandle] = [m.register_forward_pre_hook(note) for m in net.modules()]
    training = net.training
    try:
        with no_grad():
            out = net.eval().forward_features(zeros(1, channels, height, width))
    finally:
        for handle in handles:
            handle.remove()
        net.train(training)
    # channels-last networks (Swin and its like) give [N, h, w, d]: their last side is num_features, not their second
    if not isinstance(out, Tensor) or out.ndim != 4 or out.shape[1] != net.num_features:
        return 0
    for child_name, child in net.named_children():
        if visited.isdisjoint(child.modules()) and any(True for _ in child.parameters()):
            setattr(net, child_name, nn.Identity())
    return int(out.shape[1])
