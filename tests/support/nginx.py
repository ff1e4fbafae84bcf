"""A real nginx in front of edge: in a folder of its own, on a port that the test has bound for it."""
import contextlib
import grp
import os
import pwd
import shutil
import socket
import subprocess

from http_client import Connection

PATIENCE = 30
BINARY = shutil.which("nginx", path="/usr/sbin:/usr/bin")
CONFIGURATION = """\
daemon off;
user {user} {group};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    uwsgi_temp_path {folder}/uwsgi;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 64m;
    server {{
        listen 127.0.0.1:{port};
        server_name localhost;
        {server}
    }}
}}
"""


class Nginx:
    """It listens before it runs: the socket is handed over, so that nobody has to guess a port or wait for it."""

    def __init__(self, folder, server):
        """`server`: what stands in the server block."""
        folder.mkdir()
        self.folder = folder
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(64)
            self.port = listener.getsockname()[1]
            (folder / "nginx.conf").write_text(
                CONFIGURATION.format(folder=folder, port=self.port, server=server,
                                     user=pwd.getpwuid(os.getuid()).pw_name, group=grp.getgrgid(os.getgid()).gr_name))
            self.process = subprocess.Popen(
                [BINARY, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")],
                env={**os.environ, "NGINX": f"{listener.fileno()};"}, pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def connect(self, **options):
        return Connection(self.port, **options)

    def get(self, path="/", method="GET", headers=(), body=None):
        with self.connect() as connection:
            return connection.request(method, path, headers=headers, body=body)

    def log(self):
        return (self.folder / "error.log").read_text()

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stderr.close()
