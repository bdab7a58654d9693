"""AWS's wire protocols: requests read and checked by botocore's models, answers rendered from them."""
