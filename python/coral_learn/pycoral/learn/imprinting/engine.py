"""The weight imprinting engine."""

from ....heads.imprinting import ImprintingEngine

__all__ = ["ImprintingEngine"]
