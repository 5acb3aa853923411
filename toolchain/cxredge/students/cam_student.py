"""The name that ``BackboneStudent`` had while every student had exact maps."""

from __future__ import annotations

from cxredge.students.backbone_student import BackboneStudent as CamStudent

__all__ = ["CamStudent"]
