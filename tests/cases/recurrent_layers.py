"""The part of `every_part.LAYERS` that is about recurrences; data have six columns."""

from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    BatchNorm,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    GlobalMaxPool,
    LayerNorm,
    Reshape,
    Residual,
)

RECURRENT_LAYERS = {
    "RNN": [Reshape(3, 2), RNN(5), Dropout(0.1), Dense(4, "tanh")],
    "RNN, ReLU": [
        *(
            Reshape(6, 1),
            RNN(17, "relu", return_sequences=True),
            Dropout(0.2),
            RNN(3, bidirectional=True),
        ),
    ],
    "LSTM": [Reshape(3, 2), LSTM(6), LayerNorm()],
    "LSTM, sequences": [
        *(Reshape(2, 3, channels="first"), Conv1D(4, 2, "relu"), LSTM(17, return_sequences=True)),
        *(BatchNorm(), Activation("tanh"), LSTM(3, bidirectional=True, forget_bias=1.0)),
    ],
    "LSTM in a residual": [
        *(Reshape(3, 2), Residual([LSTM(2, return_sequences=True), Dropout(0.1)])),
        *(LSTM(4, return_sequences=True, bidirectional=True), GlobalMaxPool()),
    ],
    "GRU": [Reshape(6, 1), GRU(5), Dense(4, "relu")],
    "GRU, sequences": [
        *(Reshape(3, 2), GRU(17, return_sequences=True, bidirectional=True), Dropout(0.1)),
        *(Dense(5, "gelu"), GRU(4, return_sequences=True), Flatten()),
    ],
    "one step": [
        *(Reshape(1, 6), GRU(4, return_sequences=True, bidirectional=True)),
        *(RNN(3, return_sequences=True), LSTM(4, bidirectional=True)),
    ],
}
