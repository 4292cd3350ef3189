"""Cases (a) to (c) of `layered`, networks over images, for fusednn and PyTorch."""


def lenet():
    """(a): LeCun et al., 1998, with ReLU and largest of windows."""
    from fusednn.layers import Conv2D, Dense, Flatten, MaxPool2D, Reshape

    return [
        Reshape(28, 28, 1),
        *(Conv2D(6, 5, "relu", padding="valid"), MaxPool2D(2)),
        *(Conv2D(16, 5, "relu", padding="valid"), MaxPool2D(2), Flatten()),
        *(Dense(120, "relu"), Dense(84, "relu")),
    ]


def small():
    """(b)."""
    from fusednn.layers import Conv2D, Dense, Flatten, MaxPool2D, Reshape

    return [
        Reshape(28, 28, 1),
        *(Conv2D(32, 3, "relu", padding="valid"), Conv2D(64, 3, "relu", padding="valid")),
        *(MaxPool2D(2), Flatten(), Dense(128, "relu")),
    ]


def resnet():
    """(c): three residual blocks with BatchNorm; He et al., 2016."""
    from fusednn.layers import Activation, BatchNorm, Conv2D, GlobalAvgPool, Reshape, Residual

    def block(filters, stride):
        inner = [
            *(Conv2D(filters, 3, stride=stride, padding=1, bias=False), BatchNorm()),
            *(Activation("relu"), Conv2D(filters, 3, padding=1, bias=False), BatchNorm()),
        ]
        shortcut = None
        if stride > 1:
            shortcut = [Conv2D(filters, 1, stride=stride, bias=False), BatchNorm()]
        return [Residual(inner, shortcut=shortcut), Activation("relu")]

    return [
        *(Reshape(32, 32, 3), Conv2D(16, 3, bias=False), BatchNorm(), Activation("relu")),
        *(*block(16, 1), *block(32, 2), *block(64, 2), GlobalAvgPool()),
    ]


def torch_lenet(torch):
    """(a) in PyTorch."""
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def torch_small(torch):
    """(b) in PyTorch."""
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


def torch_resnet(torch):
    """(c) in PyTorch."""
    nn = torch.nn

    def convolution(channels, filters, size, stride):
        padding = size // 2
        made = nn.Conv2d(channels, filters, size, stride, padding, bias=False)
        return [made, nn.BatchNorm2d(filters)]

    class Block(nn.Module):
        def __init__(self, channels, filters, stride):
            super().__init__()
            first = convolution(channels, filters, 3, stride)
            self.inner = nn.Sequential(*first, nn.ReLU(), *convolution(filters, filters, 3, 1))
            self.shortcut = nn.Identity()
            if stride > 1:
                self.shortcut = nn.Sequential(*convolution(channels, filters, 1, stride))

        def forward(self, x):
            return torch.relu(self.inner(x) + self.shortcut(x))

    return nn.Sequential(
        *(*convolution(3, 16, 3, 1), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2)),
        *(Block(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
    )
