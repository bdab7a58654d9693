"""S3's operations on buckets. A bucket here has a name and an age, and is in this server's one region."""

from typing import Any

from ..context import Context
from ..errors import AwsError
from ..protocol.operation import Operation


def check_owner(context: Context, request: dict[str, Any]) -> None:
    """Raises AccessDenied when the request expects the bucket to be somebody else's."""
    for member in ("ExpectedBucketOwner", "ExpectedSourceBucketOwner"):
        if request.get(member, context.account_id) != context.account_id:
            raise AwsError("AccessDenied", "Access Denied", 403)


def owner(context: Context) -> dict[str, str]:
    """The one owner there is."""
    return {"DisplayName": "local", "ID": context.account_id}


def list_buckets(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Every bucket, or a page of those with a prefix."""
    prefix, after = request.get("Prefix", ""), request.get("ContinuationToken", "")
    names = [one for one in context.objects.buckets() if one[0].startswith(prefix) and one[0] > after]
    limit = request.get("MaxBuckets", 10_000)
    page = names[:limit]
    return {
        "Buckets": [{"Name": name, "CreationDate": created, "BucketRegion": context.region} for name, created in page],
        "Owner": owner(context),
        "ContinuationToken": page[-1][0] if len(names) > limit else None,
        "Prefix": request.get("Prefix"),
    }


def create_bucket(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Makes a bucket; the region asked for must be this server's."""
    wanted = request.get("CreateBucketConfiguration", {}).get("LocationConstraint")
    if wanted not in (None, context.region):
        message = f"The {wanted} location constraint is incompatible for the region specific endpoint this request was sent to."
        raise AwsError("IllegalLocationConstraintException", message)
    if request.get("ACL", "private") != "private":
        raise AwsError("NotImplemented", "ACL: only private is supported by the local SageMaker.", 501)
    context.objects.create_bucket(request["Bucket"])
    return {"Location": f"/{request['Bucket']}"}


def head_bucket(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Whether the bucket is there."""
    check_owner(context, request)
    context.objects.need_bucket(request["Bucket"])
    return {"BucketRegion": context.region, "AccessPointAlias": False}


def delete_bucket(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Removes an empty bucket."""
    check_owner(context, request)
    context.objects.delete_bucket(request["Bucket"])
    return {}


def get_bucket_location(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """The region, which for us-east-1 is the empty string, as on AWS."""
    check_owner(context, request)
    context.objects.need_bucket(request["Bucket"])
    return {"LocationConstraint": "" if context.region == "us-east-1" else context.region}


OPERATIONS = {
    "ListBuckets": Operation(list_buckets, "Prefix ContinuationToken MaxBuckets"),
    "CreateBucket": Operation(create_bucket, "Bucket ACL CreateBucketConfiguration.LocationConstraint"),
    "HeadBucket": Operation(head_bucket, "Bucket ExpectedBucketOwner"),
    "DeleteBucket": Operation(delete_bucket, "Bucket ExpectedBucketOwner"),
    "GetBucketLocation": Operation(get_bucket_location, "Bucket ExpectedBucketOwner"),
}
