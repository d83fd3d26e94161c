"""The verdict on what was read, in sentences: the same for `validate` and the upload page.

Each sentence is `good`, `warn` (look at it before you use the results) or `bad` (these stars cannot be used,
or their results will be wrong).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..data.protocols import StarModel
from ..data.spectra import MIN_COVERAGE
from ..io.names import FLUX
from ..io.understanding import ASSUMED, Understanding
from ..models.line_shift import AIR_KMS
from ..models.reasons import AIR_WITHIN_KMS, AT_REST_KMS
from ..parameters import parameter
from .census import Census

GOOD, WARN, BAD = "good", "warn", "bad"
MANY_OUTSIDE = 0.1  # of the stars looked at: so many beyond what models know are worth a word
LOW_SNR, HIGHEST_SNR = 20.0, 3000.0
TOO_LARGE = 4.0  # flux errors in units of the scatter between neighbouring pixels
MUCH_MASKED = 0.1  # of all pixels
MANY_SPIKES = 5e-3  # of all samples
MAX_NAMED = 3  # stars that a sentence names
MAX_COLUMNS = 12


class Finding(NamedTuple):
    """One sentence of the verdict."""

    grade: str
    text: str


def findings(
    census: Census, read: Sequence[Understanding], rejected: Mapping[str, str], model: StarModel | None
) -> list[Finding]:
    """The verdict on stars that were counted, the most important sentence first."""
    first = on_use(census, rejected)
    if not census.stars:
        return [first]
    return [
        first,
        *on_grids(census, model),
        *on_medium(census, read),
        *on_shifts(census, read),
        *on_continuum(census),
        *on_outside(census),
        *on_errors(census, read),
        on_mask(census, read),
        *on_spikes(census, read),
        *on_ids(census, read),
        *on_labels(census, model),
        *on_missing(census, read),
        *on_columns(read),
    ]


def count(number: int, thing: str = "star") -> str:
    """A number of things: `1 star`, `2,000 stars`."""
    return f"{number:,} {thing}{'s' if number != 1 else ''}"


def named(names: Sequence[str], most: int = MAX_NAMED, total: int | None = None) -> str:
    """The first of some names, and how many more there are (of `total`, if `names` are not all of them)."""
    more = (len(names) if total is None else total) - most
    return ", ".join(map(str, names[:most])) + (f" and {more:,} more" if more > 0 else "")


# --- which stars ---


def on_use(census: Census, rejected: Mapping[str, str]) -> Finding:
    """How many stars can be used, and why the first of the others cannot."""
    if not rejected:
        return Finding(GOOD if census.usable else BAD, f"{count(census.usable)} can be used")
    cause, more = next(iter(rejected.values())), len(rejected) - 1
    others = f" (and {more:,} more)" if more else ""
    if census.usable:
        return Finding(
            WARN, f"{count(census.usable)} can be used, {len(rejected):,} left out: {cause}{others}"
        )
    return Finding(BAD, f"this cannot be used: {cause}{others}")


def on_grids(census: Census, model: StarModel | None) -> Iterator[Finding]:
    """The wavelengths of most stars, and whether they are those of the model."""
    (pixels, low, high), _ = census.grids.most_common(1)[0]
    text = f"{pixels:,} pixels from {low:.2f} to {high:.2f} nm"
    if model is None:
        yield Finding(GOOD, text)
    else:
        first, last = float(model.wavelength_nm[0]), float(model.wavelength_nm[-1])
        own = f"the {len(model.wavelength_nm):,} pixels of {model.name} from {first:.2f} to {last:.2f} nm"
        covered = (min(high, last) - max(low, first)) / (last - first)
        yield Finding(GOOD if covered >= MIN_COVERAGE else BAD, f"{text}, for {own}")
    if len(census.grids) > 1:
        others = count(len(census.grids) - 1, "other wavelength grid")
        yield Finding(WARN, f"{others} beside it: all spectra are resampled")


def on_medium(census: Census, read: Sequence[Understanding]) -> Iterator[Finding]:
    """Whether the wavelengths are in vacuum; where no file says so, what the lines say."""
    for medium, source in dict.fromkeys((u.medium, u.medium_from) for u in read if u.medium != ASSUMED):
        converted = ", converted to vacuum" if medium == "air" else ""
        yield Finding(GOOD, f"wavelengths in {medium} ({source}){converted}")
    if not any(u.medium == ASSUMED for u in read):
        return
    text = "nothing says whether the wavelengths are in vacuum or in air: they are taken as vacuum"
    shift = census.median_shift
    if shift is not None and abs(shift) <= AT_REST_KMS:
        yield Finding(GOOD, f"{text}, and the lines lie where they belong")
    elif _looks_like_air(shift):
        cure = "call the column wave_air, convert it, or use --shift auto"
        yield Finding(BAD, f"{text}, but the lines lie 0.24 nm too far to the blue, as in air: {cure}")
    else:
        yield Finding(WARN, text)


def _looks_like_air(shift_kms: float | None) -> bool:
    return shift_kms is not None and abs(shift_kms - AIR_KMS) <= AIR_WITHIN_KMS


def on_shifts(census: Census, read: Sequence[Understanding]) -> Iterator[Finding]:
    """Whether the lines are at rest; nothing where `on_medium` has explained their shift."""
    shift = census.median_shift
    if shift is None or (_looks_like_air(shift) and any(u.medium == ASSUMED for u in read)):
        return
    if abs(shift) > AT_REST_KMS:
        text = f"the lines are shifted by {shift:+.0f} km/s (median)"
        yield Finding(
            BAD, f"{text}, the models know stars at rest: correct the radial velocity, or use --shift auto"
        )
        return
    strange = census.shifted_ids
    if strange:
        text = (
            f"lines shifted by more than {AT_REST_KMS:.0f} km/s in {count(len(strange))} ({named(strange)})"
        )
        yield Finding(WARN, f"{text}: correct the radial velocity, or use --shift auto")
    else:
        yield Finding(GOOD, f"lines at rest: shifted by {shift:+.1f} km/s (median)")


def on_continuum(census: Census) -> Iterator[Finding]:
    """Stars whose continuum rises, falls or lies elsewhere than models know."""
    if poor := census.poorly_normalised:
        star, cause = next(iter(poor.items()))
        more = f" (and {len(poor) - 1:,} more)" if len(poor) > 1 else ""
        yield Finding(WARN, f"{star}: {cause}{more}")


def on_outside(census: Census) -> Iterator[Finding]:
    """Many stars that are beyond what models know, if there are many."""
    outside = census.outside
    if len(outside) > MANY_OUTSIDE * len(census.looks):
        star, reason = next(iter(outside.items()))
        text = f"{count(len(outside))} of {len(census.looks):,} looked at beyond what models know"
        yield Finding(WARN, f"{text}: {star}: {reason}")


# --- errors and masks ---


def on_errors(census: Census, read: Sequence[Understanding]) -> Iterator[Finding]:
    """Where the flux errors come from, the S/N, and whether both can be meant."""
    known, unknown = census.known_snr, census.usable - len(census.known_snr)
    if unknown:
        which = f" of {count(unknown)}" if len(known) else ""
        unused = [name for u in read if not u.errors_from for name in u.ignored]
        columns = f"; columns not used: {named(list(dict.fromkeys(unused)))}" if unused else ""
        yield Finding(WARN, f"flux errors{which} unknown: error bars are those of a typical star{columns}")
    if not len(known):
        return
    low, middle, high = np.percentile(known, [16, 50, 84])
    sources = list(dict.fromkeys(u.errors_from for u in read if u.errors_from))
    origin = f"flux errors from {', '.join(sources)}, " if sources else ""
    spread = f" (68 % of the stars: {low:.0f} to {high:.0f})" if len(known) > 1 else ""
    text = f"{origin}S/N {middle:.0f} per pixel{spread}"
    if middle > HIGHEST_SNR:
        yield Finding(WARN, f"{text}: too good to be true, are these one standard deviation of the flux?")
    elif (poor := int((known < LOW_SNR).sum())) > len(known) / 2:
        yield Finding(WARN, f"{text}: below {LOW_SNR:.0f} in {count(poor)}, parameters will be poor")
    else:
        yield Finding(GOOD, text)
    if census.median_excess > TOO_LARGE:
        text = f"flux errors are {census.median_excess:.0f} times the scatter between neighbouring pixels"
        yield Finding(WARN, f"{text}: are they too large?")


def on_mask(census: Census, read: Sequence[Understanding]) -> Finding:
    """How much is masked, and by what."""
    share = census.masked / max(census.samples, 1)
    sources = list(dict.fromkeys(name for u in read for name in u.mask_from))
    origin = f" ({', '.join(sources)})" if sources else ""
    text = f"{share:.1%} of the pixels masked" if census.masked else "no pixel masked"
    return Finding(WARN if share > MUCH_MASKED else GOOD, text + origin)


def on_spikes(census: Census, read: Sequence[Understanding]) -> Iterator[Finding]:
    """Samples taken for cosmic-ray hits, and those without a wavelength."""
    spikes, padding = sum(u.spikes for u in read), sum(u.padding for u in read)
    if spikes:
        many = spikes > MANY_SPIKES * census.samples
        text = f"{count(spikes, 'sample')} far above their neighbours masked as cosmic-ray hits"
        yield Finding(WARN if many else GOOD, text + (": are they lines in emission?" if many else ""))
    if padding:
        yield Finding(WARN, f"{count(padding, 'sample')} without a wavelength left out")


# --- ids, labels, columns ---


def on_ids(census: Census, read: Sequence[Understanding]) -> Iterator[Finding]:
    """Whether every star has an id of its own."""
    for made_up in [u.made_up for u in read if u.made_up][:1]:
        alone = len(made_up) == 1  # the name of a file with one star is a good id
        called = "the star is called" if alone else "the stars are called"
        yield Finding(GOOD if alone else WARN, f"no column of ids: {called} {' … '.join(made_up)}")
    sources = list(dict.fromkeys(name for u in read for name in u.ids_from))
    if sources:
        yield Finding(GOOD, f"ids from {', '.join(sources)}")
    if repeated := census.repeated_ids():
        yield Finding(WARN, f"{count(len(repeated), 'id')} of more than one star: {named(repeated)}")


def on_labels(census: Census, model: StarModel | None) -> Iterator[Finding]:
    """How many stars have each label, and which values lie beyond the training sample."""
    for name in census.labels:
        values, p = census.label_values(name), parameter(name)
        if not len(values):
            yield Finding(WARN, f"{p.plain} of no star is known")
            continue
        span = f"{values.min():.{p.decimals}f} to {p.format(values.max())}"
        text = f"{p.plain} of {count(len(values))}, {span}"
        low, high = (model.ranges.get(name) if model else None) or (p.low, p.high)
        beyond = 0 if low is None or high is None else int(((values < low) | (values > high)).sum())
        if beyond > 0.1 * len(values):
            whose = f"the stars that trained {model.name}" if model else "the sample of the models"
            yield Finding(WARN, f"{text}: {count(beyond)} beyond {whose}")
        else:
            yield Finding(GOOD, text)


def on_missing(census: Census, read: Sequence[Understanding]) -> Iterator[Finding]:
    """Values that were taken as missing; a few samples of the flux are nothing to worry about."""
    times: dict[str, int] = {}
    for u in read:
        for what, number in u.missing.items():
            times[what] = times.get(what, 0) + number
    for what, number in times.items():
        few = what.startswith(FLUX) and number < MUCH_MASKED * census.samples
        often = "once" if number == 1 else f"{number:,} times"
        yield Finding(GOOD if few else WARN, f"{what} {often}: taken as missing")


def on_columns(read: Sequence[Understanding]) -> Iterator[Finding]:
    """Columns that were not used, and further remarks of the reader."""
    ignored = list(dict.fromkeys(name for u in read for name in u.ignored))
    if ignored:
        yield Finding(GOOD, f"columns not used: {named(ignored, MAX_COLUMNS)}")
    for remark in dict.fromkeys(remark for u in read for remark in u.remarks):
        yield Finding(WARN, remark)
