"""The real clients, astroquery and pyvo, against a server that speaks as the archives do."""

import json

import numpy as np
import pytest
from archive_files import NAN_SAMPLES
from archive_server import FIRST_TRANSIT, World, serve
from astropy.table import Table

from gandalf_core.archive.gaia import fetch_sample
from gandalf_core.archive.releases import release
from gandalf_core.archive.surveys import surveys_named
from gandalf_core.errors import ArchiveError
from gandalf_core.io import read_stars
from gandalf_core.io.survey_table import read_survey_table
from gandalf_core.parameters import LABELS

BASE = 4_000_000_000_000_000_001  # odd: a float would change every id
COUNT = 12


def star(number: int) -> int:
    return BASE + 2 * number


@pytest.fixture(scope="module")
def server():
    made = serve()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def world(server, monkeypatch):
    """Stars 0-7 in APOGEE, 6-11 in GALAH; all have a spectrum but 3, and 5 is too faint."""
    from astroquery.vizier import VizierClass

    address = f"http://127.0.0.1:{server.server_port}/viz-bin/votable"
    monkeypatch.setattr(VizierClass, "_server_to_url", lambda self, return_type="votable": address)
    server.world = made = World()
    ids = [star(k) for k in range(COUNT)]
    made.tables["gaiadr3.gaia_source"] = {
        "source_id": ids,
        "phot_g_mean_mag": [15.0 if k == 5 else 8.0 + 0.5 * k for k in range(COUNT)],
        "has_rvs": ["f" if k == 3 else "t" for k in range(COUNT)],
    }
    made.catalogues["III/286/catalog"] = catalogue(range(8), "[M/H]", "[a/M]")
    flags = {"flag_sp": np.zeros(6, int), "flag_fe_h": np.zeros(6, int)}
    made.catalogues["J/MNRAS/506/150/stars"] = catalogue(
        range(6, 12), "[Fe/H]", "[alpha/Fe]", 6000.0, **flags
    )
    made.spectra = {str(i): flux_of(k) for k, i in enumerate(ids) if k not in (3, 5)}
    return made


def flux_of(number: int) -> np.ndarray:
    flux = np.full(2401, 1 - 0.001 * number, np.float32)
    flux[NAN_SAMPLES] = np.nan
    return flux


def catalogue(numbers, mh, alpha, teff=5000.0, **more) -> Table:
    n, numbers = len(numbers), np.array(numbers)
    columns = {
        "GaiaEDR3": np.array([star(k) for k in numbers]),
        "Teff": teff + numbers,
        "e_Teff": np.full(n, 60.0),
    }
    columns |= {"logg": np.full(n, 4.0), "e_logg": np.full(n, 0.1), mh: np.full(n, -0.2)}
    columns |= {f"e_{mh}": np.full(n, 0.05), alpha: np.full(n, 0.1), f"e_{alpha}": np.full(n, 0.03)}
    return Table(columns | more)


@pytest.fixture
def fetch(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # astroquery unpacks where it is called

    def run(**settings):
        address = f"http://127.0.0.1:{server.server_port}/"
        settings = {"server": address, "pause": 0.0, "every": 0.0, "chunk": 5} | settings
        return fetch_sample(tmp_path / "kept", tmp_path / "sample.parquet", **settings)

    return run


def numbers_in(path) -> list[int]:
    return ((read_stars(path).ids.astype(np.int64) - BASE) // 2).tolist()


THERE = [0, 1, 2, 4, 6, 7, 8, 9, 10, 11]


def test_the_sample_arrives_through_the_real_client(fetch, world, tmp_path):
    """Labels of two surveys by VizieR, ids joined by TAP, spectra by DataLink; ids to the last digit."""
    world.looks = 1  # the job is not done at once
    report = fetch()
    stars = read_stars(tmp_path / "sample.parquet")
    numbers = (stars.ids.astype(np.int64) - BASE) // 2
    assert numbers.tolist() == THERE and report["stars"] == 10 and report["missing"] == []
    assert report["surveys"] == {"APOGEE DR17": 6, "GALAH DR3": 4}
    np.testing.assert_array_equal(stars.label("teff"), np.where(numbers < 8, 5000, 6000) + numbers)
    np.testing.assert_allclose(stars.flux[:, 5], 1 - 0.001 * numbers, rtol=1e-5)
    assert stars.flux.shape == (10, 800) and stars.mask[:, 0].all()
    labels = read_survey_table(report["labels"])
    assert (labels.survey == "GALAH DR3").sum() == 6 and len(labels.ids) == 12, "6 and 7 are in both"
    np.testing.assert_array_equal(labels.of(LABELS)[1][:, 0], 60.0)
    assert [len(form["ID"].split(",")) for form in world.asked("/data")] == [5, 5]
    assert not list(tmp_path.glob("temp_*")), "astroquery cleans up"


@pytest.mark.parametrize(
    ("kind", "layout"),
    [(k, s) for k in ("votable", "csv", "fits") for s in ("RAW", "INDIVIDUAL", "COMBINED")],
)
def test_every_format_and_layout_of_the_archive(fetch, world, tmp_path, kind, layout):
    world.format, world.layout = kind, layout
    world.catalogues["III/286/catalog"] = world.catalogues["III/286/catalog"][:3]
    assert fetch(surveys=surveys_named(["apogee-dr17"]), format=kind)["stars"] == 3
    stars = read_stars(tmp_path / "sample.parquet")
    number = np.array(numbers_in(tmp_path / "sample.parquet"))
    assert sorted(number) == [0, 1, 2]
    np.testing.assert_allclose(stars.flux[:, 5], 1 - 0.001 * number, rtol=1e-5)
    assert stars.mask[:, 0].all() and not stars.mask[:, 5].any()


# --- when things go wrong ---


@pytest.mark.parametrize("kind", ["503", "page", "cut"])
@pytest.mark.parametrize("path", ["/viz-bin/", "/tap/sync", "/tap/async", "/results/", "/data-server/data"])
def test_what_passes_is_asked_again(fetch, world, tmp_path, kind, path):
    """A busy server, a maintenance page with the status of success, a connection that is cut."""
    if (kind, path) == ("cut", "/tap/async"):
        path = "/phase"
    world.faults = [(path, kind)]
    assert fetch()["stars"] == 10 and not world.faults
    assert numbers_in(tmp_path / "sample.parquet") == THERE


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        (
            "/data-server/data",
            "page",
            r"5 spectra from \d+5?: no answer after 2 tries \(a web page in place of data: .*",
        ),
        (
            "/data-server/data",
            "503",
            r"no answer after 2 tries \(503 Service Unavailable: Maintenance The archive is",
        ),
        ("/data-server/data", "cut", r"no answer after 2 tries \(File is not a zip file\)"),
        ("/results/", "page", r"list of sources: no answer after 2 tries \(a web page in place of data"),
        ("/tap/async", "400", r"list of sources: no answer after 1 try \(400 Bad Request: Maintenance"),
    ],
)
def test_what_does_not_pass_is_one_clear_line(fetch, world, path, kind, message):
    world.faults = [(path, kind)] * 2
    with pytest.raises(ArchiveError, match=message) as caught:
        fetch(tries=2)
    assert "\n" not in str(caught.value) and "<" not in str(caught.value)
    world.faults = []
    assert fetch()["stars"] == 10, "the same call goes on"


def test_a_missing_spectrum_is_told_apart_from_an_absent_one(fetch, world):
    """Star 1 is left out by DataLink though it has a spectrum; star 2 has none."""
    world.absent = {str(star(1))}
    del world.spectra[str(star(2))]
    report = fetch()
    assert report["missing"] == [str(star(1))] and "no RVS spectrum" in report["rejected"][str(star(2))]
    world.absent = set()
    assert fetch()["missing"] == [] and world.asked("/data")[-1]["ID"] == str(star(1))


def test_offline_is_one_clear_line(fetch, world):
    with pytest.raises(ArchiveError, match=r"Gaia archive, .*\(no connection; is this machine online\?\)"):
        fetch(server="http://127.0.0.1:9/", tries=1)


def test_requests_keep_their_distance(fetch, world, monkeypatch):
    waits = []
    monkeypatch.setattr("gandalf_core.archive.requests.time.sleep", waits.append)
    fetch(every=60.0)
    waits = [wait for wait in waits if wait != 0.5]  # astroquery looks at its jobs so often
    assert len(waits) == 4 + 2 + 2 and sum(wait > 50 for wait in waits) == len(waits) - 1


def test_a_servers_wish_to_be_left_alone_is_kept(tmp_path, monkeypatch):
    from gandalf_core.archive.clients import Answer
    from gandalf_core.archive.requests import Fetch

    waits = []
    monkeypatch.setattr("gandalf_core.archive.requests.time.sleep", waits.append)
    answers = [Answer("busy", seconds=120.0), Answer("busy", seconds=9e9), Answer("busy")]

    def call():
        raise answers.pop(0)

    with pytest.raises(ArchiveError, match="3 tries"):
        Fetch(tmp_path, every=0.0, pause=5.0).ask("it", call)
    assert [w for w in waits if w] == [120.0, 600.0]


# --- a dry run ---


def test_a_dry_run_counts_and_fetches_no_spectrum(fetch, world, tmp_path):
    report = fetch(dry_run=True)
    assert report["chosen"] == 10 and report["requests"] == report["requests_left"] == 2
    assert report["download_bytes"] == 10 * 2401 * 8 and report["disk_bytes"] == 10 * 800 * 9
    assert "1 MB/s" in report["estimated"] and report["seconds"] == pytest.approx(0.2, abs=0.1)
    assert world.asked("/data") == [] and not (tmp_path / "sample.parquet").exists()
    fetch()
    after = fetch(dry_run=True)
    assert after["requests_left"] == 0 and after["download_bytes"] == 0
    assert "rate of the 10 stars" in after["estimated"]


# --- releases, epochs, surveys ---


def test_dr2_ids_are_followed_to_dr3(fetch, world, tmp_path):
    """Star 1's two neighbours are equally near; 2 has one far and one near; 4 and 6 became one; 7 is lost."""
    table = world.catalogues["III/286/catalog"]
    table.rename_column("GaiaEDR3", "GaiaDR2")
    table["GaiaDR2"] += 1_000_000_000
    pairs = [(0, 0, 10.0, 0.01), (1, 1, 50.0, 0.0), (1, 8, 60.0, 0.1), (2, 2, 5.0, 0.0), (2, 9, 90.0, 0.0)]
    pairs += [(3, 3, 1.0, 0.0), (4, 6, 9.0, 0.0), (5, 5, 9.0, 0.0), (6, 6, 8.0, 0.0), (7, 7, 7.0, 3.0)]
    old, new, distance, fainter = zip(*pairs, strict=True)
    world.tables["gaiadr3.dr2_neighbourhood"] = {
        "dr2_source_id": [star(k) + 1_000_000_000 for k in old],
        "dr3_source_id": [star(k) for k in new],
        "angular_distance": distance,
        "magnitude_difference": fainter,
    }
    report = fetch(surveys=surveys_named(["apogee-dr17"]))
    stars = read_stars(tmp_path / "sample.parquet")
    assert numbers_in(tmp_path / "sample.parquet") == [0, 2]
    assert stars.label("teff").tolist() == [5000, 5002]
    left = "left out: 1 without a neighbour there, 3 with several likely ones"
    assert any(
        "dr2_source_id followed to dr3_source_id for 4 stars" in n and left in n for n in report["notes"]
    )


def test_an_announced_release_is_asked_under_its_own_names(fetch, world, tmp_path):
    """DR4: other tables, ids and products; the spectra come one by one, with their wavelengths."""
    world.release = "Gaia DR4"
    old = world.tables.pop("gaiadr3.gaia_source")
    new = [i + 500 for i in old["source_id"]]
    world.tables["gaiadr4.gaia_source"] = old | {"source_id": new}
    world.tables["gaiadr4.dr3_neighbourhood"] = {
        "dr3_source_id": old["source_id"],
        "dr4_source_id": new,
        "angular_distance": [1.0] * COUNT,
        "magnitude_difference": [0.0] * COUNT,
    }
    world.spectra = {str(int(i) + 500): flux for i, flux in world.spectra.items()}
    report = fetch(release=release("DR4"))
    assert report["release"] == "DR4" and report["stars"] == 10
    assert {f["RETRIEVAL_TYPE"] for f in world.asked("/data-server/data")} == {"MEAN_SPECTRUM_RVS"}
    assert any("Gaia DR4: its tables and products" in note for note in report["notes"])
    stars = read_stars(tmp_path / "sample.parquet")
    assert ((stars.ids.astype(np.int64) - BASE - 500) // 2).tolist() == THERE
    assert stars.provenance["spectra"] == "Gaia DR4 RVS"


def test_epoch_spectra_stay_together_under_the_id_of_their_star(fetch, world, tmp_path):
    world.release = "Gaia DR4"
    world.tables["gaiadr4.gaia_source"] = world.tables["gaiadr3.gaia_source"]
    world.transits = {str(star(0)): 3, str(star(1)): 2}
    world.catalogues["III/286/catalog"].rename_column("GaiaEDR3", "GaiaDR4")
    report = fetch(release=release("DR4"), product="epoch", surveys=surveys_named(["apogee-dr17"]))
    stars = read_stars(tmp_path / "sample.parquet")
    assert numbers_in(tmp_path / "sample.parquet") == [0, 0, 0, 1, 1, 2, 4, 6, 7]
    assert stars.label("transit")[:5].tolist() == [1, 2, 3, 1, 2]
    np.testing.assert_allclose(stars.flux[:3, 5], [1, 1.001, 1.002], rtol=1e-5)
    assert (stars.label("teff")[:3] == 5000).all()
    told = Table.read(report["transits"])
    assert told["transit_id"][:3].tolist() == [FIRST_TRANSIT + 2 * k for k in range(3)]
    with pytest.raises(ArchiveError, match="Gaia DR3 has no epoch spectra: choose mean"):
        fetch(product="epoch")


def test_labels_of_gsp_spec_itself(fetch, world, tmp_path):
    """Errors are half the interval; flagged rows and wide intervals are left out, and a note warns."""
    columns = {"source_id": [star(k) for k in range(COUNT)]}
    for name, value, half in (
        ("teff", 5500.0, 80),
        ("logg", 4.1, 0.1),
        ("mh", -0.3, 0.1),
        ("alphafe", 0.2, 0.05),
    ):
        low, high = f"{name}_gspspec_lower", f"{name}_gspspec_upper"
        columns |= {
            f"{name}_gspspec": [value] * COUNT,
            low: [value - half] * COUNT,
            high: [value + half] * COUNT,
        }
    columns["teff_gspspec_upper"][1] += 500.0
    columns["flags_gspspec"] = ["0" * 41 if k != 2 else "0000000000001" + "0" * 28 for k in range(COUNT)]
    world.tables["gaiadr3.astrophysical_parameters"] = columns
    report = fetch(surveys=surveys_named(["gsp-spec"]))
    stars = read_stars(tmp_path / "sample.parquet")
    assert numbers_in(tmp_path / "sample.parquet") == [0, 4, 6, 7, 8, 9, 10, 11]
    assert stars.label("teff")[0] == 5500 and stars.label("teff_error")[0] == pytest.approx(80)
    assert any("these same RVS spectra" in note for note in report["notes"])


@pytest.mark.parametrize("suffix", [".fits", ".csv"])
def test_a_survey_that_vizier_lacks_is_read_from_its_file(fetch, world, tmp_path, suffix):
    """GALAH DR4's own table, with its names and flags."""
    n = 6
    table = Table({"sobject_id": np.arange(n), "gaiadr3_source_id": np.array([star(k) for k in range(n)])})
    values = {"teff": 5100.0, "logg": 4.2, "fe_h": -0.1, "alpha_fe": 0.05}
    for name, value in values.items():
        table[name], table[f"e_{name}"] = np.full(n, value), np.full(n, 0.05)
    table["flag_sp"], table["flag_alpha_fe"] = [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0]
    table.write(tmp_path / f"galah{suffix}")
    report = fetch(surveys=surveys_named([f"galah-dr4={tmp_path / f'galah{suffix}'}"]))
    assert report["surveys"] == {"GALAH DR4": 2} and numbers_in(tmp_path / "sample.parquet") == [0, 1]
    assert read_stars(tmp_path / "sample.parquet").label("alphafe").tolist() == [0.05, 0.05]


def test_what_is_no_survey_or_release():
    with pytest.raises(ArchiveError, match=r"no survey 'sdss': choose apogee-dr17, .*NAME=FILE"):
        surveys_named(["sdss"])
    with pytest.raises(ArchiveError, match=r"GALAH DR4 is not in VizieR .* download galah_dr4_allstar"):
        surveys_named(["galah-dr4"])
    with pytest.raises(ArchiveError, match=r"nowhere\.fits: no such file"):
        surveys_named(["galah-dr4=nowhere.fits"])
    with pytest.raises(ArchiveError, match="given twice"):
        surveys_named(["apogee-dr17", "APOGEE DR17"])
    with pytest.raises(ArchiveError, match="'SOON' is not a release of Gaia: give DR3, DR4"):
        release("soon")


def test_an_unknown_release_is_tried_as_named():
    found = release("Gaia DR5")
    assert (found.data_release, found.source_table) == ("Gaia DR5", "gaiadr5.gaia_source")
    assert found.neighbours["DR4"].table == "gaiadr5.dr4_neighbourhood"
    assert found.products["epoch"] == "EPOCH_SPECTRUM_RVS" and not found.tried and found.notes
    assert release("dr3") is release("DR3") and release("DR3").notes == []
    assert len(release("DR3").wavelength_nm) == 2401 and release("DR3").wavelength_nm[-1] == 870.0


# --- the stand-in itself ---


def test_another_client_understands_the_stand_in(server, world):
    """pyvo: an asynchronous job, and a synchronous one, of the same service."""
    import pyvo

    service = pyvo.dal.TAPService(f"http://127.0.0.1:{server.server_port}/tap-server/tap")
    query = "SELECT source_id, phot_g_mean_mag FROM gaiadr3.gaia_source WHERE has_rvs = 't'"
    for answer in (service.run_sync(query), service.run_async(query)):
        assert answer.to_table()["source_id"].tolist() == [star(k) for k in range(COUNT) if k != 3]


def test_the_command_counts_first_and_then_fetches(server, world, tmp_path, monkeypatch, capsys):
    from gandalf_core.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gandalf_core.archive.requests.Fetch.every", 0.0)
    address, out = f"http://127.0.0.1:{server.server_port}/", str(tmp_path / "sample.parquet")
    command = ["fetch", "--keep", "kept", "--server", address, "--survey", "apogee-dr17", "--pixels", "2401"]
    command += ["--magnitudes", "8:10.5", out]
    assert main([*command, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "4 stars of DR3 (4 with labels of APOGEE DR17)" in said and "1 of 1 requests are left" in said
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stars"] == 4
    assert numbers_in(out) == [0, 1, 2, 4] and read_stars(out).flux.shape == (4, 2401)
    assert main(["fetch", "--keep", "kept", "--magnitudes", "14:8", out]) == 2


def test_a_reproduction_begins_with_the_archives(server, world, tmp_path, monkeypatch, capsys):
    """Stars 6 and 7 are in both surveys, too few to estimate an offset: that is said. No training here."""
    from gandalf_core.cli import load_commands, main
    from gandalf_core.cli.registry import Report

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gandalf_core.archive.requests.Fetch.every", 0.0)
    commands = load_commands()
    stopped = commands["pretrain"].__class__(
        "pretrain", "", commands["pretrain"].arguments, lambda args, console: Report({"stopped": True})
    )
    monkeypatch.setitem(commands, "pretrain", stopped)
    address = f"http://127.0.0.1:{server.server_port}/"
    assert main(["reproduce", "--server", address, "out"]) == 0
    assert "the same command continues" in capsys.readouterr().out
    stars = read_stars(tmp_path / "out" / "stars.parquet")
    number = (stars.ids.astype(np.int64) - BASE) // 2
    assert number.tolist() == THERE
    both = np.isin(number, [6, 7])
    expected = np.where(number < 6, 5000.0, 6000.0) + number - 500.0 * both
    np.testing.assert_allclose(stars.label("teff"), expected)
    notes = json.loads((tmp_path / "out" / "sample.json").read_text())["notes"]
    assert any("fewer than 5 stars in common" in note for note in notes)
