"""Every seed of the project, in one place: which stars serve what, and which are reserved for judging.

A star of seed s is fit to judge a model only if nothing was trained, tuned, calibrated or chosen on seed s.
`simulated:N:JUDGING_SEED` is that sample. It is used once: a change made because of what it showed is a
choice, so JUDGING_SEED then becomes the next number of JUDGING_BLOCK. No seed of that block trains anything
(`simulator.judging`). Tests simulate stars of seeds below TESTS_BELOW.
"""

STANDARD_SEED = 0  # the standard sample, which trains the shipped models, and its own test stars
# 64,305 stars as in the paper, and 5,845 dealt uniformly, which only train
STANDARD_SAMPLE = f"simulated:70150:{STANDARD_SEED}:wide"
SWEEP_SEED = 1  # the paper's two sweeps; small samples that the app offers to train on
# `python -m reports own-stars`: to adapt to, to judge by, and to train the model that is compared with
OWN_STARS_SEED, OTHERS_SEED, REFERENCE_SEED = 11, 12, 13
OWN_CHOICE_SEED, OTHERS_CHOICE_SEED = 14, 15  # own stars, and others, by which adapting itself was tuned
EXAMPLE_SEED = 3  # the stars of links, screenshots and measured latencies
CHOICE_SEED = 7  # ablations, the app's ready-made stars, audits while a recipe is developed
SECOND_CHOICE_SEED = 21  # by which the generator got a second network of m(y)
GOLDEN_SEED = 4711  # twenty stars whose values by the shipped models are stored
PLANTED_SEED = 700_000  # and up: labels of the draws of `python -m reports instrument`
REVERSED_SEED = 800_000  # and up: labels of others of these draws
POPULATION_SEED = 770_001  # the prior of the Bayes-optimal reference
INSTRUMENT_SEED = 880_001  # the audit's own reader of spectra
ORDINARY_SEED = 770_011  # and the next: what is ordinary for a verdict, and whether it is right
TEMPLATE_SEED = 770_021  # templates at which a physical fit starts
COVERAGE_SEED = 660_000  # and up, one for each draw of `python -m reports coverage`
MIXED_IN_SEED = 440_001  # simulated stars that take part when a model is adapted to a user's own
OTHER_PHYSICS_SEED = 550_001  # stars of another nature, on which error bars are calibrated

JUDGING_BLOCK = range(990_001, 991_000)
JUDGING_SEED = 990_002  # 990_001 showed how the models before leaked, after which the recipe changed
JUDGING_SAMPLE = f"simulated:12861:{JUDGING_SEED}"

TESTS_BELOW = 100

# --- not of stars, but of how a sample is divided ---

SPLIT_SEED = 0  # which stars of a sample test
HELD_BACK_SEED = 1  # which of the others calibrate error bars, and which tell how far ordinary stars stray
