"""A server that goes over to WebSocket, as far as the handshake (RFC 6455 4.2.2), and a site with it behind edge."""
import base64
import hashlib
import threading

from origin import Hangup, Origin

SITE = """\
    edge: {{threads: 1, shutdown_timeout: 200s}}
    log: {{level: info, access: {{path: access.log, format: '$request $status $body_bytes_sent'}}}}
    upstreams:
      chat: {{servers: [{{url: "{server}", max_connections: {most}}}], {more}}}
    sites:
      - listen: [{{address: "127.0.0.1:0", http2: true}}]
        {site}
        routes: [{{path: /files/, static: {{directory: .}}}}, {{path: /, proxy: {{to: chat, {route}}}}}]
"""
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"


def accept_of(seen):
    key = seen.get("Sec-WebSocket-Key").encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return b"Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(key).digest()) + b"\r\n"


def echo(seen, client):
    """Agrees, and sends back what comes until the client has ended."""
    client.sendall(SWITCH + accept_of(seen) + b"\r\n")
    while data := client.recv(65536):
        client.sendall(data)
    raise Hangup


class Ends:
    """What happened to the server's side of a tunnel."""

    def __init__(self):
        self.ended = threading.Event()

    def __call__(self, seen, client):
        client.sendall(SWITCH + accept_of(seen) + b"\r\n")
        try:
            while client.recv(65536):
                pass
        except OSError:
            pass
        self.ended.set()
        raise Hangup


class ChatSites:
    """Makes sites before such servers, and ends the servers."""

    def __init__(self, serve):
        self.serve = serve
        self.servers = []

    def __call__(self, answer=echo, more="", route="", most=100, site=""):
        """Gives edge and the server, which answers by `answer`."""
        self.servers.append(Origin(answer))
        text = SITE.format(server=self.servers[-1].url, more=more, route=route, most=most, site=site)
        return self.serve(text), self.servers[-1]

    def close(self):
        for server in self.servers:
            server.close()
