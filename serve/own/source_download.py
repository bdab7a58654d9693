"""Fetches one object from S3 to a file, with the container's own keys: `python source_download.py s3://BUCKET/KEY FILE`.

A process of its own, run by its path: the program that listens on the port never loads boto3.
"""

import sys

import boto3

if __name__ == "__main__":
    bucket, _, key = sys.argv[1].removeprefix("s3://").partition("/")
    boto3.client("s3").download_file(bucket, key, sys.argv[2])
