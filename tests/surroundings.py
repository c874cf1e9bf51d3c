"""What a process inherits, made the same for every run: the tests and all that they start begin from here.

A shell gives a job in the background an ignored SIGINT, `nohup` an ignored SIGHUP, and a login its language, zone and
proxies. A test that is about one of them sets it itself.
"""

import os
import re
import signal

__all__ = ["settle"]

#: Python ignores these itself, and gives them back to what it starts.
_PYTHONS_OWN = frozenset({signal.SIGPIPE, getattr(signal, "SIGXFSZ", signal.SIGPIPE)})
#: Variables that change what a program prints, reads or connects to.
_TELLING = re.compile(
    r"(LANG|LANGUAGE|LC_.*|TZ|TERM|COLUMNS|LINES|NO_COLOR|(FORCE|CLICOLOR|PY).*COLORS?.*|DESKBELL_(?!TEST_).*|CELERY.*|OTEL_.*"
    r"|PYTHON(?!PATH|HASHSEED).*|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSL_CERT_.*|NETRC|(?i:.*_proxy))"
)
#: Common on servers: new files may be read by all, written by their owner.
_UMASK = 0o022


def settle() -> None:
    """Signals end a process as they do by default, none is blocked; no variable tells it anything."""
    for number in signal.valid_signals() - _PYTHONS_OWN:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for name in [name for name in os.environ if _TELLING.fullmatch(name)]:
        del os.environ[name]
    os.umask(_UMASK)
