"""`--labels FILE`: labels of a user's stars that lie in a table of their own."""

from argparse import Namespace
from typing import TYPE_CHECKING

from .registry import arg

if TYPE_CHECKING:
    from ..io.survey_table import SurveyTable

LABELS = arg(
    "--labels",
    metavar="FILE",
    help="a table with the stars' labels, one row for each star, or for each star and survey: source_id, "
    "teff, teff_error, …, survey (default: those that come with the spectra)",
)


def survey_table(args: Namespace) -> "SurveyTable | None":
    """The table of --labels, or None without it. SpectraError for a file that holds none."""
    from ..io.survey_table import read_survey_table

    return read_survey_table(args.labels) if args.labels else None
