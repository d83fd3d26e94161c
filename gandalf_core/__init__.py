"""gandalf_core: adversarial auto-encoders on stellar spectra, with their leakage measured."""
