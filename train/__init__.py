"""The training program: `train` under the SageMaker contract, from input channels to a model artefact.

Reading order: `__main__` (what PID 1 does), `config` (what a job may ask for), `supervisor` (the processes), `worker`
(one training process from start to end), `loop` (epochs and steps); then `data`, `model`, `profiling` and `export`, which they
use, and `salvage`, a program of its own. It never serves and never launches jobs.
"""
