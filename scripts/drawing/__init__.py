"""Draws a set of dog pictures, so that everything can be tried without a download: `python -m scripts.drawing.draw`."""
