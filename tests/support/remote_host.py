"""A host of a network: a namespace of the kernel's with a cable to this one, which can be pulled or choked. Needs root."""
import os
import shutil
import subprocess

import pytest

from network_turns import hold_for_cables

SUBNETS = 1 << 15                                       # of four addresses each, in 198.18.0.0/15 (RFC 2544)


def command(*words, check=True):
    return subprocess.run(list(map(str, words)), check=check, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)


def needs_namespaces():
    """Skips where they cannot be made."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("network namespaces need root and `ip`")
    probe = f"edge-{os.getpid()}-probe"
    if command("ip", "netns", "add", probe, check=False).returncode != 0:
        pytest.skip("network namespaces cannot be made here")
    cable = command("ip", "-n", probe, "link", "add", "near", "type", "veth", "peer", "name", "far", check=False)
    command("ip", "netns", "delete", probe, check=False)
    if cable.returncode != 0:
        pytest.skip("there are no veth cables here")


class RemoteHost:
    """Made and ended by one test; the name and the addresses are of the test's process alone."""

    def __init__(self, number):
        self.namespace, self.cable = f"edge-{os.getpid()}-{number}", f"edge{os.getpid()}-{number}"
        at = 4 * ((os.getpid() * 4 + number) % SUBNETS)
        near, self.address = (f"198.{18 + (at >> 16)}.{at >> 8 & 255}.{(at & 255) + host}" for host in (1, 2))
        self.turn = hold_for_cables()
        try:
            command("ip", "netns", "add", self.namespace)
            command("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "far", "netns", self.namespace)
            command("ip", "address", "add", f"{near}/30", "dev", self.cable)
            command("ip", "link", "set", self.cable, "up")
            self.inside("address", "add", f"{self.address}/30", "dev", "far")
            self.inside("link", "set", "far", "up")
        except BaseException:
            self.end()
            raise

    @property
    def launcher(self):
        """What runs a program there, in the same process."""
        return ("ip", "netns", "exec", self.namespace)

    def inside(self, *words):
        command("ip", "-n", self.namespace, *words)

    def pull(self):
        """The cable: nobody hears of it, packets are lost."""
        self.inside("link", "set", "far", "down")

    def plug(self):
        self.inside("link", "set", "far", "up")

    def choke(self):
        """It sends 125 bytes in a second once its first two packets are out; skips where that cannot be."""
        if not shutil.which("tc"):
            pytest.skip("`tc` is not installed")
        done = command("tc", "-n", self.namespace, "qdisc", "add", "dev", "far", "root", "tbf", "rate", "1kbit", "burst",
                       "1600", "latency", "60s", check=False)
        if done.returncode != 0:
            pytest.skip("this kernel shapes no traffic")

    def end(self):
        """After its programs; the other end of the cable goes with it, and at the latest with the second command."""
        command("ip", "netns", "delete", self.namespace, check=False)
        command("ip", "link", "delete", self.cable, check=False)
        self.turn.close()
