"""A local Amazon SageMaker: one boto3-compatible server on loopback that really runs training jobs and endpoints.

It obeys AWS and knows nothing of the images it runs. It is not a mock, and it is not for production.
"""
