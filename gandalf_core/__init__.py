"""gandalf_core: adversarial auto-encoders on stellar spectra, with their leakage measured.

    from gandalf_core import load_model, read_stars, write_stars, simulate, train

The public names are imported when first used. Type checkers and editors read the first branch below.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .auditing import audit as audit
    from .auditing import audit_latent as audit_latent
    from .auditing.compare import compare as compare
    from .config.presets import preset as preset
    from .config.schema import Config as Config
    from .data.latents import LatentSet as LatentSet
    from .data.noise_key import NoiseKey as NoiseKey
    from .data.spectra import SpectraSet as SpectraSet
    from .errors import GandalfError as GandalfError
    from .io import read_stars as read_stars
    from .io import write_stars as write_stars
    from .models.estimator import GandalfEncoder as GandalfEncoder
    from .models.fit import train as train
    from .models.store import list_models as list_models
    from .models.store import load_model as load_model
    from .models.store import save_model as save_model
    from .models.trained import TrainedModel as TrainedModel
    from .publishing.decoder_page import save_decoder_page as save_decoder_page
    from .publishing.map_page import save_map_page as save_map_page
    from .publishing.paper import save_figure as save_figure
    from .publishing.tables import write_results as write_results
    from .simulator import simulate as simulate
    from .simulator import truth as truth
    from .sources import load_stars as load_stars
else:
    from .lazy import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "auditing": "audit audit_latent",
            "auditing.compare": "compare",
            "config.presets": "preset",
            "config.schema": "Config",
            "data.latents": "LatentSet",
            "data.noise_key": "NoiseKey",
            "data.spectra": "SpectraSet",
            "errors": "GandalfError",
            "io": "read_stars write_stars",
            "models.estimator": "GandalfEncoder",
            "models.fit": "train",
            "models.store": "list_models load_model save_model",
            "models.trained": "TrainedModel",
            "publishing.decoder_page": "save_decoder_page",
            "publishing.map_page": "save_map_page",
            "publishing.paper": "save_figure",
            "publishing.tables": "write_results",
            "simulator": "simulate truth",
            "sources": "load_stars",
        },
    )
