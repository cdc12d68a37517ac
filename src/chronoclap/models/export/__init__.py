"""Towers that run without torch, as ONNX files."""

from chronoclap.models.export.onnx import export_onnx

__all__ = ["export_onnx"]
