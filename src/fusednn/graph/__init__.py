"""A network as a value: arrays with shapes, calls with named operands, gradients; no memory."""
