"""Measurements of a training while it runs: smdebug's tensors, the steps' times, the operators' and the machine's use."""
