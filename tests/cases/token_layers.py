"""The part of `every_part.LAYERS` that is about tokens; data have six codes from 1 to 4."""

from fusednn.layers import (
    GRU,
    LSTM,
    BatchNorm,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    TokenEmbedding,
)

TOKEN_LAYERS = {
    "TokenEmbedding": [TokenEmbedding(5, count=7, padding=0), Dropout(0.1), GRU(4)],
    "TokenEmbedding, convolution": [
        *(TokenEmbedding(17, 5), BatchNorm(), Conv1D(3, 2, "relu"), Flatten(), Dense(4, "tanh")),
    ],
    "TokenEmbedding, both directions": [
        *(TokenEmbedding(3, 5), Dense(4, "gelu"), LSTM(3, return_sequences=True)),
        *(GRU(2, bidirectional=True, return_sequences=True), GlobalAvgPool()),
    ],
}
