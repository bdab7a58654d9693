"""The serving program that the serve image runs: one picture classifier behind SageMaker's /ping and /invocations.

Entry: `serve` (`python -m serve`). `program` starts, watches and ends everything; `connection`, `front` and `relay` are the
HTTP side; `model_server` starts multi-model-server, whose worker processes run `worker`, `handler` and one engine.
"""
