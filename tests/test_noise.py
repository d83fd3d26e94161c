"""The noise of exported latents: normal, the same for the same star, and nobody's who lacks the key."""

from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pytest
from toy import WAVELENGTH_NM, toy_config, toy_stars

from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.data.spectra import SpectraSet, concatenate
from gandalf_core.io import ParquetWriter, read_latents, read_stars, write_latents, write_stars
from gandalf_core.models import trained
from gandalf_core.models.fit import Extras, bare_model, train
from gandalf_core.models.noise import noise_domain, star_noise
from gandalf_core.training.trainer import Trainer

KEY, OTHER = NoiseKey.from_seed(0), NoiseKey.from_seed(1)
DOMAIN = b"d" * 32
N, SIZE = 20_000, 25
IDS = np.char.add("star-", np.arange(N).astype(str))


def public_noise(ids: np.ndarray, size: int, seed: int) -> np.ndarray:
    """What everybody could compute before: the noise as a function of id and seed alone."""

    def mixed(word):
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return word ^ (word >> np.uint64(31))

    hashes = [blake2b(f"{seed}:{star}".encode(), digest_size=8).digest() for star in ids.tolist()]
    keys = np.array([int.from_bytes(h, "little") for h in hashes], np.uint64)
    pairs = (size + 1) // 2
    counters = np.arange(1, 2 * pairs + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    words = mixed(keys[:, None] + counters)
    uniform = ((words >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24)
    radius, angle = np.sqrt(-2 * np.log(uniform[:, :pairs])), np.float32(2 * np.pi) * uniform[:, pairs:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1)[:, :size]


def noise_of(model, stars, key=None) -> np.ndarray:
    """(N, Z) what was added to the mean latent, in units of σ."""
    return (model.encode(stars, key=key).z - model.encode_mean(stars)) / model.config.model.noise


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.fixture(scope="module")
def spectra():
    return np.random.default_rng(5).normal(size=(N, 30)).astype(np.float32)


@pytest.fixture(scope="module")
def noise(spectra):
    return star_noise(KEY, DOMAIN, IDS, spectra, SIZE)


# --- its distribution: N · SIZE = 500,000 numbers, bounds of four to five standard deviations ---


def test_it_is_standard_normal(noise):
    assert noise.shape == (N, SIZE) and noise.dtype == np.float32
    assert abs(noise.mean()) < 0.006 and abs(noise.var() - 1) < 0.009
    assert abs((noise**3).mean()) < 0.02 and abs((noise**4).mean() - 3) < 0.06
    for limit, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        assert abs((np.abs(noise) < limit).mean() - share) < 0.003
    assert np.abs(noise.mean(0)).max() < 0.035 and np.abs(noise.var(0) - 1).max() < 0.05


def test_dimensions_are_independent(noise):
    off_diagonal = np.abs(np.corrcoef(noise.T) - np.eye(SIZE))
    assert off_diagonal.max() < 0.035
    # the two halves of a Box-Muller pair share a radius: their squares must not tell of it
    assert np.abs(np.corrcoef((noise**2).T) - np.eye(SIZE)).max() < 0.035


def test_stars_are_independent(noise):
    assert abs(correlation(noise[:-1], noise[1:])) < 0.007
    per_pair = [correlation(a, b) for a, b in zip(noise[:-1:2], noise[1::2], strict=True)]
    assert abs(np.std(per_pair) - (SIZE - 1) ** -0.5) < 0.01


def test_any_other_input_has_independent_noise(spectra, noise):
    nearly = spectra.copy()
    nearly[:, 7] = np.nextafter(nearly[:, 7], np.float32(9))
    others = {
        "another key": star_noise(OTHER, DOMAIN, IDS, spectra, SIZE),
        "another encoder": star_noise(KEY, b"e" * 32, IDS, spectra, SIZE),
        "another id": star_noise(KEY, DOMAIN, np.char.add(IDS, "b"), spectra, SIZE),
        "the last digit of one pixel": star_noise(KEY, DOMAIN, IDS, nearly, SIZE),
    }
    for name, other in others.items():
        assert abs(correlation(noise, other)) < 0.007, name
        assert abs((noise - other).std() - 2**0.5) < 0.01, name


def test_the_same_input_has_the_same_noise(spectra, noise):
    order = np.random.default_rng(1).permutation(N)[:500]
    strided = np.asfortranarray(spectra[order].astype(">f4"))
    assert np.array_equal(star_noise(KEY, DOMAIN, IDS[order], strided, SIZE), noise[order])
    zeros = np.zeros((1, 30), np.float32)
    assert np.array_equal(*(star_noise(KEY, DOMAIN, IDS[:1], z, SIZE) for z in (zeros, -zeros)))
    assert star_noise(KEY, DOMAIN, IDS[:0], spectra[:0], SIZE).shape == (0, SIZE)
    assert star_noise(KEY, DOMAIN, IDS[:3], spectra[:3], 1).shape == (3, 1)
    assert star_noise(KEY, DOMAIN, np.array(["α Cen", "\udce9t\u00e9"]), spectra[:2], 4).shape == (2, 4)
    assert star_noise(KEY, DOMAIN, IDS[:3], spectra[:3], 200).shape == (3, 200)


# --- who can subtract it ---


def test_no_function_of_id_and_seed_subtracts_it(model, stars):
    """The residual of a wrong guess is √2 σ, more than leaving the noise alone: it does not help."""
    mean, z, sigma = model.encode_mean(stars), model.encode(stars).z, model.config.model.noise
    for seed in range(40):
        guess = public_noise(stars.ids, model.latent_size, seed)
        assert abs((z - sigma * guess - mean).std() / sigma - 2**0.5) < 0.1
        assert abs(correlation(noise_of(model, stars), guess)) < 0.08
    one_id = replace(stars, ids=np.full(len(stars), "HD 1"))  # id and seed fixed, the noise is not
    assert abs(noise_of(model, one_id).std(0) - 1).max() < 0.2


def test_who_has_the_key_the_spectrum_and_the_encoder_subtracts_it(model, stars):
    mean, z = model.encode_mean(stars), model.encode(stars, key=KEY).z
    inputs = model.scaler.flux_in(stars.flux, stars.mask)
    domain = noise_domain(model.encoder, model.config.model.noise)
    known = star_noise(KEY, domain, stars.ids, inputs, model.latent_size)
    assert np.abs(z - model.config.model.noise * known - mean).max() < 1e-5


def test_repeated_exports_do_not_average_out(model, stars):
    exports = [model.encode(s, key=KEY).z[np.argsort(o)] for s, o in orders(stars, 16)]
    rest = np.mean(exports, 0) - model.encode_mean(stars)
    assert abs(rest.std() / model.config.model.noise - 1) < 0.1
    many = np.mean([noise_of(model, stars, NoiseKey.from_seed(0, i)) for i in range(16)], 0)
    assert abs(many.std() - 0.25) < 0.02  # 16 keys would do: √(1/16)


def orders(stars, times):
    """The stars in several orders, each with the order."""
    for seed in range(times):
        order = np.random.default_rng(seed).permutation(len(stars))
        yield stars[order], order


def test_two_measurements_of_a_star_have_two_noises(model):
    first = toy_stars(400, seed=6)
    second = replace(first, flux=first.flux + np.float32(1e-4))
    assert abs(correlation(noise_of(model, first), noise_of(model, second))) < 0.08


# --- whose noise it is ---


def test_a_copy_has_the_same_noise_and_another_encoder_its_own(stars):
    def bare(**changes):
        trainer = Trainer(stars, toy_config(**changes), "cpu")
        list(trainer.epochs())
        return bare_model(trainer, stars)

    one, two = bare(), bare(training__seed=3)
    copy = replace(one, name="copy", decoder=two.decoder, model_id="copy@1", card={"any": "thing"})
    assert np.array_equal(one.encode(stars).z, copy.encode(stars).z)
    assert abs(correlation(noise_of(one, stars), noise_of(two, stars))) < 0.08
    louder = noise_domain(one.encoder, 0.5), noise_domain(one.encoder, 0.4)
    assert louder[0] != louder[1]


def test_what_the_encoder_does_not_see_changes_nothing(model, stars):
    """Else two files with one μ had two noises, and their mean less of it."""
    mask = np.zeros(stars.flux.shape, bool)
    mask[:, 20] = True
    filled = [replace(stars, mask=mask, flux=np.where(mask, v, stars.flux)) for v in (np.nan, 0.7)]
    assert np.array_equal(*(model.encode(s).z for s in filled))
    other_errors = replace(stars, flux_error=None, labels=stars.labels + 1)
    assert np.array_equal(model.encode(other_errors).z, model.encode(stars).z)


def test_the_labels_of_a_conditional_encoder_count(stars):
    config = toy_config("paper-physical-removed", model__conditional_encoder=True, model__noise=0.4)
    trainer = Trainer(stars, config, "cpu")
    list(trainer.epochs())
    model = bare_model(trainer, stars)
    shifted = stars.with_labels(stars.labels * 1.001)
    assert abs(correlation(noise_of(model, stars), noise_of(model, shifted))) < 0.08


# --- the same star, the same latent ---


@pytest.fixture(scope="module")
def gappy():
    """Stars of which some have masked pixels, also finer than the model's grid."""
    stars = toy_stars(60, seed=12)
    mask = np.zeros(stars.flux.shape, bool)
    mask[::7, 30] = True
    return replace(stars, mask=mask, flux=np.where(mask, np.nan, stars.flux))


@pytest.mark.parametrize("suffix", ["npz", "parquet", "fits", "csv", "ecsv", "vot"])
def test_any_file_format_gives_the_same_latent(model, gappy, tmp_path, suffix):
    write_stars(tmp_path / f"stars.{suffix}", gappy)
    again = read_stars(tmp_path / f"stars.{suffix}")
    assert again.ids.tolist() == gappy.ids.tolist()
    assert np.abs(model.encode(again).z - model.encode(gappy).z).max() < 1e-5


def test_order_company_and_chunk_change_nothing(model, gappy, monkeypatch):
    whole = model.encode(gappy).z
    assert np.abs(model.encode(gappy[::-1]).z[::-1] - whole).max() < 1e-5
    alone = [model.encode(gappy[i]).z[0] for i in range(20)]
    assert np.abs(alone - whole[:20]).max() < 1e-5
    crowd = concatenate([toy_stars(50, seed=2), gappy])
    assert np.abs(model.encode(crowd).z[50:] - whole).max() < 1e-5
    monkeypatch.setattr(trained, "CHUNK", 7)
    assert np.abs(model.encode(gappy).z - whole).max() < 1e-5


def test_company_does_not_change_a_resampled_star(model):
    """One star's masked samples must not change another's last digit: that would be another noise."""
    fine = np.linspace(846.0, 870.0, 2401)
    coarse = toy_stars(40, seed=12)
    flux = np.array([np.interp(fine, WAVELENGTH_NM, row) for row in coarse.flux], np.float32)
    mask = np.zeros(flux.shape, bool)
    mask[::3, 900:903] = True
    stars = SpectraSet(flux, fine, coarse.ids, coarse.labels, coarse.label_names, mask=mask)
    alone = np.concatenate([model.encode(stars[i]).z for i in range(40)])
    assert np.abs(model.encode(stars).z - alone).max() < 1e-5


# --- latents know their key ---


def test_latents_carry_the_keys_fingerprint_through_files(model, stars, tmp_path):
    latents = model.encode(stars[:9], key=OTHER)
    assert latents.key_fingerprint == OTHER.fingerprint != model.encode(stars[:9]).key_fingerprint
    assert latents[2:4].key_fingerprint == OTHER.fingerprint
    for name in ("z.npz", "z.parquet"):
        write_latents(tmp_path / name, latents)
        assert read_latents(tmp_path / name).key_fingerprint == OTHER.fingerprint
    with pytest.raises(ValueError, match="model or key"), ParquetWriter(tmp_path / "two.parquet") as out:
        out.write(latents)
        out.write(model.encode(stars[9:12]))


def test_latents_of_an_earlier_version_decode_and_map(model, stars, tmp_path):
    """Their noise was another one, of the same size; their files say nothing of a key."""
    sigma = model.config.model.noise
    z = model.encode_mean(stars) + sigma * public_noise(stars.ids, model.latent_size, 0)
    texts = {"ids": stars.ids, "label_names": np.array(stars.label_names), "model_id": model.model_id}
    np.savez(tmp_path / "old.npz", z=z, labels=stars.labels, **texts)
    old, new = read_latents(tmp_path / "old.npz"), model.encode(stars)
    assert old.key_fingerprint == ""
    spectra = [model.decode(latents, stars.labels) - stars.flux for latents in (old, new)]
    assert abs(spectra[0].std() / spectra[1].std() - 1) < 0.05
    places = [model.projections["latent-pca"].place(latents.z) for latents in (old, new)]
    assert np.isfinite(places[0]).all() and abs(places[0].std() / places[1].std() - 1) < 0.1


def test_a_model_without_noise_needs_no_key(stars, monkeypatch, tmp_path):
    monkeypatch.setenv("GANDALF_NOISE_KEY", str(tmp_path / "no" / "key.txt"))
    trainer = Trainer(stars, toy_config("autoencoder"), "cpu")
    list(trainer.epochs())
    model = bare_model(trainer, stars)
    latents = model.encode(stars)
    assert np.array_equal(latents.z, model.encode_mean(stars)) and latents.key_fingerprint == ""
    assert model.under(KEY).noise_key is None and not (tmp_path / "no").exists()


def test_a_finished_model_is_the_same_everywhere_but_for_its_maps(monkeypatch, tmp_path):
    models, stars = [], toy_stars(300)
    for name in ("here", "there"):
        monkeypatch.setenv("GANDALF_NOISE_KEY", str(tmp_path / f"{name}.txt"))
        extras = Extras(maps=("pca",), regressor_epochs=5)
        models.append(train(stars, toy_config(), device="cpu", extras=extras))
    here, there = models
    assert here.key is None and here.card["figures"] == there.card["figures"]
    assert np.array_equal(here.outlier_reference.latent_mean, there.outlier_reference.latent_mean)
    of_test = stars[np.isin(stars.ids, here.test_ids)]
    assert np.array_equal(here.encode(of_test, key=KEY).z, there.encode(of_test, key=KEY).z)
    maps = [m.projections["latent-pca"].xy for m in models]
    assert np.abs(maps[0] - maps[1]).max() > 0.1
    extras = Extras(maps=("pca",), regressor_epochs=5, key=KEY)
    stored = train(stars, toy_config(), device="cpu", extras=extras).projections["latent-pca"]
    shown = stars[np.array([stars.ids.tolist().index(star) for star in stored.ids.tolist()])]
    assert np.allclose(stored.xy, stored.place(here.encode(shown, key=KEY).z), atol=1e-4)
