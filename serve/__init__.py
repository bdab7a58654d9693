"""The serving program that the serve image runs: one picture classifier behind SageMaker's /ping and /invocations.

Entry: `serve` (`python -m serve`). `program` starts and ends everything. The frontend is the process that listens: `frontend`,
`client_connection` and `dispatcher` take requests, `workers` starts the worker processes and has a `worker_connection` to each.
A worker process runs `worker`, `handler` and one engine.
"""
