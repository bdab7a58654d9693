"""Objects of a soak, put and read in every way; and requests to the local server that nobody honest sends."""

import contextlib
import hashlib
import random
import socket
import time
from dataclasses import dataclass
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.soak.killed_server import KilledServer
from tests.soak.server_actor import ServerActor
from tests.soak.tally import Tally
from tests.support.local_server import LocalServer
from tests.support.malformed_http import CORPUS

PART = 5 << 20


@dataclass(slots=True)
class Storer(ServerActor):
    """Objects of one prefix: put, copied, read whole and in ranges, listed, uploaded in parts, deleted."""

    name: str = "objects"

    def turn(self, tally: Tally) -> None:
        prefix = f"stored/{self.next_name()}/"
        objects = {f"{prefix}{place}é +%": self.random.randbytes(self.random.randrange(50_000)) for place in range(4)}
        for key, content in objects.items():
            self.killed.s3("put_object", Key=key, Body=content)
        first = next(iter(objects))
        self.killed.s3("copy_object", Key=f"{prefix}copy", CopySource={"Bucket": "bucket", "Key": first})
        objects[f"{prefix}copy"] = objects[first]
        if self.random.random() < 0.1:
            objects[f"{prefix}parts"] = self._in_parts(f"{prefix}parts")
        wrong = [] if self.killed.keys(prefix) == sorted(objects) else [f"the list is {self.killed.keys(prefix)}"]
        for key, content in objects.items():
            begin = self.random.randrange(len(content) + 1)
            end = self.random.randrange(begin, len(content) + 10)
            wrong += [] if self.killed.read(key) == content else [f"{key} changed"]
            if begin < len(content) and self.killed.read(key, Range=f"bytes={begin}-{end}") != content[begin : end + 1]:
                wrong.append(f"{key} from {begin} to {end} is wrong")
        self.killed.empty(prefix)
        if self.killed.keys(prefix):
            wrong.append("what was deleted is listed")
        if wrong:
            tally.fault(self.name, "; ".join(wrong))
        else:
            tally.well(self.name)

    def _in_parts(self, key: str) -> bytes:
        """Completed, or begun again: an upload that a killed server has completed is not there to be completed again."""
        content = self.random.randbytes(PART + 1000)
        upload = self.killed.s3("create_multipart_upload", Key=key)["UploadId"]
        parts = []
        for number, piece in enumerate((content[:PART], content[PART:]), 1):
            about = self.killed.s3("upload_part", Key=key, UploadId=upload, PartNumber=number, Body=piece)
            assert about["ETag"] == f'"{hashlib.md5(piece).hexdigest()}"'
            parts.append({"PartNumber": number, "ETag": about["ETag"]})
        self.killed.s3("complete_multipart_upload", "NoSuchUpload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
        return content


@dataclass(slots=True)
class Stranger:
    """What is no HTTP, no signature, no JSON or no operation; and clients that leave. Refused with a 4xx or 501, never a 500."""

    killed: KilledServer
    random: random.Random
    name: str = "stranger"

    def turn(self, tally: Tally) -> None:
        kind = self.random.choice([self._malformed, self._unsigned, self._signed_nonsense, self._leave, self._odd_but_true])
        began = time.monotonic()
        try:
            wrong = kind(self.killed.server)
        except OSError as error:
            wrong = "" if self.killed.was_away(began) else repr(error)
        if wrong and not self.killed.was_away(began):
            tally.fault(f"{self.name} {kind.__name__.strip('_')}", wrong)
        else:
            tally.well(self.name)
        self.killed.wait()
        time.sleep(0.05)

    def _exchange(self, server: LocalServer, data: bytes, seconds: float = 20.0) -> bytes:
        """What comes until the server closes, or until an answer is there and nothing follows."""
        received = b""
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=seconds) as link:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                link.sendall(data)
            while True:
                try:
                    piece = link.recv(65536)
                except (TimeoutError, ConnectionResetError):
                    return received
                if not piece:
                    return received
                received += piece
                link.settimeout(0.3)

    def _judge(self, data: bytes, received: bytes) -> str:
        statuses = [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]
        bad = [status for status in statuses if not (400 <= status < 500 or status in (501, 503))]
        return f"{data[:300]!r} was answered {received[:300]!r}" if bad else ""

    def _malformed(self, server: LocalServer) -> str:
        data = bytearray(CORPUS[self.random.choice(sorted(CORPUS))])
        for _ in range(self.random.randrange(4)):
            place = self.random.randrange(min(len(data), 2000))
            data[place : place + self.random.randrange(3)] = self.random.randbytes(self.random.randrange(4))
        return self._judge(bytes(data), self._exchange(server, bytes(data), 1.0))

    def _unsigned(self, server: LocalServer) -> str:
        method = self.random.choice(["GET", "PUT", "POST", "DELETE"])
        path = self.random.choice(
            ["/", "/bucket", "/bucket/key", "/endpoints/standing/invocations", "/v2/", "/?X-Amz-Signature=0"]
        )
        target = self.random.choice(["", "X-Amz-Target: SageMaker.ListModels\r\n", "Authorization: AWS4-HMAC-SHA256 x\r\n"])
        host = server.url.removeprefix("http://")
        data = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{target}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}".encode()
        return self._judge(data, self._exchange(server, data))

    def _signed_nonsense(self, server: LocalServer) -> str:
        """The key is right and the body is not: JSON that is cut, deep, of other types, or not there."""
        operation = self.random.choice(["CreateTrainingJob", "ListModels", "CreateEndpoint", "DescribeTrainingJob", "Nonsense"])
        body = self.random.choice(
            [b"", b"{", b"[" * 5000, b'{"TrainingJobName": 1}', b"\xff", self.random.randbytes(50), b"null"]
        )
        if operation == "ListModels" and body in (b"",):
            body = b"{"
        headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", server.url + "/", headers=headers, data=body)
        SigV4Auth(Credentials(*server._keys), "sagemaker", "us-east-1").add_auth(request)
        lines = ["POST / HTTP/1.1", f"Host: {server.url.removeprefix('http://')}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "host"]
        data = "\r\n".join([*lines, "Connection: close"]).encode() + b"\r\n\r\n" + body
        return self._judge(data, self._exchange(server, data))

    def _leave(self, server: LocalServer) -> str:
        head = b"PUT /bucket/left HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10) as link:
            link.sendall(head[: self.random.randrange(len(head))])
        return ""

    def _odd_but_true(self, server: LocalServer) -> str:
        """What boto3 can send and is not right: each has its own 4xx."""
        asked: list[tuple[str, dict[str, Any]]] = [
            ("describe_training_job", {"TrainingJobName": "nobody"}),
            ("create_endpoint", {"EndpointName": "lost", "EndpointConfigName": "nobody"}),
            ("stop_training_job", {"TrainingJobName": "nobody"}),
            ("list_training_jobs", {"NextToken": "no token"}),
            ("delete_model", {"ModelName": "nobody"}),
        ]
        operation, request = self.random.choice(asked)
        try:
            found = self.killed.sagemaker(operation, **request)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return "" if 400 <= status < 500 else str(error)
        return f"{operation} {request} was answered {found}"
