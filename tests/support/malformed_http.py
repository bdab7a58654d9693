"""Requests that are no HTTP, or two things at once: whoever reads them says 400 once and closes the connection."""

POST = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
CORPUS = {
    "Content-Length and Transfer-Encoding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two Content-Lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "two equal Content-Lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "Content-Length with a sign": POST + b"Content-Length: +5\r\n\r\nabcde",
    "Content-Length of a hundred digits": POST + b"Content-Length: " + b"9" * 100 + b"\r\n\r\n",
    "unknown transfer coding": POST + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "chunked is not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunk size is no number": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
    "chunk longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
    "chunk ends with LF only": POST + b"Transfer-Encoding: chunked\r\n\r\n2\nab\n0\n\n",
    "chunk size overflows": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "bare CR in a header": b"GET /ping HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
    "NUL in a header": b"GET /ping HTTP/1.1\r\nHost: x\0y\r\n\r\n",
    "space before the colon": b"GET /ping HTTP/1.1\r\nHost : x\r\n\r\n",
    "header without a colon": b"GET /ping HTTP/1.1\r\nHost\r\n\r\n",
    "64 kB of one header": b"GET /ping HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 65536 + b"\r\n\r\n",
    "64 kB of many headers": b"GET /ping HTTP/1.1\r\nHost: x\r\n" + b"X: abc\r\n" * 8192 + b"\r\n",
    "64 kB of path": b"GET /" + b"a" * 65536 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /ping\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.7": b"GET /ping HTTP/3.7\r\nHost: x\r\n\r\n",
    "unknown method": b"BREW /ping HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
}
"""Bytes on the wire, by what is wrong with them."""
