"""What the hooks of a method do by default, where that moves a number."""

from torch import Tensor, nn

from benchmark.methods.losses import weighted_bce_iou


def default_loss(logits: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Weighted BCE and IoU of logits (B, 1, H, W)."""
    return {"total": weighted_bce_iou(logits, mask)}


def all_that_learn(method: nn.Module, lr: float) -> list[dict[str, object]]:
    """One group with every parameter that has requires_grad."""
    return [{"params": [p for p in method.parameters() if p.requires_grad], "lr": lr}]
