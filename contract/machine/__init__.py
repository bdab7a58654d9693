"""The machine or container that a program runs in: its CPUs, memory and GPUs, and what its kernel does for a child."""
