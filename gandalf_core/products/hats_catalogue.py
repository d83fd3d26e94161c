"""HATS catalogues (https://hats.readthedocs.io): partitions of the sky, which lsdb and others open.

The results of one keep its partitions, and get the position of each star; then they are one themselves.
"""

import warnings
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .positions import Carried

PROPERTIES = ("hats.properties", "collection.properties")
MOST_SHOWN = 200  # letters of a message
MISSING = "to get a HATS catalogue from a HATS catalogue: pip install 'gandalf-explorer[hats]'"


@dataclass(frozen=True)
class Hats:
    """The HATS catalogue that a source is, if it is one.

    inside: the catalogue's folder in the source, which differs from it in a collection. properties, pixels:
    of the catalogue. carried: columns with the positions of its stars. note: what keeps the results from
    being one.
    """

    inside: str = ""
    properties: Any = None
    pixels: Any = None
    carried: Carried = ()
    note: str = ""

    def finish(self, folder: Path) -> list[str]:
        """Make a HATS catalogue of the results in a folder; sentences on it."""
        if self.properties is None:
            return [self.note] if self.note else []
        from hats.io.parquet_metadata import write_parquet_metadata
        from hats.io.paths import get_partition_info_pointer

        base = folder / self.inside
        rows = write_parquet_metadata(base, create_thumbnail=False)
        self.pixels.write_to_file(get_partition_info_pointer(base))
        new = {"catalog_name": base.name, "total_rows": rows}
        new |= dict.fromkeys(("skymap_order", "skymap_alt_orders", "default_columns"))
        self.properties.model_copy(update=new).to_properties_file(base)
        return [f"{base}: is a HATS catalogue, as the source is"]


def hats_of(source: Path) -> Hats:
    """The HATS catalogue that a folder is; an empty one for any other folder."""
    if not any((source / name).is_file() for name in PROPERTIES):
        return Hats()
    if not has_hats():
        return Hats(note=f"{source}: {MISSING}")
    try:
        return _opened(source)
    except Exception as error:  # of many kinds, as the library lets them through
        cause = " ".join(str(error).split())[:MOST_SHOWN]
        return Hats(note=f"{source}: is called a HATS catalogue, but cannot be opened as one ({cause})")


def _opened(source: Path) -> Hats:
    from hats.catalog.partition_info import PartitionInfo

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of one without _metadata, which is not needed here
        opened = import_module("hats").read_hats(source, read_moc=False)
    catalogue: Any = getattr(opened, "main_catalog", opened)
    info = catalogue.catalog_info
    kinds = {info.ra_column: "float64", info.dec_column: "float64", info.healpix_column: "int64"}
    carried = tuple((name, kind) for name, kind in kinds.items() if name)
    inside = Path(str(catalogue.catalog_path)).resolve().relative_to(source.resolve()).as_posix()
    return Hats(inside, info, PartitionInfo.from_healpix(catalogue.get_healpix_pixels()), carried)


@cache
def has_hats() -> bool:
    """Whether the library is installed."""
    return find_spec("hats") is not None
