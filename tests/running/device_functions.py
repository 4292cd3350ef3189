"""The functions that records have, for ops that are compiled by themselves."""

from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.losses import LOSSES
from fusednn.kernels.operands import DECLARED
from fusednn.kernels.ops.game_losses import GAME_LOSSES
from fusednn.kernels.ops.updates.adjust import adjust
from fusednn.kernels.optimizers import OPTIMIZERS

FORWARD = {name: one.forward for name, one in ACTIVATIONS.items() if one.forward is not None}
SLOPES = {f"{name}-slopes": one.slopes for name, one in ACTIVATIONS.items() if one.slopes}
BACKWARD = {name: one.backward for name, one in ACTIVATIONS.items() if one.backward is not None}
GIVEN = {
    "activate": {**FORWARD, **SLOPES},
    "differentiate": BACKWARD,
    "loss_gradient": {
        **{name: loss.function for name, loss in LOSSES.items()},
        **{f"game_{name}": loss.function for name, loss in GAME_LOSSES.items()},
    },
    "known_loss_gradient": {"squared_error": LOSSES["squared_error"].function},
    "next_token_loss": {"softmax": LOSSES["softmax"].function},
    "dropout": {"derivative": BACKWARD["tanh"]},
    "update_weights": {name: one.step for name, one in OPTIMIZERS.items()},
}
"""The functions of ops that are tried one by one, by a label; the others get one."""


def functions_of(op):
    """Functions of an op's record, by labels: a dict by the names of its operands for each."""
    name = getattr(op, "py_func", op).__name__
    kinds = DECLARED[op].kinds if op in DECLARED else {}
    operands = [operand for operand, kind in kinds.items() if kind.name == "function"]
    if not operands:
        return {"": {}}
    if operands == ["step", "adjust"]:
        steps = GIVEN.get(name, {"adam": OPTIMIZERS["adam"].step})
        found = {f"-{label}": {"step": step} for label, step in steps.items()}
        return {**found, "-adjusted": {"step": OPTIMIZERS["adam"].step, "adjust": adjust}}
    if name == "dropout":
        return {"": {}, "-derivative": GIVEN[name]}
    if name == "parametric_forward":
        both = {"function": FORWARD["tanh"], "derivative": BACKWARD["tanh"]}
        return {"": both}
    if name.startswith("emit_"):
        return {"": {}, "-link": {"function": LOSSES["softmax"].link}}
    return {f"-{label}": {operands[0]: one} for label, one in GIVEN[name].items()}
