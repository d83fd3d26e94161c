"""What a GPU does otherwise than the CPU, tried on the CPU: products in 16 bits, layers of several models."""

import numpy as np
import pytest
import torch
from toy import toy_config, toy_stars

import gandalf_core
from gandalf_core.errors import ModelError
from gandalf_core.models.fit import Extras, train
from gandalf_core.networks.layers import ManyLinear
from gandalf_core.training import step
from gandalf_core.training.trainer import pick_device


class OnGpu(torch.Tensor):
    """A tensor that passes for one on a GPU."""

    is_cuda = property(lambda self: True)


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_of_several_models_gives_the_same_on_a_gpu(bias):
    torch.manual_seed(0)
    layer = ManyLinear(5, 4, bias=bias)
    layer.weight = torch.nn.Parameter(torch.randn(3, 4, 5, dtype=torch.double))
    if bias:
        layer.bias = torch.nn.Parameter(torch.randn(3, 4, dtype=torch.double))
    x = torch.randn(3, 7, 5, dtype=torch.double)
    there = layer(x.as_subclass(OnGpu))
    assert isinstance(there, OnGpu)
    torch.testing.assert_close(there.as_subclass(torch.Tensor), layer(x))


def test_a_gpu_that_is_not_there_is_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match="no CUDA device on this machine: use --device cpu or auto"):
        pick_device("cuda")
    assert pick_device("auto").type == "cpu"


@pytest.mark.long
def test_products_in_16_bits_keep_what_the_audit_says(monkeypatch):
    """The reconstruction and, label by label, what the latent tells and what is left of what was removed."""
    stars, others = toy_stars(3000), toy_stars(1500, seed=1)
    config = toy_config(training__epochs=15, model__noise=0.2)
    said, misfits, dtypes = {}, {}, set()
    product = torch.nn.functional.linear
    monkeypatch.setattr(
        torch.nn.functional, "linear", lambda *a: (dtypes.add((found := product(*a)).dtype), found)[1]
    )
    for kinds in (("cuda",), ("cpu",)):
        monkeypatch.setattr(step, "MIXED_ON", kinds)
        dtypes.clear()
        model = train(stars, config, device="cpu", extras=Extras(regressor_epochs=0))
        assert (torch.bfloat16 in dtypes) == (kinds == ("cpu",))
        z = model.encode(others).z
        said[kinds] = gandalf_core.audit_latent(
            z,
            others.labels,
            label_names=others.label_names,
            removed=("teff", "logg"),
            kept=("mh", "alphafe"),
            probes=("ridge",),
        ).to_dict()
        misfits[kinds] = np.mean((model.reconstruct(others) - others.flux) ** 2)
    exact, mixed = said.values()
    assert misfits["cpu",] == pytest.approx(misfits["cuda",], rel=0.1)
    for label in ("teff", "logg"):  # another seed moves it as far
        ours, theirs = (found["removed"][label]["partial"] for found in (exact, mixed))
        assert max(ours, theirs) < 0.1 and abs(ours - theirs) < 0.05
    for label in ("mh", "alphafe"):
        ours, theirs = (found["kept"][label]["r2"] for found in (exact, mixed))
        assert min(ours, theirs) > 0.95 and abs(ours - theirs) < 0.02
