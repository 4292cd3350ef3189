"""The part of `every_part.LAYERS` that is about attention; data have six columns."""

from fusednn.layers import (
    Activation,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    MultiHeadAttention,
    PositionalEncoding,
    Reshape,
    Residual,
    TransformerBlock,
)

ATTENTION_LAYERS = {
    "MultiHeadAttention": [
        *(Reshape(3, 2), Dense(6), MultiHeadAttention(2, dropout=0.2), Activation("tanh")),
        Flatten(),
    ],
    "MultiHeadAttention, causal": [
        *(Reshape(6, 1), PositionalEncoding("rotary"), Dense(8)),
        Residual([LayerNorm(), MultiHeadAttention(4, True, kv_heads=2, bias=False)]),
        *(Dropout(0.1), GlobalAvgPool(), Dense(5, "tanh")),
    ],
    "MultiHeadAttention, of one column": [
        *(Reshape(6, 1), PositionalEncoding(), MultiHeadAttention(1), Flatten()),
    ],
    "PositionalEncoding": [
        *(Reshape(2, 3), PositionalEncoding("sinusoidal"), Dense(5, "relu")),
        *(PositionalEncoding(), Dropout(0.2), Flatten()),
    ],
    "TransformerBlock": [
        *(Reshape(3, 2), Dense(4), PositionalEncoding()),
        *(TransformerBlock(2, dropout=0.1), GlobalAvgPool()),
    ],
    "TransformerBlock, norms last": [
        *(Reshape(2, 3), Dense(8), PositionalEncoding("rotary")),
        TransformerBlock(2, 5, "relu", True, norm_first=False, kv_heads=1),
        Flatten(),
    ],
    "TransformerBlock, SwiGLU": [
        *(Reshape(3, 2), Dense(6)),
        TransformerBlock(3, 7, "swiglu", norm="rms", bias=False),
        *(Activation("tanh"), Flatten(), Dense(5, "relu")),
    ],
}
