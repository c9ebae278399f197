"""
One HTTP request to somebody else's server, under a deadline that holds for all of it.

No redirect is followed and no proxy of the environment is used: either would take a request elsewhere than to the
address that was looked at.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import httpx

from callscope.errors import AddressNotPublic, NotDelivered

CONNECT_TIMEOUT_S = 5.0
"""For one address; a host that has several gets it for each, within the deadline."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_6TO4 = ipaddress.IPv6Network("2002::/16")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    deadline_s: float,
    allow_private: bool,
    max_answer_bytes: int = 0,
) -> Answer:
    """
    Send a body, and return the answer whatever its status.

    Parameters
    ----------
    url : str
        ``http`` or ``https``. Its host is looked up once, and the connection goes to the very address that was found.
    body : bytes
        As it is.
    headers : mapping
        Beside those that HTTP itself needs.
    deadline_s : float > 0
        For everything, looking up the host included: time-outs of single steps would let a server that drips bytes
        hold on for ever.
    allow_private : bool
        Whether the address may be one that isn't public.
    max_answer_bytes : int >= 0
        The answer's body is cut there; 0: not read at all.

    Raises
    ------
    AddressNotPublic
        The host has an address that isn't public, and none such is allowed.
    NotDelivered
        The server can't be reached, or doesn't answer in time. The message says nothing of the URL, which may hold a
        secret.
    """
    try:
        return asyncio.run(
            _post(
                httpx.URL(url),
                body,
                {**headers, "User-Agent": "callscope"},
                deadline_s=deadline_s,
                allow_private=allow_private,
                max_bytes=max_answer_bytes,
            )
        )
    except TimeoutError as error:
        raise NotDelivered("the receiver took too long", why=f"no answer within {deadline_s:g} s") from error
    except httpx.TimeoutException as error:
        raise NotDelivered("the receiver took too long", why=type(error).__name__) from error
    except (httpx.HTTPError, OSError, UnicodeError) as error:
        raise NotDelivered("the receiver can't be reached", why=_cause(error)) from error


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the Internet at large, also when it wraps an IPv4 address."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found in _6TO4:
            return False
        if found.ipv4_mapped or found in _NAT64:
            found = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    return found.is_global and not found.is_multicast


async def _post(
    url: httpx.URL,
    body: bytes,
    headers: Mapping[str, str],
    *,
    deadline_s: float,
    allow_private: bool,
    max_bytes: int,
) -> Answer:
    async with asyncio.timeout(deadline_s):
        *others, last = await _look_up(url, allow_private=allow_private)
        timeout = httpx.Timeout(deadline_s, connect=CONNECT_TIMEOUT_S)
        async with httpx.AsyncClient(verify=_tls(), trust_env=False, timeout=timeout) as client:
            for address in others:
                with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                    return await _read(client, _request(client, address, url, body, headers), max_bytes)
            return await _read(client, _request(client, last, url, body, headers), max_bytes)


async def _look_up(url: httpx.URL, *, allow_private: bool) -> list[str]:
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.raw_host.decode("ascii"), port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    # One that isn't public spoils them all: who answers with both is up to something.
    private = [] if allow_private else [address for address in addresses if not is_public(address)]
    if private:
        raise AddressNotPublic(f"the webhook's host is at {private[0]}", why="that address isn't public")
    return addresses


def _request(
    client: httpx.AsyncClient, address: str, url: httpx.URL, body: bytes, headers: Mapping[str, str]
) -> httpx.Request:
    return client.build_request(
        "POST",
        url.copy_with(host=address),
        content=body,
        headers={**headers, "Host": url.netloc.decode("ascii")},
        # The certificate must be the name's, though the connection goes to the address.
        extensions={"sni_hostname": url.raw_host.decode("ascii")},
    )


async def _read(client: httpx.AsyncClient, request: httpx.Request, max_bytes: int) -> Answer:
    answer = await client.send(request, stream=True)
    try:
        read = bytearray()
        if max_bytes:
            async for part in answer.aiter_bytes():
                read += part
                if len(read) >= max_bytes:
                    break
        return Answer(answer.status_code, bytes(read[:max_bytes]))
    finally:
        await answer.aclose()


@cache
def _tls() -> ssl.SSLContext:
    """Return what certificates are checked by: those that httpx brings, and the machine's own."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _cause(error: BaseException) -> str:
    """Return what the system said, without an address; httpx's own words are "All connection attempts failed"."""
    innermost: BaseException | None = error
    told = error
    while innermost is not None:
        told = innermost if isinstance(innermost, OSError) else told
        innermost = innermost.__cause__ or innermost.__context__
    match told:
        case ssl.SSLCertVerificationError():
            return told.verify_message
        case ssl.SSLError():
            return told.reason or type(told).__name__
        case socket.gaierror():
            return told.strerror or type(told).__name__
        case OSError(errno=int(number)):
            return os.strerror(number)
        case _:
            return type(told).__name__
