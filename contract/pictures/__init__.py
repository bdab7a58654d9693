"""A photograph: which files of a folder are taken, what decoding one may cost, its pixels, and what a network is given."""
