"""A stand-in for the archives: a local HTTP server that speaks TAP, DataLink and VizieR's VOTables.

SQLite carries out the queries, on tables of the archive's names. `faults` asks for what goes wrong.
"""

import gzip
import io
import itertools
import re
import sqlite3
import threading
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
from archive_files import GRID_NM, archive_file, bundle
from astropy.io import votable
from astropy.table import Table, vstack

from gandalf_core.data.spectra import SpectraSet

PAGE = b"<html><title>Maintenance</title><body>The archive is <b>closed until noon</b>.</body></html>"
FIRST_TRANSIT = 90_000_000_000_000_001  # odd, beyond what a float holds
SUFFIX = {"votable": "xml", "csv": "csv", "fits": "fits"}


class World:
    """What the archives hold.

    spectra: {id: flux (2401,)}.  tables: {"schema.table": columns}, for TAP.  catalogues: of VizieR, {name:
    Table}.  layout, format: of DataLink, whatever is asked for where set.  transits: {id: number of epochs}.
    faults: [(part of a path, what goes wrong)]: "503", "400", "page" or "cut"; each happens once.
    """

    def __init__(self):
        self.spectra, self.tables, self.catalogues = {}, {}, {}
        self.release, self.layout, self.format, self.transits = "Gaia DR3", None, None, {}
        self.faults, self.requests, self.jobs, self.absent = [], [], {}, set()
        self.numbers, self.looks = itertools.count(1), 0

    def fault(self, path):
        for k, (part, kind) in enumerate(self.faults):
            if part in path:
                del self.faults[k]
                return kind
        return None

    def asked(self, part):
        """The forms of the requests to paths with this part."""
        return [form for path, form in self.requests if part in path]

    # --- TAP ---

    def query(self, text, upload=None):
        """The answer to a query in ADQL, as far as SQLite speaks it."""
        base = sqlite3.connect(":memory:")
        tables = self.tables | ({} if upload is None else {"tap_upload.ids": upload})
        for schema in {name.split(".")[0] for name in tables}:
            base.execute(f"ATTACH ':memory:' AS {schema}")
        for name, columns in tables.items():
            base.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            rows = zip(*(np.asarray(c).tolist() for c in columns.values()), strict=True)
            base.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)
        text = re.sub(r"SELECT TOP (\d+) (.*)", r"SELECT \2 LIMIT \1", text)
        done = base.execute(text)
        names = [d[0].split(".")[-1] for d in done.description]
        rows = done.fetchall()
        columns = [[row[k] for row in rows] for k in range(len(names))]
        return Table([_column(c) for c in columns], names=names)

    # --- DataLink ---

    def data(self, form):
        ids = [i for i in form["ID"].split(",") if i in self.spectra and i not in self.absent]
        if form["RELEASE"] != self.release:
            return None
        layout, kind = self.layout or form["DATA_STRUCTURE"], self.format or form["FORMAT"]
        product = form["RETRIEVAL_TYPE"]
        if product.startswith("EPOCH"):
            return bundle({f"{product}-{self.release} {i}.xml": self.epochs(i) for i in ids})
        sets = [self.stars([i]) for i in ids] if layout == "INDIVIDUAL" else [self.stars(ids)] if ids else []
        names = [f"-{self.release} {s.ids[0]}" if layout == "INDIVIDUAL" else f"_{layout}" for s in sets]
        files = [archive_file(kind, layout, s) for s in sets]
        return bundle({f"{product}{n}.{SUFFIX[kind]}": f for n, f in zip(names, files, strict=True)})

    def stars(self, ids):
        flux = np.array([self.spectra[i] for i in ids])
        error = np.where(np.isfinite(flux), np.float32(0.01), np.float32(np.nan))
        return SpectraSet(flux, GRID_NM, ids, np.empty((len(ids), 0)), (), error, np.isnan(flux))

    def epochs(self, star):
        parts = []
        for k in range(self.transits.get(star, 1)):
            n, flux = len(GRID_NM), self.spectra[star] + 0.001 * k
            columns = {
                "source_id": np.full(n, int(star)),
                "transit_id": np.full(n, 90_000_000_000_000_001 + 2 * k),
            }
            columns |= {"wavelength": GRID_NM, "flux": flux, "flux_error": np.full(n, 0.02)}
            parts.append(Table(columns, units={"wavelength": "nm"}))
        return as_votable(vstack(parts[::-1]))  # not in order

    def links(self, ids):
        rows = [(f"{self.release} {i}", "RVS" if i in self.spectra else "XP_SAMPLED") for i in ids]
        url = "https://gea.esac.esa.int/data-server/data?ID={}&RETRIEVAL_TYPE={}"
        return Table(
            {
                "ID": [i for i, _ in rows],
                "access_url": [url.format(i.replace(" ", "+"), kind) for i, kind in rows],
                "error_message": [""] * len(rows),
            }
        )

    # --- VizieR ---

    def catalogue(self, script):
        lines = dict(line.partition("=")[::2] for line in script.splitlines())
        source, out = lines["-source"], lines.get("-out", "").split(",")
        document = votable.tree.VOTableFile()
        resource = votable.tree.Resource(name=source)
        document.resources.append(resource)
        for name, table in self.catalogues.items():
            if name == source or name.startswith(source + "/"):
                table = table if "-out.all" in lines else table[[c for c in out if c in table.colnames]]
                table = table if lines["-out.max"] == "unlimited" else table[: int(lines["-out.max"])]
                made = votable.tree.TableElement.from_table(document, _with_ids(table))
                made.name = name
                for field, column in zip(made.fields, table.colnames, strict=True):
                    field.name = column  # VizieR's IDs are other than its names
                resource.tables.append(made)
        out = io.BytesIO()
        document.to_xml(out)
        return out.getvalue()


def _with_ids(table):
    """The table under names that XML allows as IDs."""
    found = table.copy()
    found.rename_columns(table.colnames, [re.sub(r"\W", "_", f"c_{name}") for name in table.colnames])
    return found


def _column(values):
    kinds = {type(v) for v in values}
    return np.array(
        values, np.int64 if kinds == {int} else float if kinds <= {int, float, type(None)} else str
    )


def as_votable(table, form="binary2"):
    out = io.BytesIO()
    votable.from_table(table).to_xml(out, tabledata_format=form)
    return out.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Answers one request from the server's world."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer({k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()})

    def do_DELETE(self):
        self.send(200, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.headers["Content-Type"] or ""
        if "multipart" in kind:
            message = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
            parts = {p.get_param("name", header="content-disposition"): p for p in message.get_payload()}
            self.answer({name: part.get_payload(decode=True) for name, part in parts.items()})
        elif "viz-bin" in self.path:
            self.answer({"script": body.decode()})
        else:
            self.answer({k: v[0] for k, v in parse_qs(body.decode(), keep_blank_values=True).items()})

    def answer(self, form):
        world, path = self.server.world, urlsplit(self.path).path
        world.requests.append((path, form))
        kind = world.fault(path)
        if kind in ("503", "400"):
            self.send(int(kind), PAGE, "text/html", {"Retry-After": "0"})
        elif kind == "page":
            self.send(200, PAGE, "text/html")
        elif "/viz-bin/" in path:
            self.send(200, world.catalogue(form["script"]), cut=kind == "cut")
        elif path.endswith("/data-server/data"):
            packed = world.data(form)
            self.send(
                *((400, PAGE) if packed is None else (200, packed, "application/zip")), cut=kind == "cut"
            )
        elif path.endswith("/datalink/links"):
            self.send(200, as_votable(world.links(form["ID"].split(","))))
        else:
            self.tap(path.split("/tap/")[-1], form, kind == "cut")

    # --- TAP ---

    def tap(self, path, form, cut):
        world, parts = self.server.world, path.strip("/").split("/")
        if parts == ["sync"]:
            self.send(200, as_votable(world.query(text_of(form["QUERY"]))), cut=cut)
        elif parts == ["async"]:
            job = str(next(world.numbers))
            world.jobs[job] = {"form": form, "looks": 0}
            self.send(303, b"", headers={"Location": self.url(f"async/{job}")})
        elif parts[2:] == ["phase"] and self.command == "POST":
            self.send(303, b"", headers={"Location": self.url(f"async/{parts[1]}")})
        elif parts[2:] == ["phase"]:
            self.send(200, self.phase(parts[1]).encode(), "text/plain")
        elif parts[2:3] == ["results"]:
            packed = gzip.compress(as_votable(self.result(parts[1])))
            self.send(200, packed, headers={"Content-Encoding": "gzip"}, cut=cut)
        elif parts[2:] == ["error"]:
            self.send(200, b"<VOTABLE><INFO>no such table</INFO></VOTABLE>")
        else:
            self.send(200, self.document(parts[1]).encode())

    def phase(self, job):
        state = self.server.world.jobs[job]
        state["looks"] += 1
        return "COMPLETED" if state["looks"] > self.server.world.looks else "EXECUTING"

    def result(self, job):
        form = self.server.world.jobs[job]["form"]
        upload = next((v for k, v in form.items() if k == "ids"), None)
        table = None
        if upload is not None:
            read = Table.read(io.BytesIO(upload), format="votable")
            table = {c: read[c] for c in read.colnames}
        return self.server.world.query(text_of(form["QUERY"]), table)

    def document(self, job):
        link = self.url(f"async/{job}/results/result")
        return (
            '<uws:job xmlns:uws="http://www.ivoa.net/xml/UWS/v1.0" xmlns:xlink="http://www.w3.org/1999/xlink">'
            f"<uws:jobId>{job}</uws:jobId><uws:phase>{self.phase(job)}</uws:phase>"
            f'<uws:results><uws:result id="result" xlink:href="{link}"/></uws:results></uws:job>'
        )

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}/tap-server/tap/{path}"

    def send(self, status, body, kind="application/x-votable+xml", headers=None, cut=False):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = True


def text_of(value):
    return value.decode() if isinstance(value, bytes) else value


def serve():
    """A server of an empty world on a free port of this machine, in a thread of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.world = World()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server
