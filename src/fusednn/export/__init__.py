"""Exports networks as ONNX, C source and shared libraries."""
