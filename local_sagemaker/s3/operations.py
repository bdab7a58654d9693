"""Every S3 operation this server has. What each does is in s3_buckets, s3_objects, s3_list and s3_multipart."""

from . import buckets, list_objects, multipart, object_operations

OPERATIONS = buckets.OPERATIONS | object_operations.OPERATIONS | list_objects.OPERATIONS | multipart.OPERATIONS
STREAMING = frozenset({"PutObject", "UploadPart"})  # their bodies go to disk as they come
