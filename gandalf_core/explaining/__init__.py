"""Why a model says so: which wavelengths an estimate rests on, what a slider moves, what a dimension does."""
