"""Tables, selections and spectra to and from other programs on this machine."""
