"""A TCP proxy on loopback that a test steers: what a network can do between two processes.

A `Proxy` listens on a port of its own and passes bytes to and from a target port. It can hold
everything back (a silent cut; what was held is delivered when it passes again, as TCP would), refuse
connections, delay, and cut what is open. With `is_http` it looks at whole requests, so that it can
lose the reply to one that was carried out, or answer in the target's place. `rewrite` replaces bytes
that the target says by others of the same length: a replica set names its members' ports, and a
client behind proxies must come back through them.

All proxies run in one thread of their own; each method has taken effect when it returns.
"""

import asyncio
import threading

CHUNK_BYTES = 65536


class Proxy:
    def __init__(self, target_port, is_http=False, rewrite=None):
        self.target_port, self.is_http = target_port, is_http
        self.rewrite = dict(rewrite or {})
        assert all(len(old) == len(new) for old, new in self.rewrite.items())
        self.is_refusing, self.delay_s = False, 0
        self.links, self.rules = set(), []
        _run(self._open())

    async def _open(self):
        self.gate = asyncio.Event()
        self.gate.set()
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    # --- what a test says ------------------------------------------------------------------------

    def heal(self):
        """Passes again: what was held back first. Rules stay."""
        _run(self._set(is_open=True))

    def hold(self):
        """Nothing gets through in either direction, and nobody is told."""
        _run(self._set(is_open=False))

    def refuse(self):
        """Cuts what is open and every new connection."""
        _run(self._set(is_open=True, is_refusing=True))
        self.cut()

    def delay(self, seconds):
        """Each piece comes so much later, in either direction."""
        _run(self._set(is_open=True, delay_s=seconds))

    async def _set(self, is_open, is_refusing=False, delay_s=0):
        self.is_refusing, self.delay_s = is_refusing, delay_s
        (self.gate.set if is_open else self.gate.clear)()

    def cut(self):
        """Resets the connections that are open now."""
        _run(self._cut())

    async def _cut(self):
        for link in list(self.links):
            link.abort()

    def forget(self):
        """What is open now is dead and nobody is told; new connections pass. So does a router that
        has kept no trace of a connection which was idle for long."""
        _run(self._forget())

    async def _forget(self):
        for link in self.links:
            link.is_forgotten = True

    def lose_reply(self, mark, times=1):
        """HTTP: of the next requests with these bytes, the target's reply is not passed on."""
        return self._add(Rule(mark, None, times))

    def answer(self, mark, reply, times=1):
        """HTTP: the next requests with these bytes get this reply and never reach the target."""
        return self._add(Rule(mark, reply, times))

    def _add(self, rule):
        assert self.is_http
        self.rules.append(rule)
        return rule

    def close(self):
        _run(self._close())

    async def _close(self):
        self.server.close()
        await self._cut()

    # --- what it does ----------------------------------------------------------------------------

    async def _serve(self, reader, writer):
        link = Link(self, reader, writer)
        self.links.add(link)
        try:
            if not self.is_refusing:
                await link.run()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # one side went away: the other is told below
        finally:
            self.links.discard(link)
            link.abort()

    async def passage(self):
        """Where every piece waits for leave."""
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        await self.gate.wait()

    def take_rule(self, request):
        for rule in self.rules:
            if rule.left > 0 and rule.mark in request:
                rule.left -= 1
                return rule
        return None


class Rule:
    """What is to happen to the next requests of a kind; `left` says how many are still to come."""

    def __init__(self, mark, reply, times):
        self.mark, self.reply, self.left = mark, reply, times


class Link:
    """One connection with its two halves."""

    def __init__(self, proxy, reader, writer):
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.far_reader = self.far_writer = None
        self.loses_reply = self.is_forgotten = False

    def abort(self):
        for writer in (self.writer, self.far_writer):
            if writer and not writer.transport.is_closing():
                writer.transport.abort()

    async def run(self):
        await self.proxy.passage()
        if self.writer.transport.is_closing():
            return  # cut while it was held
        self.far_reader, self.far_writer = await asyncio.open_connection(
            "127.0.0.1", self.proxy.target_port)
        halves = [asyncio.create_task(self.carry_requests() if self.proxy.is_http else
                                      self.carry(self.reader, self.far_writer)),
                  asyncio.create_task(self.carry(self.far_reader, self.writer))]
        try:
            done, _ = await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
            for half in done:
                half.result()
            for writer in (self.writer, self.far_writer):
                writer.close()  # what was passed on still arrives
                await writer.wait_closed()
        finally:
            for half in halves:
                half.cancel()

    async def carry(self, reader, writer):
        is_reply = writer is self.writer
        kept = b""
        while chunk := await reader.read(CHUNK_BYTES):
            await self.proxy.passage()
            if self.is_forgotten:
                continue
            if is_reply and self.loses_reply:
                self.abort()
                return
            if is_reply and self.proxy.rewrite:
                chunk, kept = self.replace(kept + chunk)
            writer.write(chunk)
            await writer.drain()

    def replace(self, data):
        """The data with names replaced, and the end that may be the beginning of one. (A message
        of MongoDB ends with a zero byte, so that a whole one is never kept back.)"""
        for old, new in self.proxy.rewrite.items():
            data = data.replace(old, new)
        for size in range(min(len(data), max(map(len, self.proxy.rewrite)) - 1), 0, -1):
            if any(old.startswith(data[-size:]) for old in self.proxy.rewrite):
                return data[:-size], data[-size:]
        return data, b""

    async def carry_requests(self):
        while request := await self.read_request():
            rule = self.proxy.take_rule(request)
            await self.proxy.passage()
            if rule and rule.reply is not None:
                self.writer.write(rule.reply)
                await self.writer.drain()
                continue
            self.loses_reply = rule is not None
            self.far_writer.write(request)
            await self.far_writer.drain()

    async def read_request(self):
        """A request with its body, or nothing at the end."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        size = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        return head + await self.reader.readexactly(size)


# --- the thread -----------------------------------------------------------------------------------

_loop = None


def _run(work):
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, daemon=True).start()
    return asyncio.run_coroutine_threadsafe(work, _loop).result(10)
