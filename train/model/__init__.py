"""The network and what changes its weights: layers, optimiser, learning rates, number formats. Reads no pictures."""
