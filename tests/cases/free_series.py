"""Networks on series (T, 3) whose steps no layer fixes, and lists of layers that fix them."""

from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    AvgPool1D,
    BatchNorm,
    Conv1D,
    ConvTranspose1D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    LayerNorm,
    MaxPool1D,
    MultiHeadAttention,
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    PositionalEncoding,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
    Scale,
    TransformerBlock,
    UpSample1D,
)

FREE = {
    "last states": [Dense(4, "tanh"), LSTM(5, return_sequences=True), GRU(3)],
    "both directions": [
        *(GRU(3, return_sequences=True, bidirectional=True), Dropout(0.1)),
        *(LSTM(4, bidirectional=True), Dense(3, "relu")),
    ],
    "recurrence and norms": [
        *(RNN(4, return_sequences=True, bidirectional=True), BatchNorm(), Activation("sigmoid")),
        *(LayerNorm(), PReLU(), GlobalMaxPool()),
    ],
    "columns of steps": [
        *(Scale(), Periodic(3, 3), Dense(5), ParametricActivation("softplus")),
        *(PiecewiseLinear(size=3, columns=[1], edges=[[-0.5, 0.0, 0.4]]), Scale()),
        *(PiecewiseLinear(columns=[0], edges=[[-0.5, 0.5]]), Periodic(2, 2, kind="plr")),
        *(GRU(3, return_sequences=True), GlobalMaxPool()),
    ],
    "convolutions": [
        *(Conv1D(5, 3, "relu"), Conv1D(4, 2, stride=2), BatchNorm(), Activation("gelu")),
        *(Conv1D(4, 3, padding="causal", dilation=2, groups=2), GlobalAvgPool()),
    ],
    "pools": [
        *(AvgPool1D(2, ceil_mode=True), Conv1D(4, 2, "softplus", padding=(1, 2))),
        *(MaxPool1D(2, padding=1), RMSNorm()),
        *(AvgPool1D(3, stride=2, ceil_mode=True, padding=1), GRU(4)),
    ],
    "down and up": [
        *(Conv1D(4, 3, stride=2), ConvTranspose1D(3, 3, "tanh", stride=2), UpSample1D(2)),
        *(Residual([Conv1D(5, 3, "relu")], shortcut=[Dense(5)]), MaxPool1D(3, ceil_mode=True)),
        GlobalAvgPool(),
    ],
    "residual recurrence": [
        *(Residual([LSTM(3, return_sequences=True), Dropout(0.2)]), Residual([Dense(3, "relu")])),
        *(GRU(2, return_sequences=True), GlobalMaxPool()),
    ],
    "attention": [
        *(PositionalEncoding("rotary"), Dense(8), TransformerBlock(2, 5, "swiglu", True)),
        *(MultiHeadAttention(4, kv_heads=2, dropout=0.2), GlobalAvgPool()),
    ],
}
"""Lists of layers by name; each takes series of one step and more."""

FIXED = {
    "Flatten": [Conv1D(2, 3), Flatten()],
    "Reshape": [LSTM(2, return_sequences=True), Reshape(14), Dense(2)],
    "inside a residual": [Residual([Flatten(), Dense(2)], shortcut=[LSTM(2)])],
}
"""Lists of layers by name for series of 7 steps; the last in the message is the one that fixes."""
