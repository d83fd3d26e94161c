"""The networks: shapes, the mean + residual decoder, normalisation, and stacks as independent networks."""

import pytest
import torch

from gandalf_core.config.schema import ModelConfig
from gandalf_core.networks.autoencoder import Decoder, Encoder
from gandalf_core.networks.layers import Mlp, Stack

L, N = 30, 16


@pytest.fixture(autouse=True)
def _fixed_seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("activation", ["relu", "silu", "tanh", "sigmoid"])
def test_a_network_is_its_layers_and_ends_without_an_activation(activation):
    net, x = Mlp((3, 5, 2), activation), torch.randn(N, 3)
    assert [type(layer).__name__.lower() for layer in net] == ["linear", activation, "linear"]
    one_by_one = x
    for layer in net:
        one_by_one = layer(one_by_one)
    assert torch.allclose(net.train()(x), one_by_one, atol=1e-6) and torch.equal(net.eval()(x), one_by_one)


def test_blind_encoder_reads_pixels_and_conditional_one_labels_too():
    blind = Encoder(ModelConfig(), L)
    assert blind(torch.randn(N, L)).shape == (N, 25)
    conditional = Encoder(ModelConfig(condition_on=("teff", "mh"), conditional_encoder=True), L)
    assert conditional(torch.randn(N, L + 2)).shape == (N, 25)


def test_the_decoder_responds_to_its_labels():
    decoder = Decoder(ModelConfig(condition_on=("teff",), latent_size=4), L)
    z = torch.randn(N, 4)
    assert decoder(z, torch.zeros(N, 1)).shape == (N, L)
    assert not torch.equal(decoder(z, torch.zeros(N, 1)), decoder(z, torch.ones(N, 1)))


def test_mean_part_adds_what_the_labels_say_and_takes_no_gradient_from_the_whole():
    decoder = Decoder(ModelConfig(condition_on=("teff",), latent_size=4, mean_hidden=(8,)), L)
    z, y = torch.randn(N, 4), torch.rand(N, 1)
    whole = decoder(z, y)
    assert torch.allclose(whole - decoder.rest(torch.cat([z, y], 1)), decoder.mean(y), atol=1e-6)
    whole.square().sum().backward()
    assert all(p.grad is None for p in decoder.mean.parameters())
    assert all(p.grad is not None for p in decoder.rest.parameters())


def test_a_mean_part_of_several_networks_is_their_average():
    config = ModelConfig(condition_on=("teff",), latent_size=4, mean_hidden=(8,), mean_networks=3)
    decoder, y = Decoder(config, L), torch.rand(N, 1)
    outputs = torch.stack([net(y) for net in decoder.means])
    assert outputs.std(0).min() > 0 and torch.allclose(decoder.mean(y), outputs.sum(0) / 3, atol=1e-6)
    assert Decoder(ModelConfig(), L).means == []


def test_normalised_latent_has_unit_variance_whatever_the_scale_of_the_input():
    encoder = Encoder(ModelConfig(normalise_latent=True, latent_size=5), L).train()
    z = encoder(torch.randn(4000, L) * 1e3)
    assert torch.allclose(z.mean(0), torch.zeros(5), atol=1e-4)
    assert torch.allclose(z.std(0), torch.ones(5), atol=1e-2)
    # no affine part that could shrink a dimension and hide a trace in it
    assert not list(encoder.norm.parameters())


def test_sigmoid_choices_bound_latent_and_output():
    config = ModelConfig(latent_activation="sigmoid", output_activation="sigmoid", latent_size=4)
    z = Encoder(config, L)(torch.randn(N, L) * 50)
    x = Decoder(config, L)(z * 50, torch.empty(N, 0))
    for values in (z, x):
        assert values.min() >= 0 and values.max() <= 1


def test_a_stack_is_its_networks_evaluated_one_by_one():
    stack, x = Stack(3, (6, 8, 4), "tanh"), torch.randn(N, 6)
    for k, out in enumerate(stack(x)):
        hidden = torch.tanh(x @ stack.weights[0][k] + stack.biases[0][k])
        assert torch.allclose(out, hidden @ stack.weights[1][k] + stack.biases[1][k], atol=1e-6)


def test_networks_of_a_stack_do_not_share_gradients():
    stack = Stack(3, (6, 8, 4), "relu")
    stack(torch.randn(N, 6))[1].sum().backward()
    moved = stack.weights[0].grad.abs().sum((1, 2))
    assert moved[1] > 0 and moved[0] == moved[2] == 0


def test_a_frozen_stack_passes_the_gradient_on_without_taking_any():
    stack, x = Stack(2, (6, 8, 4), "relu"), torch.randn(N, 6, requires_grad=True)
    stack(x, frozen=True).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(p.grad is None for p in stack.parameters())
