"""A file of weights, looked at without running what is in it."""
