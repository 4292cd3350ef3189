"""The part of `every_part.LAYERS` that is about windows; data have six columns."""

from fusednn.layers import (
    Activation,
    AvgPool1D,
    AvgPool2D,
    BatchNorm,
    Conv1D,
    Conv2D,
    ConvTranspose1D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    LayerNorm,
    MaxPool1D,
    MaxPool2D,
    PReLU,
    Reshape,
    Residual,
    UpSample1D,
    UpSample2D,
)

WINDOW_LAYERS = {
    "Conv1D": [
        *(Reshape(6, 1), Conv1D(17, 3, "relu", padding="causal", dilation=2), Dropout(0.1)),
        *(Conv1D(3, 2, stride=2, padding=(0, 1), max_norm=2.0), Flatten()),
    ],
    "Conv2D": [
        *(Reshape(1, 2, 3, channels="first"), Conv2D(5, 2), BatchNorm(), Activation("relu")),
        *(Conv2D(3, (1, 2), "tanh", padding=((1, 0), 2), bias=False), LayerNorm(), Flatten()),
    ],
    "Conv2D in a residual": [
        *(Reshape(2, 3, 1), Conv2D(4, 2), Residual([Conv2D(6, 3, "gelu"), Conv2D(4, 1)])),
        *(BatchNorm(), Conv2D(5, 2, "relu", padding="valid"), Flatten()),
    ],
    "grouped": [
        *(Reshape(3, 2), Conv1D(6, 2, "relu", groups=2), Dropout(0.2, per="channel")),
        *(Conv1D(12, 3, "tanh", groups=6, dilation=2), Flatten()),
    ],
    "ConvTranspose1D": [
        *(Reshape(3, 2), ConvTranspose1D(4, 3, "relu", stride=2, padding=1, output_padding=1)),
        *(BatchNorm(), UpSample1D(2), Conv1D(3, 2, stride=2), Flatten()),
    ],
    "ConvTranspose2D": [
        *(Reshape(1, 3, 2), ConvTranspose2D(4, (2, 3), stride=(2, 1), padding="same", groups=2)),
        *(Activation("gelu"), UpSample2D((1, 2)), MaxPool2D((1, 2)), Flatten()),
    ],
    "Residual with a shortcut": [
        *(Reshape(3, 2), BatchNorm()),
        Residual(
            [Conv1D(5, 3, "relu", stride=2), Dropout(0.1), Conv1D(4, 2)],
            shortcut=[Conv1D(4, 1, stride=2, bias=False), BatchNorm()],
        ),
        *(Activation("relu"), Residual([Dense(3)], shortcut=[Dense(3), PReLU()]), Flatten()),
    ],
    "pools of series": [
        *(Reshape(6, 1), Dense(4), MaxPool1D(3, stride=2, padding=1), Activation("silu")),
        *(AvgPool1D(2, ceil_mode=True), Flatten(), Dense(4, "relu")),
    ],
    "pools of images": [
        *(Reshape(2, 3, 1), Conv2D(4, 2, "tanh"), MaxPool2D((2, 1), 1), Dropout(0.1)),
        *(AvgPool2D((1, 2), padding=(0, 1)), BatchNorm(), Flatten()),
    ],
    "GlobalMaxPool": [Reshape(3, 2), Conv1D(5, 2), GlobalMaxPool(), Activation("tanh")],
    "GlobalAvgPool": [Reshape(2, 3, 1), Conv2D(5, 2, "gelu"), GlobalAvgPool(), Dense(4, "relu")],
}
