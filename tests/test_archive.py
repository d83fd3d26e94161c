"""Fetching the reference sample from stand-ins that behave like VizieR and the Gaia archive: no network."""

import io
import json
from collections import OrderedDict
from typing import ClassVar

import numpy as np
import pytest
from archive_files import archive_file
from astropy.io import votable
from astropy.table import MaskedColumn, Table
from astroquery.utils.commons import TableList

from gandalf_core.archive.gaia import MAX_IDS, fetch_sample
from gandalf_core.archive.spectra import ABSENCE, SILENCE
from gandalf_core.archive.surveys import APOGEE, GALAH, find_columns, good_rows
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import ArchiveError, ClaimError
from gandalf_core.io import read_stars
from gandalf_core.io.tables import ARCHIVE_GRID_NM
from gandalf_core.parameters import LABELS

BASE = 4_000_000_000_000_000_001  # odd: a float would change every id
ERRORS = tuple(f"{name}_error" for name in LABELS)
APOGEE_NAMES = [
    "APOGEE",
    "GaiaEDR3",
    "Teff",
    "e_Teff",
    "logg",
    "e_logg",
    "[M/H]",
    "e_[M/H]",
    "[a/M]",
    "e_[a/M]",
    "SNR",
]
GALAH_NAMES = [
    "GALAH",
    "GaiaEDR3",
    "Teff",
    "e_Teff",
    "logg",
    "e_logg",
    "[Fe/H]",
    "e_[Fe/H]",
    "[alpha/Fe]",
    "e_[alpha/Fe]",
    "flag_sp",
    "flag_fe_h",
]


def star(number: int) -> int:
    return BASE + 2 * number


def rows(numbers, teff=5000.0, e_teff=100.0, alpha=0.1, **flags) -> dict[str, list]:
    """Catalogue rows with good labels, one per star."""
    n = len(numbers)
    columns = {
        "id": [star(k) for k in numbers],
        "teff": [teff + k for k in numbers],
        "e_teff": [e_teff] * n,
        "logg": [4.0] * n,
        "e_logg": [0.1] * n,
        "mh": [-0.2] * n,
        "e_mh": [0.05] * n,
        "alphafe": [alpha] * n,
        "e_alphafe": [0.03] * n,
    }
    return columns | {k: v if isinstance(v, list) else [v] * n for k, v in flags.items()}


def table(names: list[str], columns: dict[str, list], masked_ids=()) -> Table:
    """An astropy table as VizieR sends it: masked columns, units, a name of the survey's own in front."""
    units = {"Teff": "K", "e_Teff": "K", "logg": "log(cm.s**-2)"}
    out = Table(masked=True)
    out[names[0]] = [f"star{k}" for k in range(len(columns["id"]))]
    for name, values in zip(names[1:], [*columns.values(), *[[9.0] * len(columns["id"])] * 9], strict=False):
        mask = (
            np.isin(np.arange(len(values)), masked_ids)
            if name == "GaiaEDR3"
            else np.isnan(np.asarray(values, float))
        )
        out[name] = MaskedColumn(
            values, mask=mask, dtype=np.int64 if name == "GaiaEDR3" else None, unit=units.get(name)
        )
    return out


SOURCES_QUERY = (
    "SELECT g.source_id, g.phot_g_mean_mag FROM gaiadr3.gaia_source AS g JOIN tap_upload.ids AS u "
    "ON g.source_id = u.source_id WHERE g.has_rvs = 't' AND g.phot_g_mean_mag BETWEEN 8 AND 14"
)


class Vizier:
    """Like astroquery's class: made with columns and a row limit; it remembers every request."""

    catalogues: ClassVar[dict] = {}
    requests: ClassVar[list] = []
    failures: ClassVar[list] = []

    def __init__(self, columns, row_limit):
        self.columns, self.row_limit = columns, row_limit

    def get_catalogs(self, catalogue):
        type(self).requests.append((catalogue, tuple(self.columns), self.row_limit))
        if self.failures:
            raise self.failures.pop(0)
        answer = OrderedDict()
        for name, full in self.catalogues.items():
            if name == catalogue or name.startswith(f"{catalogue}/"):
                columns = full.colnames if self.columns == ["**"] else self.columns
                table = full[[c for c in columns if c in full.colnames]]
                answer[name] = table if self.row_limit < 0 else table[: self.row_limit]
        return TableList(answer)


class Gaia:
    """Like astroquery's object: a job for the list of sources, spectra by DataLink."""

    def __init__(self, sources: dict[int, float], absent=(), moody=(), bad_pixels=(), structure="RAW"):
        self.sources, self.absent, self.moody, self.bad = sources, set(absent), set(moody), set(bad_pixels)
        self.structure, self.calls, self.failures = structure, [], []

    def launch_job(self, query):
        assert query == "SELECT TOP 1 * FROM gaiadr3.gaia_source"
        return self.job(Table({"source_id": [1], "phot_g_mean_mag": [9.0], "has_rvs": [True]}))

    def launch_job_async(self, query, *, upload_resource, upload_table_name):
        """The sources with these ids; what is too faint comes, too: the sample is checked again."""
        assert query == SOURCES_QUERY and upload_table_name == "ids"
        wanted = [i for i in upload_resource["source_id"].tolist() if i in self.sources]
        ids = np.array(wanted, np.int64)
        return self.job(Table({"source_id": ids, "phot_g_mean_mag": [self.sources[i] for i in wanted]}))

    @staticmethod
    def job(table):
        return type("Job", (), {"get_results": lambda self: table})()

    def load_data(self, ids, *, data_release, retrieval_type, data_structure, format, avoid_datatype_check):
        assert data_release == "Gaia DR3" and format == "votable"
        assert retrieval_type == "RVS" and data_structure in ("RAW", "INDIVIDUAL") and len(ids) <= MAX_IDS
        self.calls.append(list(ids))
        print("astroquery talks on standard output")
        if self.failures:
            raise self.failures.pop(0)
        present = [i for i in ids if i not in self.absent | self.moody]
        self.moody.clear()  # left out once, delivered at the next request
        return self.products(present) if present else {}

    def products(self, ids):
        numbers = (np.array(ids) - BASE) // 2
        flux = 1 - 0.001 * numbers[:, None] * np.ones(2401)
        flux[np.isin(ids, list(self.bad)), 300:700] = np.nan
        stars = SpectraSet(
            flux,
            ARCHIVE_GRID_NM,
            np.array(ids).astype(str),
            np.empty((len(ids), 0)),
            (),
            np.full(flux.shape, 0.01),
            np.isnan(flux),
        )
        if self.structure == "INDIVIDUAL":
            parts = {f"RVS-Gaia DR3 {i}.xml": stars[[k]] for k, i in enumerate(ids)}
            return {name: self.parsed("INDIVIDUAL", part) for name, part in parts.items()}
        return {"RVS_RAW-Gaia DR3.xml": self.parsed("RAW", stars)}

    def parsed(self, layout, stars):
        return list(votable.parse(io.BytesIO(archive_file("votable", layout, stars))).iter_tables())


@pytest.fixture(autouse=True)
def vizier():
    Vizier.requests, Vizier.failures = [], []
    Vizier.catalogues = {
        "III/286/allvis": Table({"GaiaEDR3": np.array([star(0)], np.int64), "RV": [1.0]}),
        "III/286/catalog": table(APOGEE_NAMES, rows(range(12))),
        "J/MNRAS/506/150/stars": table(GALAH_NAMES, rows(range(8, 16), teff=6000.0, flag_sp=0, flag_fe_h=0)),
    }
    return Vizier


@pytest.fixture
def gaia():
    return Gaia({star(k): 11.0 for k in range(20)})


def fetch(tmp_path, gaia, **settings):
    settings = {"vizier": Vizier, "gaia": gaia, "pause": 0.0, "every": 0.0, "chunk": 6} | settings
    return fetch_sample(tmp_path / "cache", tmp_path / "reference.parquet", **settings)


def test_the_sample_has_each_stars_own_labels_and_spectrum(tmp_path, gaia):
    report = fetch(tmp_path, gaia)
    stars = read_stars(tmp_path / "reference.parquet")
    assert report["stars"] == len(stars) == 16 and report["missing"] == [] and report["rejected"] == {}
    assert report["surveys"] == {"APOGEE DR17": 12, "GALAH DR3": 4}
    assert stars.label_names == (*LABELS, *ERRORS) and stars.flux.shape == (16, 800)
    number = (stars.ids.astype(np.int64) - BASE) // 2
    assert sorted(number) == list(range(16)), "ids must arrive to the last digit"
    np.testing.assert_allclose(stars.flux, np.repeat(1 - 0.001 * number[:, None], 800, 1), rtol=1e-5)
    np.testing.assert_array_equal(stars.label("teff"), np.where(number < 12, 5000, 6000) + number)
    np.testing.assert_array_equal(stars.labels_for(ERRORS), [[100.0, 0.1, 0.05, 0.03]] * 16)
    np.testing.assert_allclose(stars.flux_error, 0.008705, rtol=1e-4)  # samples of RVS correlate


def test_only_the_columns_of_the_survey_are_requested(tmp_path, gaia):
    Vizier.catalogues["III/286/catalog"].rename_columns(["[M/H]", "e_[M/H]"], ["__M_H_", "e__M_H_"])
    fetch(tmp_path, gaia)
    requests = {name: columns for name, columns, limit in Vizier.requests if limit == -1}
    assert set(requests) == {"III/286/catalog", "J/MNRAS/506/150/stars"}
    assert "__M_H_" in requests["III/286/catalog"] and "SNR" not in requests["III/286/catalog"]


def test_a_catalogue_without_a_column_says_which():
    with pytest.raises(ArchiveError, match=r"GALAH DR3.*flag_sp.*tables: J/t"):
        find_columns(GALAH, {"J/t": GALAH_NAMES[:10]})
    with pytest.raises(ArchiveError, match="tables: none"):
        find_columns(APOGEE, {})


@pytest.mark.parametrize(
    ("change", "value", "good"),
    [
        ("e_teff", 200.0, True),
        ("e_teff", 201.0, False),
        ("e_logg", 0.51, False),
        ("e_mh", 0.31, False),
        ("e_alphafe", 0.21, False),
        ("e_alphafe", -9999.0, False),
        ("mh", np.nan, False),
        ("e_mh", np.nan, False),
        ("id", 0, False),
    ],
)
def test_the_papers_cuts(change, value, good):
    columns = rows(range(6))
    columns[change] = [*columns[change][:5], value]
    assert len(good_rows(APOGEE, columns).ids) == (6 if good else 5)


def test_galah_rows_are_good_where_both_flags_are_zero():
    """Not where they differ from zero, as a misprint in the paper has it."""
    columns = rows(range(6)) | {"flag 0": [0, 1, 0, 1, 0, 0], "flag 1": [0, 0, 1, 1, 0, np.nan]}
    assert (good_rows(GALAH, columns).ids - BASE).tolist() == [0, 8]


def test_of_a_stars_rows_the_one_with_the_smallest_error_counts():
    columns = rows([3, 3, 3], teff=5000.0)
    columns |= {"teff": [4000.0, 5000.0, 6000.0], "e_teff": [90.0, 20.0, 50.0]}
    stars = good_rows(APOGEE, columns)
    assert len(stars.ids) == 1 and stars.labels[0, 0] == 5000


def test_ids_as_floats_are_refused():
    columns = rows(range(3))
    with pytest.raises(ArchiveError, match="last digits"):
        good_rows(APOGEE, columns | {"id": np.array(columns["id"], float)})


def test_faint_and_unmeasured_stars_are_left_out(tmp_path):
    gaia = Gaia({star(k): {0: 7.9, 1: 8.0, 2: 14.0, 3: 14.1}.get(k, 12.0) for k in range(20) if k != 5})
    fetch(tmp_path, gaia)
    number = (read_stars(tmp_path / "reference.parquet").ids.astype(np.int64) - BASE) // 2
    assert sorted(number) == [1, 2, 4, *range(6, 16)]


@pytest.mark.parametrize("structure", ["RAW", "INDIVIDUAL"])
def test_both_layouts_of_the_archive(tmp_path, structure):
    gaia = Gaia({star(k): 11.0 for k in range(20)}, structure=structure)
    assert fetch(tmp_path, gaia)["stars"] == 16
    ids = read_stars(tmp_path / "reference.parquet").ids
    assert sorted(ids.astype(np.int64)) == [star(k) for k in range(16)]


# --- when things go wrong ---


def test_a_failing_call_is_repeated(tmp_path, gaia, capsys):
    gaia.failures = [ConnectionError("reset by peer"), TimeoutError("slow")]
    Vizier.failures = [ConnectionError("busy")]
    assert fetch(tmp_path, gaia)["stars"] == 16
    assert capsys.readouterr().out == "", "nothing but the result may go to standard output"


def test_offline_is_one_clear_line(tmp_path, gaia):
    Vizier.failures = [ConnectionError("Name or service\nnot known")] * 3
    with pytest.raises(
        ArchiveError, match=r"VizieR III/286: no answer after 3 tries \(Name or service not known\)"
    ) as caught:
        fetch(tmp_path, gaia)
    assert "\n" not in str(caught.value) and "run the same command again" in str(caught.value)


def test_a_stopped_fetch_resumes_where_it_was(tmp_path, gaia):
    gaia.failures = [ConnectionError("down")] * 3

    def load_first(ids, **settings):
        gaia.load_data = type(gaia).load_data.__get__(gaia)
        return gaia.products(ids)

    gaia.load_data = load_first  # the first chunk arrives, then the archive is down
    with pytest.raises(ArchiveError, match="down"):
        fetch(tmp_path, gaia)
    before, requests = len(gaia.calls), len(Vizier.requests)
    assert fetch(tmp_path, gaia)["stars"] == 16
    assert len(Vizier.requests) == requests, "labels were kept"
    assert not any(star(0) in call for call in gaia.calls[before:]), "so was the first chunk"


def test_spectra_left_out_of_an_answer_are_requested_once_more(tmp_path):
    gaia = Gaia({star(k): 11.0 for k in range(20)}, moody=[star(2), star(4)])
    report = fetch(tmp_path, gaia)
    assert report["stars"] == 16 and report["missing"] == []
    assert [star(2), star(4)] in gaia.calls


def test_spectra_that_never_come_are_reported(tmp_path):
    gaia = Gaia({star(k): 11.0 for k in range(20)}, absent=[star(1), *[star(k) for k in range(6, 12)]])
    report = fetch(tmp_path, gaia)
    silent = [str(star(k)) for k in (1, *range(6, 12))]
    assert report["stars"] == 9 and report["missing"] == silent
    assert report["rejected"] == dict.fromkeys(silent, SILENCE) and "asks again" in SILENCE
    assert fetch(tmp_path, gaia)["missing"] == report["missing"]


def test_a_silence_is_asked_again_and_nothing_else_is(tmp_path):
    """A busy archive leaves out a whole chunk and two stars of another: none of them is absent for ever."""
    silent = [*range(6), 7, 9]
    gaia = Gaia({star(k): 11.0 for k in range(20)}, absent=[star(k) for k in silent])
    assert fetch(tmp_path, gaia)["missing"] == [str(star(k)) for k in silent]
    gaia.absent, gaia.calls = {star(3)}, []
    assert fetch(tmp_path, gaia)["missing"] == [str(star(3))]
    assert gaia.calls == [[star(k) for k in range(6)], [star(3)], [star(7), star(9)]]
    gaia.absent, gaia.calls = set(), []
    report = fetch(tmp_path, gaia)
    assert gaia.calls == [[star(3)]] and report["missing"] == [] and report["rejected"] == {}
    stars = read_stars(tmp_path / "reference.parquet")
    number = (stars.ids.astype(np.int64) - BASE) // 2
    assert sorted(number) == list(range(16)), "each star once"
    np.testing.assert_allclose(stars.flux, np.repeat(1 - 0.001 * number[:, None], 800, 1), rtol=1e-5)
    np.testing.assert_array_equal(stars.label("teff"), np.where(number < 12, 5000, 6000) + number)


def test_a_fetch_that_dies_between_spectra_and_note_doubles_no_star(tmp_path):
    gaia = Gaia({star(k): 11.0 for k in range(20)}, absent=[star(1), star(2)])
    fetch(tmp_path, gaia)
    note = tmp_path / "cache" / "spectra-00000.json"
    before, gaia.absent = note.read_bytes(), set()
    fetch(tmp_path, gaia)
    note.write_bytes(before)  # as if the last run had ended before it was written
    assert fetch(tmp_path, gaia)["stars"] == 16
    assert len(np.unique(read_stars(tmp_path / "reference.parquet").ids)) == 16


def test_spectra_whose_file_is_gone_are_fetched_again(tmp_path, gaia):
    fetch(tmp_path, gaia)
    (tmp_path / "cache" / "spectra-00001.parquet").unlink()
    gaia.calls = []
    assert fetch(tmp_path, gaia)["stars"] == 16
    assert gaia.calls == [[star(k) for k in range(6, 12)]]


def links(*rows: tuple[int, str, str]) -> Table:
    """A table as DataLink answers it: for (number, what is offered, error)."""
    url = "https://gea.esac.esa.int/data-server/data?ID=Gaia+DR3+{}&RETRIEVAL_TYPE={}"
    return Table(
        {
            "ID": [f"Gaia DR3 {star(k)}" for k, _, _ in rows],
            "access_url": [url.format(star(k), kind) if kind else "" for k, kind, _ in rows],
            "error_message": [error for _, _, error in rows],
        }
    )


def test_only_the_archives_word_makes_a_spectrum_absent(tmp_path):
    """Of four silent stars DataLink says that two have no spectrum, that one has one, and nothing of one."""
    gaia = Gaia({star(k): 11.0 for k in range(20)}, absent=[star(k) for k in (1, 2, 3, 4)])
    answer = links(
        (1, "", "NotFoundFault: no such source"),
        (2, "XP_SAMPLED", ""),
        (2, "EPOCH_PHOTOMETRY", ""),
        (3, "XP_SAMPLED", ""),
        (3, "RVS", ""),
        (4, "", "TransientFault: busy"),
    )
    asked = []
    gaia.get_datalinks = lambda ids: (asked.append(ids), answer)[1]
    report = fetch(tmp_path, gaia)
    assert asked == [[star(1), star(2), star(3), star(4)]]
    assert report["missing"] == [str(star(3)), str(star(4))]
    causes = {1: ABSENCE, 2: ABSENCE, 3: SILENCE, 4: SILENCE}
    assert report["rejected"] == {str(star(k)): cause for k, cause in causes.items()}
    gaia.calls = []
    fetch(tmp_path, gaia)
    assert gaia.calls[0] == [star(3), star(4)], "an absent one is not asked for again"


def test_a_datalink_that_fails_says_nothing(tmp_path):
    gaia = Gaia({star(k): 11.0 for k in range(20)}, absent=[star(1)])

    def refuse(ids):
        raise ConnectionError("busy")

    gaia.get_datalinks = refuse
    assert fetch(tmp_path, gaia)["missing"] == [str(star(1))]
    gaia.get_datalinks = lambda ids: Table({"message": ["maintenance"]})
    assert fetch(tmp_path, gaia)["missing"] == [str(star(1))]


def test_a_bad_spectrum_in_an_answer_does_not_stop_the_others(tmp_path):
    """In the archive's layout of one table per star, a star without a single number has a bad table."""
    gaia = Gaia({star(k): 11.0 for k in range(20)}, structure="INDIVIDUAL")
    products = gaia.products

    def with_a_bad_one(ids):
        answer = products(ids)
        for name, tables in answer.items():
            if str(star(4)) in name:
                bad = tables[0].to_table()
                bad["flux"] = np.nan
                answer[name] = [bad]
        return answer

    gaia.products = with_a_bad_one
    report = fetch(tmp_path, gaia)
    assert report["stars"] == 15 and list(report["rejected"]) == [str(star(4))]
    assert report["missing"] == []


def test_what_reading_does_to_a_spectrum_is_said(tmp_path):
    """A hit in one star is masked and counted; a star in counts is refused, and not asked for again."""
    gaia = Gaia({star(k): 11.0 for k in range(20)})
    products = gaia.products

    def altered(ids):
        answer = products(ids)
        for name, tables in answer.items():
            table = tables[0].to_table()
            for row in np.flatnonzero(table["source_id"] == star(4)):
                table["flux"][row][900] = 3.0
            for row in np.flatnonzero(table["source_id"] == star(8)):
                table["flux"][row][:] *= 5000
            answer[name] = [table, *tables[1:]]
        return answer

    gaia.products = altered
    report = fetch(tmp_path, gaia)
    assert list(report["rejected"]) == [str(star(8))] and report["missing"] == []
    assert report["notes"] == ["samples far above their neighbours, masked as cosmic-ray hits: 1"]
    gaia.calls = []
    assert fetch(tmp_path, gaia)["notes"] == report["notes"] and gaia.calls == []


@pytest.mark.parametrize(
    ("limit", "silence", "message"),
    [
        (1, TableList(OrderedDict()), r"III/286: no answer after 3 tries \(an empty answer\)"),
        (-1, TableList(OrderedDict()), r"III/286/catalog: no answer after 3 tries"),
        (-1, None, "no usable row"),
    ],
)
def test_a_silent_vizier_is_asked_again_and_nothing_is_kept(
    tmp_path, gaia, monkeypatch, limit, silence, message
):
    """An answer without tables, or with a table without rows, is an archive in trouble."""
    answers = Vizier.get_catalogs

    def silent(self, catalogue):
        whole = answers(self, catalogue)
        if self.row_limit != limit:
            return whole
        empty = OrderedDict((name, whole[name][:0]) for name in whole.keys())  # noqa: SIM118
        return TableList(empty) if silence is None else silence

    monkeypatch.setattr(Vizier, "get_catalogs", silent)
    with pytest.raises(ArchiveError, match=message):
        fetch(tmp_path, gaia)
    monkeypatch.setattr(Vizier, "get_catalogs", answers)
    assert fetch(tmp_path, gaia)["stars"] == 16


def test_a_list_of_sources_without_a_source_is_asked_for_again(tmp_path, gaia):
    full, none = gaia.launch_job_async, Table({"source_id": np.empty(0, np.int64), "phot_g_mean_mag": []})
    gaia.launch_job_async = lambda query, **upload: gaia.job(none)
    with pytest.raises(ArchiveError, match=r"rvs-sources-.*no usable row"):
        fetch(tmp_path, gaia)
    gaia.launch_job_async = full
    assert fetch(tmp_path, gaia)["stars"] == 16


def test_a_folder_belongs_to_each_of_its_stars_and_labels(tmp_path, gaia):
    """The same number of stars, the same first and last: but one between them has another label."""
    fetch(tmp_path, gaia)
    Vizier.catalogues["III/286/catalog"]["Teff"][5] += 1
    for kept in (tmp_path / "cache").glob("apogee*.npz"):
        kept.unlink()
    with pytest.raises(ClaimError, match="another choice of sample"):
        fetch(tmp_path, gaia)


def test_a_spectrum_with_a_gap_is_refused_and_named(tmp_path):
    gaia = Gaia({star(k): 11.0 for k in range(20)}, bad_pixels=[star(7)])
    report = fetch(tmp_path, gaia)
    assert report["stars"] == 15 and set(report["rejected"]) == {str(star(7))}
    assert "cover" in report["rejected"][str(star(7))] and report["missing"] == []
    assert str(star(7)) not in read_stars(tmp_path / "reference.parquet").ids


def test_an_archive_without_any_spectrum(tmp_path):
    gaia = Gaia({star(k): 11.0 for k in range(20)}, absent=[star(k) for k in range(20)])
    with pytest.raises(ArchiveError, match="none of the spectra"):
        fetch(tmp_path, gaia)
    with pytest.raises(ArchiveError, match="wrong ids"):
        fetch(tmp_path / "other", Gaia({17: 11.0}))


def test_something_that_is_not_a_spectrum(tmp_path, gaia):
    gaia.load_data = lambda ids, **settings: {"page.xml": [Table({"message": ["maintenance"]})]}
    with pytest.raises(ArchiveError, match=r"no column 'flux'.*message"):
        fetch(tmp_path, gaia)


def test_a_smaller_sample_is_drawn_by_seed(tmp_path, gaia):
    first = fetch(tmp_path / "a", gaia, most=5, seed=1)
    fetch(tmp_path / "b", gaia, most=5, seed=1)
    fetch(tmp_path / "c", gaia, most=5, seed=2)
    ids = [read_stars(tmp_path / k / "reference.parquet").ids.tolist() for k in "abc"]
    assert first["stars"] == 5 and ids[0] == ids[1] != ids[2]


def test_a_folder_of_another_choice_is_refused(tmp_path, gaia):
    fetch(tmp_path, gaia)
    for other in ({"chunk": 5}, {"most": 3}):
        with pytest.raises(ClaimError, match="choose another folder"):
            fetch(tmp_path, gaia, **other)
    assert json.loads((tmp_path / "cache" / "plan.json").read_text(encoding="utf-8"))["chunk"] == 6


def test_more_ids_than_a_call_takes(tmp_path, gaia):
    with pytest.raises(ArchiveError, match="5,000"):
        fetch(tmp_path, gaia, chunk=5001)
