"""Every error a user can cause is one of these: it says what, where, how many, and what to do."""


class GandalfError(Exception):
    """Base class: the command line prints its message as one line and exits with status 2."""


class SpectraError(GandalfError, ValueError):
    """Spectra that cannot be read or written, or do not fit together or the grid."""


class ConfigError(GandalfError, ValueError):
    """A configuration with an unknown field, an impossible value or an unknown label."""


class UnknownFieldError(ConfigError):
    """A path that is not a field of the configuration."""


class ModelError(GandalfError, ValueError):
    """A model folder that is incomplete or a call that the model cannot answer."""


class NoiseKeyError(GandalfError, ValueError):
    """A file that holds no key for the noise of latents, or a place where none can be kept."""


class ClaimError(GandalfError, ValueError):
    """A folder of results that was begun for other work."""


class AuditError(GandalfError, ValueError):
    """A measurement that would not mean anything, for example with too few labelled stars."""


class ArchiveError(GandalfError, RuntimeError):
    """A remote archive that does not answer, or answers something unexpected."""


class ExchangeError(GandalfError, RuntimeError):
    """Another program on this machine that is not there, or sends what is not taken."""


class JobError(GandalfError, RuntimeError):
    """A job that cannot be started, stopped or found."""


class ClusterError(GandalfError, RuntimeError):
    """A cluster that is not there, does not answer, or cannot do its work."""
