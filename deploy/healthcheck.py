"""Is the server alive? Asks it as a caller would: SIP OPTIONS over UDP; exit code 0 when it answers 200.

Standard library only, so that it starts fast. Usage: healthcheck.py [host:port]; default: where MEDIASERVER_SIP__UDP
says, else 127.0.0.1:5060.
"""

import os
import socket
import sys


def alive(host: str, port: int, timeout_s: float = 2.0) -> bool:
    """Whether an OPTIONS request is answered with 200."""
    token = os.urandom(6).hex()
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout_s)
        sock.connect((host, port))
        own, own_port = sock.getsockname()[:2]
        own = f"[{own}]" if ":" in own else own
        lines = (
            f"OPTIONS sip:health@{host}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {own}:{own_port};branch=z9hG4bK{token};rport",
            "Max-Forwards: 70",
            f"From: <sip:health@{own}>;tag={token}",
            f"To: <sip:health@{host}>",
            f"Call-ID: {token}",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
            "",
            "",
        )
        try:
            sock.send("\r\n".join(lines).encode())
            return sock.recv(4096).startswith(b"SIP/2.0 200 ")
        except OSError:
            return False


if __name__ == "__main__":
    served = os.environ.get("MEDIASERVER_SIP__UDP") or "0.0.0.0:5060"
    host, _, port = (sys.argv[1] if len(sys.argv) > 1 else served).rpartition(":")
    host = host.strip("[]")
    sys.exit(0 if alive({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port)) else 1)
