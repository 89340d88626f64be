"""Is a caller without a token known by one address, whatever socket shows it?

    python -m benchmarks.attacks.addresses

A11 of the review: on a socket of IPv6 all callers of IPv4 were one, and no proxy there was believed.
"""

import sys
from collections import Counter
from http.client import HTTPConnection

from benchmarks.support.attacking import Table
from benchmarks.support.service import running_service

_BAD = {"authorization": "Bearer gradjury_0123456789abcdef_" + "x" * 43}
_OPTIONS = ("--no-worker", "--host", "::", "--workers", "2")


def main() -> int:
    table = Table("addresses: callers without a token on `--host :: --workers 2`")
    with running_service(*_OPTIONS, refused_per_minute=10) as service:
        bad = _statuses(service.port, "127.0.0.2")
        table.row("60 bad tokens from 127.0.0.2", _shown(bad), bad[0] == 401 and bad[-1] == 429)
        other = _statuses(service.port, "127.0.0.3")[:1]
        table.row("then a bad token from 127.0.0.3", _shown(other), other == [401])
        forwarded = _statuses(service.port, "127.0.0.1", "192.0.2.{}")
        seen = _shown(forwarded)
        table.row("60 callers behind a proxy on 127.0.0.1", seen, set(forwarded) == {401})
        lying = _statuses(service.port, "127.0.0.4", "198.51.100.{}")
        table.row("60 that say so, from no trusted proxy", _shown(lying), lying[-1] == 429)
        network = _statuses(service.port, "127.0.0.1", "2001:db8::{}")
        table.row("60 addresses of one network of IPv6", _shown(network), network[-1] == 429)
    return table.end()


def _statuses(port: int, source: str, forwarded: str = "") -> list[int]:
    """Return the statuses of 60 bad tokens: each of two processes counts 10 of a caller."""
    headers = [{"x-forwarded-for": forwarded.format(number)} if forwarded else {} for number in range(1, 61)]
    return [_status("127.0.0.1", port, source, _BAD | each) for each in headers]


def _shown(statuses: list[int]) -> str:
    return ", ".join(f"{count} × {status}" for status, count in Counter(statuses).items())


def _status(host: str, port: int, source: str, headers: dict[str, str]) -> int:
    connection = HTTPConnection(host, port, timeout=60, source_address=(source, 0))
    connection.request("GET", "/v1/assignments", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


if __name__ == "__main__":
    sys.exit(main())
