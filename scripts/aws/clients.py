"""The boto3 sessions and options that every client of the launchers is built with, on AWS and on the local SageMaker.

A client of the local SageMaker takes nothing from the person's AWS files, profile, proxies or AWS_* variables: those are
for AWS, and a wrong one must not stop what runs on this machine.
"""

import boto3
import botocore.session
from botocore.config import Config as ClientConfig
from botocore.configprovider import ConfigValueStore, ConstantProvider

ATTEMPTS = 6
"""Of one request, all together: throttling and broken connections are tried again with growing pauses."""
FILES = ("config_file", "credentials_file", "profile")


def local_session(access_key: str, secret_key: str) -> boto3.Session:
    """A session with botocore's own defaults and this key, whatever the environment and ~/.aws say."""
    core = botocore.session.Session()
    constants = {
        name: ConstantProvider(None if name in FILES else default)
        for name, (_, _, default, _) in botocore.session.Session.SESSION_VARIABLES.items()
    }
    core.register_component("config_store", ConfigValueStore(mapping=constants))
    return boto3.Session(aws_access_key_id=access_key, aws_secret_access_key=secret_key, botocore_session=core)


def options(local: bool) -> ClientConfig:
    """Retries, time-outs and connections of a client; one of the local SageMaker goes through no proxy."""
    return ClientConfig(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=16,
        connect_timeout=5,
        read_timeout=75,
        proxies={} if local else None,
    )
