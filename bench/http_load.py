"""A load tool for HTTP/1.1 with kept connections, small enough that its own share of the machine can be told.

Open loop: requests leave at a fixed rate whatever happens to earlier ones, and a request's time counts from the moment
when it was due, so that a server that stalls is not spared. Closed loop: each connection asks again as soon as it has its
answer. Only loopback addresses are loaded. Standard input: one JSON document; standard output: one.
"""

import asyncio
import ipaddress
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 30.0


@dataclass
class Told:
    """What became of the requests."""

    times: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)

    def note(self, status: str, seconds: float) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.times.append(seconds * 1000)


class Connection:
    """One kept connection; opened again when the server has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> str:
        """The status of the answer, or the name of what went wrong."""
        fresh = self._streams is None
        try:
            return await asyncio.wait_for(self._ask(request), PATIENCE)
        except (TimeoutError, OSError, EOFError) as problem:
            self.close()
            if fresh or isinstance(problem, TimeoutError):
                return type(problem).__name__
            return await self.ask(request)  # the server may close an idle connection at any time

    async def _ask(self, request: bytes) -> str:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        at = head.find(b"content-length:")
        if at < 0:
            raise EOFError
        await reader.readexactly(int(head[at + 15 : head.index(b"\r\n", at)]))
        if b"connection: close" in head:
            self.close()
        return head[9:12].decode()

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def open_loop(connections: list[Connection], requests: list[bytes], rate: float, seconds: float) -> Told:
    told, idle = Told(), asyncio.LifoQueue[Connection]()
    for one in connections:
        idle.put_nowait(one)
    begun = time.perf_counter()

    async def ask(number: int, due: float) -> None:
        connection = await idle.get()
        status = await connection.ask(requests[number % len(requests)])
        told.note(status, time.perf_counter() - due)
        idle.put_nowait(connection)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = begun + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            group.create_task(ask(number, due))
    return told


async def closed_loop(connections: list[Connection], requests: list[bytes], seconds: float) -> Told:
    told, end = Told(), time.perf_counter() + seconds

    async def keep(number: int, connection: Connection) -> None:
        while (begun := time.perf_counter()) < end:
            status = await connection.ask(requests[number % len(requests)])
            told.note(status, time.perf_counter() - begun)
            number += len(connections)

    async with asyncio.TaskGroup() as group:
        for number, connection in enumerate(connections):
            group.create_task(keep(number, connection))
    return told


async def run(given: dict[str, Any]) -> dict[str, Any]:
    for host, _port in given["targets"]:
        if not ipaddress.ip_address(host).is_loopback:
            raise SystemExit("only loopback addresses are loaded")
    connections = [Connection(*given["targets"][n % len(given["targets"])]) for n in range(given["connections"])]
    requests = [request.encode() for request in given["requests"]]
    begun, used = time.perf_counter(), time.process_time()
    rate = given.get("rate")
    told = await (
        open_loop(connections, requests, rate, given["seconds"]) if rate else closed_loop(connections, requests, given["seconds"])
    )
    took, spent = time.perf_counter() - begun, time.process_time() - used
    for one in connections:
        one.close()
    times = sorted(told.times) or [0.0]
    found = {f"p{share}_ms": times[min(int(len(times) * share / 100), len(times) - 1)] for share in (50, 95, 99)}
    return found | {
        "per_s": len(told.times) / took,
        "statuses": told.statuses,
        "errors": sum(count for status, count in told.statuses.items() if status != "200"),
        "tool_cpu": spent / took,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))
