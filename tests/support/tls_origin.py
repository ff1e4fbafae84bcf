"""The server of a test's own (support/origin.py) over TLS."""
import ssl
from dataclasses import dataclass

from origin import Origin


@dataclass
class TlsOrigin(Origin):
    """`pair`: its certificate. With `client_ca` a client has to show one, which `client.getpeercert()` tells `answer`."""
    pair: object = None
    client_ca: object = None
    newest: bool = True                                 # TLS 1.3

    def __post_init__(self):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.pair.certificate, self.pair.key)
        if not self.newest:
            self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        if self.client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(self.client_ca)
        super().__post_init__()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def _serve(self, client, number):
        try:
            secured = self.context.wrap_socket(client, server_side=True)
        except OSError:
            client.close()
            return
        self._serve_secured(secured, number)

    def _serve_secured(self, client, number):
        super()._serve(client, number)
