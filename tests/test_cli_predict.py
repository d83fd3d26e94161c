"""`predict`: covariances, draws and errors of stars outside, in tables, JSON and for people."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from test_predictions import CORRELATION, KNOWN
from toy import toy_stars

from gandalf_core import write_stars
from gandalf_core.cli import main
from gandalf_core.cli.prediction_files import predictions_table, rows, samples_file, write_predictions
from gandalf_core.models.flags import flags_of
from gandalf_core.models.store import load_model
from gandalf_core.models.trained import TrainedModel

OUTSIDE = replace(
    KNOWN,
    verdict=np.array(["ordinary", "outside the sample"]),
    reason=np.array(["", "its Teff lies 900 K beyond the sample: chi² 9.1 − much"]),
    outside=np.array([False, True]),
)


@pytest.fixture
def ask(capsys, model_folder, tmp_path, monkeypatch):
    """ask(*options) -> (status, JSON object or None, standard output, standard error) of two stars."""
    write_stars(tmp_path / "two.npz", toy_stars(2))
    monkeypatch.setattr(TrainedModel, "predict", lambda model, stars, source: OUTSIDE)

    def call(*options):
        capsys.readouterr()
        status = main(["predict", str(model_folder), str(tmp_path / "two.npz"), *map(str, options)])
        out, err = capsys.readouterr()
        return status, json.loads(out) if out.startswith("{") else None, out, err

    return call


def test_json_has_covariances_and_says_that_errors_are_lower_limits(ask):
    status, result, _, err = ask("--json")
    assert status == 0 and result["labels"] == ["teff", "logg", "mh"]
    inside, outside = result["stars"]
    np.testing.assert_allclose(inside["covariance"], KNOWN.covariance[0])
    assert "samples" not in inside and not inside["outside"] and not inside["error_is_lower_limit"]
    assert outside["outside"] is outside["error_is_lower_limit"] is True
    assert outside["verdict"] == "outside the sample" and outside["reason"] == OUTSIDE.reason[1]
    note = "where `outside` is true, errors are lower limits"
    assert note in result["notes"] and f"note: {note}" in err


def test_people_read_at_least_and_why(ask):
    _, _, out, _ = ask()
    header, inside, outside, reason = out.splitlines()
    assert header.split()[-1] == "verdict" and "5000 ± 100 " in inside and inside.endswith("ordinary")
    assert "5000 ± at least 100 " in outside and "4.00 ± at least 0.20" in outside
    assert reason == f"star 1: {OUTSIDE.reason[1]}"
    many = replace(OUTSIDE, outside=np.array([True, True]))
    more = [*predictions_table(many).splitlines()]
    assert len(more) == 5 and "at least" in more[1]


def test_samples_are_drawn_from_the_covariance_by_seed(ask, tmp_path):
    _, result, _, _ = ask("--json", "--samples", 4000, "--seed", 3)
    draws = pd.DataFrame(result["stars"][0]["samples"])
    assert list(draws) == ["teff", "logg", "mh"]
    np.testing.assert_allclose(draws.corr().to_numpy(), CORRELATION, atol=0.06)
    np.testing.assert_allclose(draws.std(), [100, 0.2, 0.1], rtol=0.05)
    np.testing.assert_array_equal(draws.to_numpy(), OUTSIDE.draws(4000, 3)[0])
    for name in ("p.json", "p.csv", "p.parquet", "p.fits"):
        status, _, _, err = ask("--out", tmp_path / name, "--samples", 3, "--seed", 3)
        assert status == 0, err
    stored = json.loads((tmp_path / "p.json").read_text())
    assert stored["stars"][1]["samples"]["logg"] == OUTSIDE.draws(3, 3)[1, :, 1].tolist()
    tables = [
        pd.read_csv(tmp_path / "p-samples.csv"),
        pq.read_table(tmp_path / "p-samples.parquet").to_pandas(),
    ]
    for table in (*tables, Table.read(tmp_path / "p-samples.fits").to_pandas()):
        assert list(table) == ["id", "sample", "teff", "logg", "mh"] and len(table) == 6
        assert table["sample"].tolist() == [0, 1, 2] * 2
        np.testing.assert_allclose(table[["teff", "logg", "mh"]], OUTSIDE.draws(3, 3).reshape(6, 3))
    _, again, _, _ = ask("--json", "--samples", 5, "--seed", 4)
    assert again["stars"][0]["samples"]["teff"] != draws["teff"].tolist()[:5]


def test_samples_need_somewhere_to_go(ask, tmp_path):
    status, _, _, err = ask("--samples", 5)
    assert status == 2 and "--samples needs a file: give OUT, or --json" in err
    assert ask("--samples", 0, "--json")[0] == 2
    status, _, _, err = ask("--samples", 5, "--out", tmp_path / "no" / "p.csv")
    assert status == 2 and "p.csv" in err


def test_draws_of_a_model_without_correlations_say_so(ask, monkeypatch):
    unknown = replace(OUTSIDE, correlations=np.empty((0, 0, 0)))
    monkeypatch.setattr(TrainedModel, "predict", lambda model, stars, source: unknown)
    _, result, _, _ = ask("--json", "--samples", 2)
    assert any("each parameter is drawn by itself" in note for note in result["notes"])
    covariance = result["stars"][0]["covariance"]
    assert covariance[0][1] is None and covariance[0][0] == pytest.approx(10_000)


def test_tables_have_correlations_on_request_and_fits_only_ascii(ask, tmp_path):
    ask("--out", tmp_path / "p.csv")
    plain = pd.read_csv(tmp_path / "p.csv")
    assert not [name for name in plain if name.endswith("_corr")]
    assert plain["outside"].tolist() == [False, True] and plain["verdict"][1] == "outside the sample"
    for name in ("q.csv", "q.fits"):
        assert ask("--out", tmp_path / name, "--correlations")[0] == 0
    table = pd.read_csv(tmp_path / "q.csv")
    assert table["teff_logg_corr"].tolist() == [0.8, 0.8] and table["logg_mh_corr"][0] == 0.2
    fits = Table.read(tmp_path / "q.fits")
    assert fits["reason"][1] == "its Teff lies 900 K beyond the sample: chi2 9.1 - much"
    assert fits["outside"].tolist() == [False, True]


def test_positions_of_the_files_are_in_tables_and_json(ask, tmp_path):
    assert "ra" not in ask("--json")[1]["stars"][0]
    places = [[83.63321, -22.01447], [np.nan, np.nan]]
    write_stars(tmp_path / "two.npz", replace(toy_stars(2), positions=places))
    first, second = ask("--json")[1]["stars"]
    assert (first["ra"], first["dec"], second["ra"]) == (83.63321, -22.01447, None)
    assert ask("--out", tmp_path / "out.csv")[0] == ask("--out", tmp_path / "out.fits")[0] == 0
    assert pd.read_csv(tmp_path / "out.csv")[["ra", "dec"]].iloc[0].tolist() == places[0]
    table = Table.read(tmp_path / "out.fits")
    assert table["ra"].unit == "deg" and table["dec"][0] == -22.01447 and np.ma.is_masked(table["ra"][1])


def test_files_of_draws_lie_beside_their_table(tmp_path):
    assert samples_file("a/stars.v2.csv").replace("\\", "/") == "a/stars.v2-samples.csv"
    write_predictions(str(tmp_path / "p.csv"), KNOWN, {}, None, False)
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]
    assert "samples" not in rows(KNOWN, None)[0]


def test_without_flux_errors_nobody_says_how_well_the_model_fits(capsys, model_folder, tmp_path):
    """A chi² with σ = 0 would be dozens; neither a number nor a verdict may be made of that."""
    stars = toy_stars(4)
    write_stars(tmp_path / "known.npz", stars)
    write_stars(tmp_path / "bare.npz", replace(stars, flux_error=None))
    found = {}
    for name in ("known", "bare"):
        path = str(tmp_path / f"{name}.npz")
        assert main(["predict", str(model_folder), path, "--json"]) == 0
        found[name] = json.loads(capsys.readouterr().out)["stars"]
        assert main(["predict", str(model_folder), path]) == 0
        text = capsys.readouterr().out.splitlines()[1:5]
        assert [" unknown " in line for line in text] == [name == "bare"] * 4, text
    assert all(star["chi2"] > 0 for star in found["known"])
    assert [star["chi2"] for star in found["bare"]] == [None] * 4
    model = load_model(model_folder)
    bits = flags_of(model.predict(replace(stars, flux_error=None)))
    assert (bits & 8 == 8).all() and not (flags_of(model.predict(stars)) & 8).any()
