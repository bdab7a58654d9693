"""Every S3 operation this server has. What each does is in s3_buckets, s3_objects, s3_list and s3_multipart."""

from . import s3_buckets, s3_list, s3_multipart, s3_objects

OPERATIONS = s3_buckets.OPERATIONS | s3_objects.OPERATIONS | s3_list.OPERATIONS | s3_multipart.OPERATIONS
STREAMING = frozenset({"PutObject", "UploadPart"})  # their bodies go to disk as they come
