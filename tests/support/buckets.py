"""A bucket of S3 on this machine, served by moto."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer


@contextmanager
def served_bucket(monkeypatch, name="pictures") -> Iterator:
    """Yield a client of S3; the environment leads to its server, on which there is the bucket `name`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{address}/moto-api/reset", method="POST")).close()
    variables = {"AWS_ENDPOINT_URL": address, "AWS_DEFAULT_REGION": "us-east-1"}
    variables |= {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "secret"}
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=name)
    try:
        yield client
    finally:
        server.stop()


def keys(client, name="pictures"):
    """Return the names of the bucket's objects in order."""
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=name).get("Contents", [])]
