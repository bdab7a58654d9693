"""What computes a classifier's answers: OpenVINO on CPUs, torch on CPUs and GPUs, behind one interface."""
