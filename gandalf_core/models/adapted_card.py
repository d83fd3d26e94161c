"""What a card says of a model that went on learning from a user's own stars (own/adapting.py)."""

from typing import Any

ORDERS = ("the same for all stars", "linear in the labels", "quadratic in the labels")
UNPROMISED = (
    "too few own stars were held back to say how wide error bars must be: those of the model before serve, "
    "and promise nothing; `gandalf calibrate` with other labelled stars mends that"
)


def adapted_lines(card: dict[str, Any]) -> list[str]:
    """Lines of Markdown on from what and how the model was adapted; none for any other model."""
    adapted = card.get("adapted")
    if not isinstance(adapted, dict):
        return []
    before = adapted.get("from", {})
    lines = [
        f"- adapted from **{before.get('name', '?')}** (`{before.get('model_id') or 'not stored'}`), "
        f"{mixed_text(adapted)}"
    ]
    lines.append(f"- mean spectrum: {correction_text(adapted.get('correction'))}")
    lines.append(f"- encoder: {encoder_text(adapted.get('encoder', {}))}")
    if text := noise_text(card):
        lines.append(f"- latent: {text}")
    if not card.get("calibration"):
        lines.append(f"- {UNPROMISED}")
    return lines


def plain_lines(card: dict[str, Any]) -> list[str]:
    """The same without Markdown."""
    return [line.removeprefix("- ").replace("**", "").replace("`", "") for line in adapted_lines(card)]


def mixed_text(adapted: dict[str, Any]) -> str:
    """How much simulated stars counted."""
    mix = float(adapted.get("mix", 0))
    if not mix:
        return "on own stars alone"
    power = adapted.get("resolving_power")
    like = f" at their resolution (R = {power:,.0f})" if isinstance(power, int | float) else ""
    return f"with simulated stars made like the own ones{like} as {mix:.0%} of what was shown"


def correction_text(correction: dict[str, Any] | None) -> str:
    """What own stars taught the mean spectrum, by stars that were left out."""
    if not correction:
        return "as it was: too few own stars have every label, or nothing to compare them with"
    before, order = correction["left_out_before"], correction["order"]
    after = correction["left_out_after"][order]
    return (
        f"line strengths corrected by {correction['rms_strength']:.0%} (rms) from {correction['stars']:,} "
        f"own stars, {ORDERS[order]}, as cross-validation chose: mean squared residual of stars left out, in "
        f"units of its variance, {before:.3f} before, {after:.3f} after"
    )


def noise_text(card: dict[str, Any]) -> str:
    """What the latent's noise has become, and what is promised of removed labels: nothing."""
    noise, before = card.get("noise"), card["adapted"].get("noise_before")
    parts = []
    if isinstance(noise, int | float) and isinstance(before, int | float) and noise != before:
        less = "less" if noise > before else "more"
        parts.append(f"noise σ = {noise:g} instead of {before:g}, so it tells {less} of every label")
    if card.get("removed"):
        parts.append(
            "what was removed may be readable in part from stars like the own ones: audit the model on "
            "others; more noise hides more (`--noise`)"
        )
    return "; ".join(parts)


def encoder_text(encoder: dict[str, Any]) -> str:
    """How much of the encoder moved, and what the trials said."""
    part, losses = encoder.get("part", "nothing"), encoder.get("losses") or {}
    if not losses:
        return f"{part} moved" + (f" ({encoder['why']})" if encoder.get("why") else ", as was asked for")
    trials = ", ".join(f"{name} {loss:.4f}" for name, loss in losses.items())
    return f"{part} moved, as cross-validation chose (loss of own stars left out: {trials})"
