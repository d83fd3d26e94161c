"""The stored map of one model's latent, one panel per parameter."""

from gandalf_core.data.identity import identity
from gandalf_core.figures import panels
from gandalf_core.figures.panels import LinkedPanels, Map
from pages.ui import guards
from pages.ui.cache.maps import map_r2, stored_map
from pages.ui.cache.models import load_model
from pages.ui.parts import diagrams


def show_one(name: str) -> None:
    """The stored t-SNE map of one model's latent, one panel per parameter."""
    with guards.showing_errors():
        model = load_model(name)
    owned = stored_map(model, "latent", "tsne")
    if owned is None:
        guards.stop(f"{name} has no t-SNE map of its latent.")
    _, projection = owned
    columns = [projection.label_names.index(n) for n in model.label_names]
    ids, labels = projection.ids, projection.labels[:, columns]
    one = Map(f"latent of {name}", ids, projection.xy, map_r2(projection.xy, labels))

    def build() -> LinkedPanels:
        return panels.maps([one], ids, labels, model.label_names, ranges=model.ranges)

    key = identity("one map", one, labels, model.ranges)
    count = max(len(model.label_names), 2)
    about = diagrams.About(
        f"The latent of {name}",
        "Colour: the parameter in the panel's title. k-NN R²: how well a star's ten nearest neighbours in "
        "the map predict it (1: exactly; 0 or below: not at all).",
        (name,),
    )
    diagrams.show_linked(f"map of {name}", key, build, model.label_names, columns=count, about=about)
