"""Networks for other programs: ONNX, C, and shared libraries made of it."""
