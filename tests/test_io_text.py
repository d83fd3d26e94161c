"""Text as people save it: names and separators of its columns, numbers and encodings, with values."""

import io

import numpy as np
import pytest
from astropy.table import Table

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import read_bytes, read_stars, write_stars
from gandalf_core.io.formats import raw_tables
from gandalf_core.io.raw import every
from gandalf_core.io.recognise import detect
from gandalf_core.io.sniff import parsing

WAVE = np.array([846.01, 846.04, 846.07, 846.1])
FLUX = np.array([0.995, 1.017, 0.873, 1.25])
ERROR = np.array([0.01, 0.02, 0.015, 0.011])
L = 12
SOURCE_ID = "5853498713190525696"


def raw(data: bytes | str, wanted=None):
    """The one table of a text, by its content."""
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    with parsing("f", "text"):
        (table,) = raw_tables(stream, detect(stream), *([wanted] if wanted else []))
    return table


def columns(data: bytes | str, wanted=None) -> dict[str, np.ndarray]:
    """name → values of the columns that have values."""
    return {c.name: np.asarray(c.values) for c in raw(data, wanted).columns if c.values is not None}


def rows(separator=" ", *values, decimal=".", digits=6) -> str:
    """The columns as rows of text."""
    lines = zip(*(values or (WAVE, FLUX, ERROR)), strict=True)
    return "".join(
        separator.join(f"{v:.{digits}f}".replace(".", decimal) for v in line) + "\n" for line in lines
    )


def refusal(data: bytes | str) -> str:
    with pytest.raises(SpectraError) as caught:
        raw(data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- names ---


@pytest.mark.parametrize("mark", ["# ", "#", "% ", "! ", "// ", "#\t"])
@pytest.mark.parametrize("third", ["ivar", "continuum", "snr", "mask"])
def test_the_last_comment_names_the_columns(mark, third):
    """None of these is a flux error, though it stands third."""
    text = f"{mark}from my paper: 2019\n{mark}wavelength flux {third}\n" + rows()
    assert [c.name for c in raw(text).columns] == ["wavelength", "flux", third]


def test_the_order_is_that_of_the_names():
    got = columns("# wavelength flux_error flux\n" + rows(" ", WAVE, ERROR, FLUX))
    np.testing.assert_array_equal(got["flux"], FLUX)
    np.testing.assert_array_equal(got["flux_error"], ERROR)


def test_commented_header_of_astropy_keeps_all_digits_of_the_id():
    table = Table({"source_id": np.full(4, int(SOURCE_ID)), "wavelength": WAVE, "flux": FLUX})
    table.write(out := io.StringIO(), format="ascii.commented_header")
    got = columns(out.getvalue())
    assert set(got["source_id"]) == {SOURCE_ID}
    np.testing.assert_array_equal(got["flux"], FLUX)


@pytest.mark.parametrize(
    "comment",
    [
        "# wavelength, flux, ivar",
        "# wavelength\tflux\tivar",
        "# wavelength | flux | ivar",
        "# wavelength [nm] flux ivar",
        "# wavelength (vacuum nm) flux [10^-17 erg/s] ivar",
        "# wavelength flux ivar\n# nm - -\n#",
        "# wavelength flux ivar\n# -----------------",
        "# wavelength flux ivar\n# source_id: HD 7\n# reduced with my pipeline.",
        "# 1 wavelength [nm]\n# 2 flux  the normalised one\n# 3 ivar",
        "# Column 1: wavelength\n# Column 2: flux\n# Column 3: ivar",
        "# col1 = wavelength\n# col2 = flux\n# col3 = ivar",
        "# 1. wavelength, in vacuum\n# 2. flux\n# 3. ivar",
        "# columns: wavelength flux ivar",
        "# Wavelength (nm)   Normalised Flux   ivar",
        "; wavelength flux ivar",
    ],
)
def test_names_in_every_common_style_of_comment(comment):
    names = [
        c.name.lower().replace("normalised ", "").split(" ")[0] for c in raw(f"{comment}\n{rows()}").columns
    ]
    assert names == ["wavelength", "flux", "ivar"]


@pytest.mark.parametrize(
    "comment",
    [
        "# by hand and eye",
        "# wavelengths in air",
        "# HD 176650 normalised",
        "# wavelength and flux",
        "#",
        "# teff: 5700 K",
    ],
)
def test_prose_names_nothing(comment):
    """Three words above three columns may be a sentence: then the position tells, and it is said."""
    table = raw(f"{comment}\n{rows()}")
    assert [c.name for c in table.columns] == ["wavelength", "flux", "flux_error"]
    assert "by their position" in table.remarks[0]


def test_a_third_column_that_the_comment_calls_something_unknown_is_no_error():
    for comment, name in (("# lam0 norm cont", "cont"), ("# wavelength flux", "column 3")):
        table = raw(f"{comment}\n{rows()}")
        assert [c.name for c in table.columns] == ["wavelength", "flux", name]
        assert "third is not used" in table.remarks[0]


@pytest.mark.parametrize(
    "third", [1 / ERROR**2, FLUX / ERROR, np.ones(4), 1e6 * FLUX, np.array([0, 1, 0, 0])]
)
def test_a_third_column_without_a_name_is_no_error_when_it_cannot_be_one(third):
    """Inverse variances, S/N, a continuum, absolute fluxes (as synthesis codes write), a mask."""
    table = raw(rows(" ", WAVE, FLUX, third))
    assert [(c.name, c.values is None) for c in table.columns][2] == ("column 3", True)
    assert "the third column is not used: it has no name" in table.remarks[-1]


def test_units_in_a_comment_below_the_names():
    table = raw("# wavelength flux ivar\n# Angstrom - [1/Jy^2]\n" + rows())
    assert [c.unit for c in table.columns] == ["Angstrom", None, "1/Jy^2"]


FRAMES = (
    "| wavelength | flux |\n|-----------:|-----:|\n{}",  # Markdown
    "| wavelength | flux |\n{}",  # astropy's fixed_width
    "=====  =====\n| wavelength | flux |\n=====  =====\n{}=====  =====\n",
    "+------+------+\n| wavelength | flux |\n+------+------+\n{}+------+------+\n",  # TOPCAT
)


@pytest.mark.parametrize("frame", FRAMES)
def test_tables_in_frames(frame):
    body = "".join(f"| {w:.2f} | {f:.3f} |\n" for w, f in zip(WAVE, FLUX, strict=True))
    got = raw(frame.format(body))
    assert [c.name for c in got.columns] == ["wavelength", "flux"] and got.remarks == ()
    np.testing.assert_array_equal(got.columns[1].values, FLUX)


def test_numbers_of_rows_as_pandas_prints_them():
    text = "   wavelength   flux\n0      846.01  0.995\n1      846.04  1.017\n"
    np.testing.assert_array_equal(columns(text)["flux"], FLUX[:2])


def test_rows_and_columns_that_are_swapped_are_named():
    assert "2 rows of 40 numbers: write one row per sample" in refusal((" ".join(["846.1"] * 40) + "\n") * 2)


def test_letters_in_the_first_row_are_no_units():
    got = columns("name,type,teff\nK,A,\nM,K,5000\n", every)
    assert got["name"].tolist() == ["K", "M"] and np.isnan(got["teff"][0])
    assert columns("a b\n1 1\n2 2\n", every)["a"].tolist() == [1, 2]


def test_rows_that_begin_like_a_comment_are_counted():
    lines = rows(",").splitlines()
    table = raw(
        "wavelength,flux,flux_error\n" + "\n".join([lines[0], "#" + lines[1], "# bad from here", *lines[2:]])
    )
    np.testing.assert_array_equal(table.columns[0].values, WAVE[[0, 2, 3]])
    assert table.remarks == ("rows that begin like a comment are left out: 1",)


@pytest.mark.parametrize("suffix", [".csv", ".ecsv"])
def test_ids_that_look_like_comments_survive_our_own_files(suffix, tmp_path):
    ids = ["#1", "% two", "!", "//4", "five"]
    flux = np.linspace(0.8, 1.2, 5 * L).reshape(5, L)
    stars = SpectraSet(
        flux, 850 + 0.1 * np.arange(L), ids, np.empty((5, 0)), (), None, np.zeros((5, L), bool)
    )
    write_stars(tmp_path / f"s{suffix}", stars)
    read = read_stars(tmp_path / f"s{suffix}")
    assert read.ids.tolist() == ids
    np.testing.assert_array_equal(read.flux, stars.flux)


def test_columns_without_a_name_are_called_by_their_place():
    table = raw(",wavelength,flux,\n0,846,1,7\n1,846.1,0.9,8\n")
    assert [c.name for c in table.columns] == ["column 1", "wavelength", "flux", "column 4"]
    table = raw("wavelength,flux,\n846,1,\n846.1,0.9,\n")
    assert [c.name for c in table.columns] == ["wavelength", "flux"]


def test_more_columns_than_names_are_refused():
    assert "4 columns of numbers and no header" in refusal(rows(" ", WAVE, FLUX, ERROR, ERROR))
    assert "names no columns" in refusal("HD7 846.0 1.0\nHD7 846.1 1.0\n")
    assert "is no header of the rows: they have 3 values, as in '846.01" in refusal(
        "Spectrum of the star HD 7\n" + rows()
    )


def test_ids_of_text_under_a_comment_of_names():
    """The first row is no header though it begins with text."""
    got = columns(
        "# source_id wavelength flux\n" + "".join(f"HD7 {w} {f}\n" for w, f in zip(WAVE, FLUX, strict=True))
    )
    assert set(got["source_id"]) == {"HD7"}
    np.testing.assert_array_equal(got["flux"], FLUX)


@pytest.mark.parametrize("separator", [" ", "   ", "\t", ",", ", ", ";", "|", " | "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_ends_of_lines(separator, end):
    text = separator.join(["wavelength", "flux", "teff"]) + "\n" + rows(separator)
    got = columns(text.replace("\n", end))
    np.testing.assert_array_equal(got["wavelength"], WAVE)
    np.testing.assert_array_equal(got["teff"], ERROR)


def test_a_header_between_comments_with_units_below_it():
    """As VizieR sends a table: comments, names, units, a rule, rows; and comments between the rows."""
    text = "#RESOURCE=x\n#Name: y\n\nwave\tflux\tteff\nnm\t\tK\n-----\t----\t----\n" + rows("\t") + "#end\n"
    table = raw(text)
    assert [(c.name, c.unit) for c in table.columns] == [("wave", "nm"), ("flux", None), ("teff", "K")]
    np.testing.assert_array_equal(table.columns[0].values, WAVE)
    assert table.comments == ("#RESOURCE=x", "#Name: y", "#end") and table.meta["Name"] == "y"


def test_labels_with_blanks_brackets_and_units_in_their_names():
    text = "Teff [K] log g [Fe/H] [alpha/Fe]\n5000 4 0 0.1\n5100 4.1 -.2 0\n"
    got = columns(text)
    assert list(got) == ["Teff [K]", "log g", "[Fe/H]", "[alpha/Fe]"]
    assert got["log g"].tolist() == [4, 4.1] and got["[Fe/H]"].tolist() == [0, -0.2]


def test_nineteen_kilobytes_of_comments_are_no_obstacle():
    text = (
        "# a line of provenance, as many services write them\n" * 2000
        + "wavelength,flux,flux_error\n"
        + rows(",")
    )
    np.testing.assert_array_equal(columns(text)["flux"], FLUX)


def test_numbered_rows_of_r_and_separators_at_the_ends():
    quoted = "".join(f'"{k + 1}" {line}\n' for k, line in enumerate(rows().splitlines()))
    for text in (
        '"wavelength" "flux" "flux_error"\n' + quoted,
        ",wavelength,flux,flux_error\n" + "".join(f"{k},{x}\n" for k, x in enumerate(rows(",").splitlines())),
        "wavelength,flux,flux_error\n" + rows(",").replace("\n", ",\n"),
        "wavelength,flux,flux_error,\n" + rows(","),
        "wavelength;flux;flux_error;\n" + rows(";").replace("\n", ";\n"),
    ):
        np.testing.assert_array_equal(columns(text)["wavelength"], WAVE)
        np.testing.assert_array_equal(columns(text)["flux_error"], ERROR)


@pytest.mark.parametrize(
    "text", ["5700", "5700 K", "5.7 kK", "5.7D3", "5700 ± 80 K", "5700 from Smith (2010)"]
)
def test_keywords_of_labels_with_their_units(text):
    body = "wavelength flux\n" + "".join(f"{846 + k} {1 - 0.01 * k}\n" for k in range(20))
    assert read_bytes("a.txt", f"# teff = {text}\n{body}".encode()).label("teff").tolist() == [5700]
    with pytest.raises(SpectraError, match="teff is given in 'km'"):
        read_bytes("a.txt", f"# teff = 5700 km\n{body}".encode())


# --- numbers ---


@pytest.mark.parametrize("separator", [";", "\t", " ", "   ", " ; "])
@pytest.mark.parametrize("head", ["", "wavelength{}flux{}flux_error\n", "# wavelength{0}flux{0}flux_error\n"])
def test_decimal_commas(separator, head):
    for digits in (3, 6):
        text = head.replace("{0}", "{}").format(separator, separator) + rows(
            separator, decimal=",", digits=digits
        )
        got = columns(text)
        np.testing.assert_array_equal(got["wavelength"], WAVE)
        np.testing.assert_array_equal(got["flux"], FLUX)
        np.testing.assert_array_equal(got["flux_error"], ERROR)


def test_decimal_commas_of_excel():
    body = rows(";", decimal=",")
    for text in ("sep=;\n", '"sep=;"\r\n', "\ufeffsep=;\n"):
        np.testing.assert_array_equal(columns(text + "wavelength;flux;flux_error\n" + body)["flux"], FLUX)
    quoted = "".join(f'"{a:.6f}","{b:.6f}"\n'.replace(".", ",") for a, b in zip(WAVE, FLUX, strict=True))
    np.testing.assert_array_equal(columns("wavelength,flux\n" + quoted)["wavelength"], WAVE)
    assert columns("teff;logg;mh;alphafe\n5000;4;0;0,1\n")["alphafe"].tolist() == [0.1]


def test_a_comma_that_may_stand_between_thousands_is_not_guessed():
    cause = refusal("teff;logg\n5,777;4.44\n6,100;4.10\n")
    assert (
        "column teff is not numeric: '5,777' in row 1: is its comma decimal, or between thousands?" in cause
    )


def test_commas_that_separate_columns_and_decimals_are_named():
    for head in ("", "wavelength,flux\n"):
        assert "decimal commas between columns that commas separate: write 846.01" in refusal(
            head + rows(",", WAVE, FLUX, decimal=",")
        )


def test_numbers_of_fortran():
    text = (
        "wavelength flux flux_error\n0.84601D+03 1.0D0 1.0d-03\n 846.04 .995 0.1234-102\n846.07 **** 1.5Q-2\n"
    )
    got = columns(text)
    assert got["wavelength"].tolist() == [846.01, 846.04, 846.07]
    assert got["flux_error"].tolist() == [1e-3, 0.1234e-102, 1.5e-2]
    assert got["flux"][:2].tolist() == [1, 0.995] and np.isnan(got["flux"][2])


def test_the_minus_sign_of_typesetters():
    assert columns("teff,mh\n5000,−0.25\n5100,0.1\n")["mh"].tolist() == [-0.25, 0.1]


@pytest.mark.parametrize("missing", ["nan", "NaN", "--", "---", "null", "N/A", "INDEF", '""', "1.#QNAN"])
def test_missing_cells(missing):
    got = columns(f"wavelength flux\n846.01 {missing}\n846.04 1.5\n")["flux"]
    assert np.isnan(got[0]) and got[1] == 1.5


def test_arrays_that_numpy_printed_into_cells():
    """One row per star: as `str(array)` gives them, over several lines; shortened ones are refused."""
    grid = 846 + 0.03 * np.arange(60)
    flux = np.round(1 + 0.1 * np.sin(grid), 6)
    with np.printoptions(threshold=10_000, precision=10):
        whole = f'source_id,wavelength,flux\n{SOURCE_ID},"{grid}","{flux}"\n7,"{grid}","{flux}"\n'
        lists = f'{SOURCE_ID},"{list(grid)}","{flux.tolist()}"\n7,"{list(grid)}","{flux!r}"\n'
        lists = f"source_id,wavelength,flux\n{lists}"
    for text in (whole, lists):
        got = columns(text)
        assert got["source_id"].tolist() == [SOURCE_ID, "7"]
        np.testing.assert_allclose(np.stack(got["wavelength"].tolist())[0], grid, rtol=1e-9)
        np.testing.assert_array_equal(np.stack(got["flux"].tolist()), [flux, flux])
    with np.printoptions(threshold=10):
        cause = refusal(f'source_id,flux\n7,"{flux}"\n')
    assert "column flux: numpy left out the middle of an array ('...')" in cause


def test_masked_values_within_printed_arrays_are_missing():
    flux = columns('source_id,flux\n7,"[1.0 -- 3.0 nan]"\n8,"[1.0, null, 3.0, 4]"\n')["flux"]
    np.testing.assert_array_equal(np.stack(flux.tolist()), [[1, np.nan, 3, np.nan], [1, np.nan, 3, 4]])


def test_a_unit_of_one_is_that_of_a_normalised_flux():
    got = raw("wavelength,flux,flux_error\nAngstrom,1,1\n8460.1,0.9,0.1\n8460.4,1.0,0.1\n").columns
    assert [c.unit for c in got] == ["Angstrom", "1", "1"] and got[0].values.tolist() == [8460.1, 8460.4]
    assert columns("wavelength,flux\n1,1\n2,1\n")["flux"].tolist() == [1, 1]


# --- rows ---


def test_a_row_of_another_length_is_never_filled_up():
    """pandas would put NaN, or take the first column for an index."""
    lines = rows(",").splitlines()
    short = [*lines[:2], "846.07,0.873", lines[3]]
    assert "row 3, '846.07,0.873', has 2 values where the columns are 3" in refusal(
        "\n".join(["wavelength,flux,flux_error", *short]) + "\n"
    )
    for k in (1, 3):
        longer = list(lines)
        longer[k] += ",1"
        assert f"row {k + 1}, " in refusal("\n".join(["wavelength,flux,flux_error", *longer]) + "\n")
    assert "the last row, '846.1', has 1 of 2 values: the file seems cut" in refusal(
        "wavelength flux\n" + rows(" ", WAVE, FLUX) + "846.1"
    )


def test_a_last_value_that_may_be_cut():
    """Where all values have equally many decimals it is; else it is said; a line end settles it."""
    head, body = "wavelength,flux,flux_error\n", rows(",") * 4
    for end in (-2, -4):
        assert "the last row, '846.1" in (cause := refusal(head + body[:end]))
        assert "ends within a value: the file seems cut" in cause
    assert raw(head + body[:-1]).remarks == ()
    said = "the last row, '846.1 1.2', has no line end: if the file was cut, its last value is wrong"
    for values in ([0.99571, 1.0172, 0.873456, 1.5, 1.2], [0.9957, 1.0172, 0.8734, 1.5111, 1.2]):
        uneven = "wavelength flux\n" + "".join(f"846.1 {f}\n" for f in values)
        assert raw(uneven).remarks == () and raw(uneven[:-1]).remarks == (said,)
    assert raw("teff,mh\n5000,0.15\n5100,-0.25\n10000,-1.5").remarks == ()
    assert raw("teff,vsini\n" + "5000,100\n" * 20 + "5000,99").remarks == ()


def test_a_row_that_is_wrong_far_behind_the_first_ones_is_named():
    many = rows(",") * 20_000
    at = many.index("846.07", 1_000_000)
    broken = many[:at] + many[many.index(",", at) + 1 :]
    number = many[:at].count("\n") + 1
    assert f"row {number:d}, " in refusal("wavelength,flux,flux_error\n" + broken)


def test_rows_with_quotes_blanks_and_ends_of_dos():
    text = 'source_id,wavelength,flux\r\n"HD 7, ""B""",846.0,1.0\r\n"two\nlines",846.1,0.9\r\n'
    text += "/3,846.2,0.8\r\n\r\n\x1a"
    got = columns(text)
    assert got["source_id"].tolist() == ['HD 7, "B"', "two\nlines", "/3"] and got["flux"].tolist() == [
        1,
        0.9,
        0.8,
    ]
    short = 'star wavelength flux\n"a b" 846 1\n"b c" 846.1\n"d" 847 1\n'
    assert "row 2, '\"b c\" 846.1', has 2 values" in refusal(short)
    assert "has 2 of 3 values" in refusal(text.replace(",0.8\r\n\r\n\x1a", ""))


def test_only_a_header_has_no_rows():
    assert [c.values.shape for c in raw("wavelength,flux\n").columns] == [(0,), (0,)]


def test_columns_without_a_role_are_named_and_not_parsed():
    table = raw("wavelength,flux,spectral type\n846,1,G2V\n846.1,1,G2V\n")
    assert [c.name for c in table.columns if c.values is None] == ["spectral type"]
    assert columns("vsini,type\n5,G2V\n6,K0\n", every)["vsini"].tolist() == [5, 6]


# --- encodings ---


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1", "utf-32"]
)
@pytest.mark.parametrize("head", ["# Ångström\nlambda [Å]\tflux\n", "# Ångström\n"])
def test_encodings(encoding, head):
    body = rows("\t", 10 * WAVE, FLUX)
    table = raw((head + body).encode(encoding))
    np.testing.assert_array_equal(table.columns[0].values, np.round(10 * WAVE, 6))
    assert table.comments == ("# Ångström",)
    if "lambda" in head:
        assert table.columns[0].name == "lambda [Å]"
    said = {"cp1252": "Windows-1252", "latin-1": "Windows-1252"}.get(encoding, encoding.upper()[:6])
    assert encoding.startswith("utf-8") != any(said in remark for remark in table.remarks)


def test_a_mark_of_utf8_before_what_is_none():
    text = "# observé\r\nwavelength,flux\r\n846.01,1.5\r\n"
    table = raw(b"\xef\xbb\xbf" + text.encode("latin-1"))
    assert [c.name for c in table.columns] == ["wavelength", "flux"]
    assert table.columns[1].values.tolist() == [1.5]
    assert table.remarks == ("text read as Windows-1252 (it is not UTF-8)",)


def test_utf16_big_endian_with_its_mark():
    data = b"\xfe\xff" + ("wavelength;flux\n" + rows(";", WAVE, FLUX, decimal=",")).encode("utf-16-be")
    np.testing.assert_array_equal(columns(data)["flux"], FLUX)
    assert "the text is not whole UTF-16" in refusal(data[:-1])
