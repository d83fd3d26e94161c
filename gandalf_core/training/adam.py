"""Adam as one fused call a step: `torch.optim.Adam.step` does the same arithmetic, but at a batch of 50 stars
its bookkeeping costs as much as the update itself."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Adam(torch.optim.Adam):
    """Adam (Kingma & Ba 2015), β = 0.9 and 0.999, ε = 1e-8. State and checkpoints are torch.optim.Adam's."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], learning_rate: float) -> None:
        super().__init__(parameters, learning_rate, fused=True)
        self._lists: tuple[list[Tensor], ...] = ()

    @torch.no_grad()
    def update(self) -> None:
        """One step from the gradients that `backward` left; they are freed, so that each step starts without
        any.
        """
        self._lists = self._lists or self._prepare()
        parameters, means, squares, counts = self._lists
        group = self.param_groups[0]
        torch._foreach_add_(counts, 1)
        torch._fused_adam_(
            parameters,
            [p.grad for p in parameters],
            means,
            squares,
            [],
            counts,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=0.0,
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )
        for parameter in parameters:
            parameter.grad = None

    def _prepare(self) -> tuple[list[Tensor], ...]:
        """Parameters, first and second moments and step counts as lists, the moments made at the first step."""
        parameters = [p for p in self.param_groups[0]["params"] if p.numel()]
        for p in parameters:
            if not self.state[p]:
                self.state[p] = {
                    "step": torch.zeros((), device=p.device),
                    "exp_avg": torch.zeros_like(p),
                    "exp_avg_sq": torch.zeros_like(p),
                }
        return parameters, *(
            [self.state[p][k] for p in parameters] for k in ("exp_avg", "exp_avg_sq", "step")
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As torch.optim.Adam's: the moments are new tensors afterwards."""
        super().load_state_dict(state_dict)
        self._lists = ()
