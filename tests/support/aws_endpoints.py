"""The host names that botocore's own rules make of the services which the local SageMaker has."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any
from urllib.parse import urlsplit

from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from botocore.loaders import Loader

from local_sagemaker.protocol import service_models

_LOADER = Loader()
PARTITIONS: Any = _LOADER.load_data("partitions")
REGIONS = [region for partition in PARTITIONS["partitions"] for region in partition["regions"]]
SERVICES = (*service_models.JSON_SERVICES, *service_models.QUERY_SERVICES, *service_models.REST_SERVICES)


def names_of(service: str, regions: Sequence[str] = REGIONS, **more: object) -> Iterator[str]:
    """Every host name of a service: in each region, with FIPS and dual-stack or without. `more`: members of its rules."""
    rules = EndpointProvider(_LOADER.load_service_model(service, "endpoint-rule-set-1"), PARTITIONS)
    for region, fips, dual in product(regions, (False, True), (False, True)):
        try:
            url = rules.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual, **more).url
        except EndpointProviderError:  # not every combination has an endpoint
            continue
        if host := urlsplit(url).netloc:
            yield host
