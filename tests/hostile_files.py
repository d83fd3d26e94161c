"""Small files that would make a reader open other files, or take very much time or memory."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WAVE = np.round(850 + 0.1 * np.arange(60), 1)
ROWS = "".join(f"{w},{1 + 0.01 * (k % 7)}\n" for k, w in enumerate(WAVE))
GOOD = f"wavelength,flux\n{ROWS}".encode()
ECSV = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: wavelength, datatype: float64, unit: nm}\n"
ECSV += "# - {name: flux, datatype: float64}\n# delimiter: ','\n"
DAMAGED, GROW, COLUMNS = "damaged", "would grow to", "columns"


# --- makers ---


def votable(fields: str, data: str, before: str = "") -> bytes:
    """A VOTable of one table; before: what stands between the declaration and the document."""
    document = f"<VOTABLE><RESOURCE><TABLE>{fields}<DATA>{data}</DATA></TABLE></RESOURCE></VOTABLE>"
    return f'<?xml version="1.0"?>\n{before}{document}'.encode()


TWO_FIELDS = (
    '<FIELD name="wavelength" datatype="double" unit="nm"/><FIELD name="flux" datatype="unsignedByte"/>'
)
TD = "<TABLEDATA><TR><TD>850</TD><TD>1</TD></TR></TABLEDATA>"


def stream_at(address: str) -> bytes:
    """A VOTable whose data are elsewhere."""
    return votable(TWO_FIELDS, f'<BINARY><STREAM href="{address}"/></BINARY>')


def fits_table(width: int, rows: int, fields: dict[str, str], data: bytes, heap: int = 0) -> bytes:
    """A FITS file with one table: columns as name → TFORM."""
    primary = _header(["SIMPLE  =                    T", _card("BITPIX", 8), _card("NAXIS", 0)])
    cards = ["XTENSION= 'BINTABLE'", _card("BITPIX", 8), _card("NAXIS", 2), _card("NAXIS1", width)]
    cards += [_card("NAXIS2", rows), _card("PCOUNT", heap), _card("GCOUNT", 1), _card("TFIELDS", len(fields))]
    for k, (name, form) in enumerate(fields.items(), 1):
        cards += [_card(f"TTYPE{k}", name), _card(f"TFORM{k}", form)]
    return primary + _header(cards) + data + b"\0" * (-len(data) % 2880)


def _card(key: str, value: object) -> str:
    return f"{key:8}= '{value:8}'" if isinstance(value, str) else f"{key:8}= {value:>20}"


def _header(cards: list[str]) -> bytes:
    text = b"".join(card.encode().ljust(80) for card in [*cards, "END"])
    return text + b" " * (-len(text) % 2880)


def npz(**members: bytes) -> bytes:
    with zipfile.ZipFile(out := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(f"{name}.npy", content)
    return out.getvalue()


def npy(shape: tuple[int, ...], dtype: str, data: bytes = b"") -> bytes:
    """An array whose header says what one likes."""
    about = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out := io.BytesIO(), about)
    return out.getvalue() + data


def parquet(**columns: object) -> bytes:
    pq.write_table(pa.table(columns), out := io.BytesIO())
    return out.getvalue()


def bundle(**members: bytes) -> bytes:
    with zipfile.ZipFile(out := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return out.getvalue()


def link_in_a_bundle(target: str = "/etc/passwd") -> bytes:
    info = zipfile.ZipInfo("link.csv")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(out := io.BytesIO(), "w") as packed:
        packed.writestr(info, target)
    return out.getvalue()


# --- files that are refused: name → (content, words of the message) ---


def references() -> dict[str, tuple[bytes, str]]:
    """Files that refer to others."""
    doctype = '<!DOCTYPE VOTABLE [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n'
    attribute = '<!DOCTYPE VOTABLE [<!ATTLIST STREAM href CDATA "file:///etc/passwd">]>\n'
    parameter = '<!DOCTYPE VOTABLE [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>\n'
    return {
        "file.vot": (stream_at("file:///etc/passwd"), "nothing else is opened"),
        "plain-path.vot": (stream_at("/etc/passwd"), "nothing else is opened"),
        "device.vot": (stream_at("file:///dev/zero"), "nothing else is opened"),
        "loopback.vot": (stream_at("http://127.0.0.1:8501/"), "nothing else is opened"),
        "ftp.vot": (stream_at("ftp://localhost/x"), "nothing else is opened"),
        "by-default.vot": (votable(TWO_FIELDS, "<BINARY><STREAM/></BINARY>", attribute), "nothing else"),
        "entity.vot": (votable(TWO_FIELDS, TD.replace("850", "&x;"), doctype), "defines XML entities"),
        "parameter-entity.vot": (votable(TWO_FIELDS, TD, parameter), "defines XML entities"),
        "fits-inside.vot": (
            votable(TWO_FIELDS, '<FITS><STREAM href="file:///x"/></FITS>'),
            "FITS data inside",
        ),
        "link.zip": (link_in_a_bundle(), "a symbolic link, which is not followed"),
    }


def costly_texts() -> dict[str, tuple[bytes, str]]:
    """Text whose names, comments or numbers cost more than their length."""
    many = ",".join(f"c{k}" for k in range(25_000))
    labels = ",".join(f"label_{k}" for k in range(3000))
    repeats = "&b0 [" + ",".join("x" * 10) + "]"
    for k in range(1, 9):
        repeats += f", &b{k} [" + ",".join([f"*b{k - 1}"] * 10) + "]"
    power = "a unit with the factor 10"
    wide = "a,b\n" + "".join(f"{k},{1},{850 + 1e-4 * k}\n" for k in range(20_000))
    return {
        "names.csv": (f"wavelength,flux,{many}\n".encode() + b"850,1" + b",1" * 25_000 + b"\n", COLUMNS),
        "labels.csv": (
            f"wavelength,flux,{labels}\n".encode() + b"850,1" + b",1" * 3000 + b"\n",
            "3,000 labels",
        ),
        "yaml.ecsv": (ECSV.replace("unit: nm", f"unit: [{repeats}]").encode() + GOOD, "is not text"),
        "id.csv": (
            b"source_id,wavelength,flux\n" + b"9" * 90_000 + b"x,850,1\n" + b"a,851,1\n" * 9000,
            "a cell of",
        ),
        "one-each.csv": (wide.replace("a,b", "source_id,flux,wavelength").encode(), "too many"),
        "unit.ecsv": (ECSV.replace("nm", "m*" * 9000 + "m").encode() + GOOD, "a unit of 18,001 characters"),
        "power.ecsv": (ECSV.replace("nm", "10**99999999 m").encode() + GOOD, power),
        "power.csv": (GOOD.replace(b"wavelength", b"wavelength [10^99999999 m]"), power),
        "power.vot": (votable(TWO_FIELDS.replace('"nm"', '"10**99999999 m"'), TD), power),
        "power.tbl": (b"|wavelength|flux|\n|double|double|\n|10**99999999m| |\n 850. 1.\n", power),
        "kelvin.csv": (b"# teff: 5000 K*10**99999999\n" + GOOD, power),
        "words.txt": (b"( " + b"a " * 300_000 + b"\n850 1\n851 1\n", "words"),
        "line.csv": (b"1," * 3_000_000, "characters"),
        "comments.csv": (b"#\n" * 300_000 + GOOD, "lines of comments"),
    }


def costly_binaries() -> dict[str, tuple[bytes, str]]:
    """Headers that announce far more than a file holds, and one place that very many cells share."""
    shared = struct.pack(">ii", 1000, 0)
    zeros = npy((20_000, 2401), "<f4", bytes(20_000 * 2401 * 4))
    grid = npy((2401,), "<f8", np.linspace(846, 870, 2401).tobytes())
    flux, wave = npy((2, 60), "<f4", np.ones((2, 60), "f4").tobytes()), npy((60,), "<f8", WAVE.tobytes())
    fields = "".join(f'<FIELD name="f{k}" datatype="double"/>' for k in range(6000))
    rows = "<TABLEDATA>" + "<TR><TD/><TD/></TR>" * 150_000 + "</TABLEDATA>"
    same = '<FIELD name="f" datatype="double"/>' * 500
    flat = {f"label_{k}": "PE(1000)" for k in range(40)}
    one, many = (_card("TFIELDS", n).encode() for n in (1, 10**9))
    one_long = [[1.0] * 40_000, *[None] * 9000]
    heap, nine = bytes(4000), [[850.0 + k for k in range(9)]] * 20_000
    texts = parquet(source_id=["a" * 10**5] * 20_000, flux=nine, wavelength=nine)
    millions = {f"{k}.csv.gz": gzip.compress(bytes(6 * 10**6)) for k in range(40)}
    tensors = pa.nulls(10, pa.fixed_shape_tensor(pa.float32(), [40_000_000]))
    nulls = pa.nulls(10, pa.list_(pa.float32(), 40_000_000))
    return {
        "columns.fits": (fits_table(8, 1, {"flux": "D"}, bytes(8)).replace(one, many), DAMAGED),
        "rows.fits": (fits_table(8, 10**9, {"flux": "PE(1)"}, bytes(2880)), "truncated FITS"),
        "empty-rows.fits": (fits_table(0, 10**9, {"flux": "0E", "wavelength": "0D"}, b""), "of no bytes"),
        "shared.fits": (fits_table(8, 40_000, {"flux": "PE(1000)"}, shared * 40_000 + heap, 4000), GROW),
        "shared-columns.fits": (fits_table(320, 5000, flat, shared * 200_000 + heap, 4000), GROW),
        "negative.fits": (fits_table(8, 1, {"flux": "PE(9)"}, struct.pack(">ii", -9, 0)), "negative"),
        "fields.vot": (votable(fields, "<TABLEDATA/>"), "more than 5,000 columns"),
        "namesakes.vot": (votable(same, "<TABLEDATA/>"), "are called f"),
        "cells.vot": (votable(TWO_FIELDS.replace('"unsignedByte"', '"float" arraysize="*"'), rows), GROW),
        "rows.vot": (votable(TWO_FIELDS, TD).replace(b"<TABLE>", b'<TABLE nrows="1000000000">'), GROW),
        "lists.parquet": (parquet(source_id=list(range(10)), flux=nulls), GROW),
        "null-cells.parquet": (parquet(flux=pa.nulls(2_000_000, pa.list_(pa.float32()))), GROW),
        "tensors.parquet": (parquet(source_id=list(range(10)), flux=tensors), GROW),
        "letters.parquet": (parquet(source_id=pa.nulls(10, pa.binary(10**8)), flux=[[1.0] * 9] * 10), GROW),
        "columns.parquet": (parquet(flux=[1.0], **{f"c{k}": [1.0] for k in range(10_001)}), COLUMNS),
        "text.parquet": (texts, GROW),
        "empty-cells.parquet": (parquet(source_id=list(range(9001)), flux=one_long), GROW),
        "zeros.npz": (npz(flux=zeros, wavelength_nm=grid), GROW),
        "bytes.npz": (npz(flux=npy((50_000, 2401), "|u1", bytes(50_000 * 2401)), wavelength_nm=grid), GROW),
        "shape.npz": (npz(flux=npy((10**6, 10**6), "<f4", bytes(9)), wavelength_nm=wave), GROW),
        "no-width.npz": (npz(flux=npy((10**9, 0), "<f4"), wavelength_nm=npy((0,), "<f8")), GROW),
        "no-letters.npz": (npz(flux=flux, wavelength_nm=wave, ids=npy((10**9,), "<U0")), GROW),
        "short.npz": (npz(flux=npy((2, 60), "<f4", bytes(7)), wavelength_nm=wave), "as its header says"),
        "gz-in-gz.csv.gz": (gzip.compress(gzip.compress(bytes(2 * 10**8))), GROW),
        "gz-in-zip.zip": (bundle(**millions), GROW),
        "list.zip": (_long_list(), "files"),
    }  # fmt: skip


def _long_list() -> bytes:
    with zipfile.ZipFile(out := io.BytesIO(), "w") as packed:
        for k in range(21_000):
            packed.writestr(zipfile.ZipInfo(str(k)), b"")
    return out.getvalue()


def _with_column(name: bytes) -> bytes:
    header, *rows = GOOD.splitlines()
    return b"\n".join([header + b"," + name, *(row + b",1" for row in rows), b""])


def slow_but_sound() -> dict[str, bytes]:
    """Files that can be read, whose texts cost a careless pattern minutes."""
    numbers = b", ".join(b"%d: 1" % ((2**61 - 1) * k) for k in range(1, 15_000))
    return {
        "spaces.csv": b"#" + b" " * 200_000 + b"x\n" + GOOD,
        "air.csv": b"# " + b"air " * 60_000 + b"\n" + GOOD,
        "digits.csv": _with_column(b"1" * 900 + b"x"),
        "frames.csv": _with_column(b"wave" + b"restframe" * 20 + b"x"),
        "array.csv": b'source_id,flux,wavelength\n1,"[1 ' + b" " * 200_000 + b'1]","[850 851]"\n',
        "minutes.ecsv": ECSV.encode() + b"# meta: {a: 1" + b":1" * 150_000 + b"}\n" + GOOD,
        "keys.ecsv": ECSV.encode() + b"# meta: {" + numbers + b"}\n" + GOOD,
    }  # fmt: skip
