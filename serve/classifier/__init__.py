"""The classifier that answers at an endpoint unless a person's own code does: its bodies, its answers and its warm-up."""
