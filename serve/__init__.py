"""The serving program that the serve image runs: one picture classifier behind SageMaker's /ping and /invocations.

Entry: `serve` (`python -m serve`). `program` starts and ends everything; `connection`, `front` and `relay` are the HTTP side;
`workers` keeps the worker processes, a `link` to each, which run `worker`, `handler` and one engine.
"""
