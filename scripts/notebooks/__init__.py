"""How notebooks are run: in an environment of their own, by a program that knows nothing of this one."""
