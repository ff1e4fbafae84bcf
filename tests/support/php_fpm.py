"""A real PHP-FPM behind edge: in a folder of its own, in the foreground, on a unix socket or a port that the test binds."""
import contextlib
import grp
import os
import pwd
import signal
import socket
import subprocess
from pathlib import Path

from edge import wait_until

PATIENCE = 30
BINARY = next((str(path) for path in sorted(Path("/usr/sbin").glob("php-fpm[0-9]*"))), None)
CONFIGURATION = """\
[global]
error_log = {folder}/fpm.log
daemonize = no

[test]
user = {user}
group = {group}
listen = {listen}
pm = static
pm.max_children = {children}
catch_workers_output = yes
php_admin_value[error_log] = {folder}/php.log
php_admin_flag[log_errors] = on
php_admin_flag[display_errors] = off
php_admin_value[upload_tmp_dir] = {folder}
php_admin_value[upload_max_filesize] = 8M
php_admin_value[post_max_size] = 16M
"""


class PhpFpm:
    """`url` is what an upstream is told. As root it runs its children as root, which it has to be told to allow."""

    def __init__(self, folder, tcp=False, children=2):
        assert BINARY, "php-fpm is missing: deploy/setup --tests installs it"
        folder.mkdir()
        self.folder = folder
        environment, handed = dict(os.environ), ()
        if tcp:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.listen = "127.0.0.1:%d" % self.listener.getsockname()[1]
            handed = (self.listener.fileno(),)
            environment["FPM_SOCKETS"] = f"{self.listen}={handed[0]}"
        else:
            self.listener, self.listen = None, str(folder / "fpm.sock")
        self.url = "fastcgi://" + (self.listen if tcp else f"unix:{self.listen}")
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        (folder / "fpm.conf").write_text(CONFIGURATION.format(folder=folder, user=user, group=group, listen=self.listen,
                                                              children=children))
        command = [BINARY, "-n", "-F", "-y", str(folder / "fpm.conf")]
        if os.getuid() == 0:
            command.append("-R")
        self.process = subprocess.Popen(command, env=environment, pass_fds=handed, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: "ready to handle connections" in self.log(), "php-fpm is ready")
        except BaseException:
            self.end()
            raise

    def log(self, name="fpm.log"):
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        if self.listener:
            self.listener.close()
