"""The AWS APIs as launchers use them, on AWS or on the local SageMaker: requests, clients, waiting, errors and policies."""
