"""The reference sample from the archives: spectra of Gaia DR3, labels of APOGEE and GALAH."""
