"""A client of HTTP/1 over TLS, and what the commands of others say to an edge that speaks TLS."""
import socket
import ssl
import subprocess

from http_client import PATIENCE, Connection


def trusting(authority=None, versions=None, alpn=None, client=None, ciphers=None):
    """A client's context. `authority`: the file that is trusted, else nothing is looked at. `versions`: "1.2" or "1.3".
    `client`: the Pair that it shows."""
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    if not authority:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF    # an end without close_notify is no end
    if versions:
        exact = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[versions]
        context.minimum_version = context.maximum_version = exact
    if alpn:
        context.set_alpn_protocols(alpn)
    if client:
        context.load_cert_chain(client.certificate, client.key)
    if ciphers:
        context.set_ciphers(ciphers)
    return context


class TlsConnection(Connection):
    """One connection. An end of the stream without close_notify is an ssl.SSLEOFError."""

    def __init__(self, port, context, name="a.example", session=None, before=b"", **options):
        super().__init__(port, **options)
        if before:
            self.socket.sendall(before)
        self.socket = context.wrap_socket(self.socket, server_hostname=name, session=session,
                                          suppress_ragged_eofs=False)

    @property
    def tls(self):
        return self.socket

    def end_of_sending(self):
        """Without close_notify, as many clients do; SSLSocket's own shutdown() would also stop decrypting."""
        socket.socket.shutdown(self.socket, socket.SHUT_WR)


def connect_plain(port, host="127.0.0.1"):
    return socket.create_connection((host, port), PATIENCE)


def curl(port, path="/", *options, name="a.example", authority=None, scheme="https", within=PATIENCE):
    """(exit code, standard output, standard error) of curl, which finds `name` at 127.0.0.1."""
    trust = ["--cacert", str(authority)] if authority else ["-k"]
    done = subprocess.run(
        ["curl", "-sS", *trust, "--max-time", str(within), *map(str, options), "--connect-to",
         f"{name}:{port}:127.0.0.1:{port}", "--noproxy", "*", f"{scheme}://{name}:{port}{path}"],
        capture_output=True, timeout=within + 10)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def s_client(port, *options, given=b"", name="a.example"):
    """All that `openssl s_client` says, until it has sent `given` and the server ends the connection."""
    chosen = [] if name is None else ["-servername", name]
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                           *(chosen or ["-noservername"]), *map(str, options)],
                          input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
    return done.stdout.decode(errors="replace")
