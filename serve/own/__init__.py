"""A person's own inference code: made ready, loaded in a worker, called, and its answers and failures told."""
