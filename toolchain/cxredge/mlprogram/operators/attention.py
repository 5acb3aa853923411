"""Attention (iOS 18)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from cxredge.mlprogram.registry import FLOATS, operator


@operator("scaled_dot_product_attention", accepts=FLOATS)
def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    """softmax(query key^T / sqrt(E) + mask) value: [B, *, L, E], [B, *, S, E], [B, *, S, V] -> [B, *, L, V].

    attn_mask: broadcastable to [B, *, L, S]; a boolean one is false where an element takes no part. A row without any
    element is NaN, as MIL's formula says (PyTorch's own operator gives 0).
    """
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2] or query.dim() < 3:
        raise ValueError(f"batches {list(query.shape)}, {list(key.shape)} and {list(value.shape)} are not the same")
    if attn_mask is None:
        return functional.scaled_dot_product_attention(query, key, value)
    scores = torch.matmul(query * (1 / math.sqrt(query.shape[-1])), key.mT)
    if attn_mask.dtype == torch.bool:
        attn_mask = torch.zeros_like(attn_mask, dtype=scores.dtype).masked_fill_(~attn_mask, -math.inf)
    return torch.matmul(scores.add_(attn_mask).softmax(-1), value)
