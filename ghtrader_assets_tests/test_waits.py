"""Nothing waits without a bound: each wait on a socket, queue, lock, thread, child or request that has none is named.

Belongs here: what such a wait looks like in the syntax, and the short list of those that another owner ends. Does not
belong here: how long the bounded ones wait.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import ghtrader_assets
from ghtrader_assets_tests.syntax import tree_of

PACKAGE: Final = Path(ghtrader_assets.__file__).parent

ENDED_BY_AN_OWNER: Final = {
    ("cli/services.py", "wait"): "until the user ends `up` or `demo`",
    ("exchange/__main__.py", "wait"): "until the process is told to end; it ends with its parent as well (tether)",
    ("doors/serving.py", "wait"): "as the exchange",
    ("doors/asgi.py", "receive"): "of a server of ours, whose connections have deadlines (doors.serving)",
    ("doors/reading.py", "receive"): "the same",
    ("doors/wsgi.py", "receive"): "the same",
    ("dashboard/reading.py", "receive"): "the same",
    ("loading/batches.py", "acquire"): "freed by each recorded batch, and by the end of the pipeline",
    ("loading/batches.py", "get"): "threads of this process answer, be it with an error; their waits have bounds",
    ("loading/batches.py", "join"): "the source was cancelled before, and each of its days has a deadline",
    ("loading/due_day.py", "result"): "of a thread that reads the store, whose statements have bounds",
    ("loading/due_day.py", "wait"): "the same",
    ("loading/judgement.py", "result"): "the same",
    ("loading/judgement.py", "wait"): "the same",
    ("questdb/standing/evidence.py", "result"): "the same",
    ("questdb/tables/whole_days.py", "result"): "the same",
    ("questdb/client/connection.py", "get"): "a sender is lent for one flush, which has a bound",
    ("orchestration/watch.py", "join"): "of a thread whose questions to Dagster and to the store have bounds",
    ("services/supervisor.py", "join"): "the thread's every wait looks at the same event; each part's stop has a grace",
    ("services/supervisor.py", "result"): "each part's start has a deadline",
    ("services/detached.py", "recv"): "the socket has a timeout",
    ("tq/process.py", "recv"): "the socket has a timeout",
    ("tq/process.py", "recv_bytes"): "the same",
    ("tq/pool.py", "receive"): "the same",
    ("tq/market_data.py", "receive"): "the same",
    ("tq/login.py", "get"): "its session has one timeout for all",
    ("tq/process.py", "wait"): "of a child that was killed by signal 9",
    ("tq/fork_server.py", "recv_fds"): "the process is there to wait; its parent's death closes the socket",
    ("tq/fork_server.py", "waitpid"): "of a child that was killed by signal 9",
    ("tq/worker.py", "recv_bytes"): "as the fork server; whoever gave it work ends it at the work's deadline",
    ("tq/worker.py", "get"): "filled by the thread that ends the process with its parent",
    ("tq/pace.py", "flock"): "held for microseconds, and the kernel frees it with its holder's death",
}

_ANSWERS: Final = {"wait", "join", "result", "communicate", "acquire", "get"}
"""Methods whose only bound is an argument. With an argument `join` and `get` are those of texts and mappings, too."""
_RECEIVE: Final = {"recv", "recv_bytes", "recvfrom", "recv_into", "recv_fds", "accept", "sigwait", "pause"}
"""Methods that take no bound at all."""
_WITH_TIMEOUT: Final = {"urlopen", "wait_procs", "FileLock", "ClientSession", "receive"}
_REQUEST: Final = {"get", "post", "put", "patch", "delete", "head", "options", "request"}
_ASKING: Final = {"requests", "session", "http", "httpx"}
_CHILD: Final = {"run", "call", "check_call", "check_output"}
_FLAGS: Final = {"flock": ("LOCK_NB", "LOCK_UN"), "waitpid": ("WNOHANG",), "wait4": ("WNOHANG",)}
_BOUND_AT: Final = {
    ("select", "select"): 4,
    ("connection", "wait"): 2,
    ("", "wait"): 2,
    ("socket", "create_connection"): 2,
}
"""Functions whose bound is the argument of this number, or `timeout`."""


def unbounded(node: ast.AST) -> str:
    """What waits without a bound here: the name of the method or function; empty where nothing does."""
    if not isinstance(node, ast.Call):
        return ""
    if handed_on := _handed_on(node):
        return handed_on
    owner, name = _named(node.func)
    return "" if _is_bounded(owner, name, node) else name


def _is_bounded(owner: str, name: str, call: ast.Call) -> bool:
    """Whether the call waits no longer than it says, or not at all."""
    if name in _FLAGS:
        return any(flag in ast.unparse(call) for flag in _FLAGS[name])
    if (owner, name) in _BOUND_AT:
        return len(call.args) >= _BOUND_AT[owner, name] or _has_bound(call, "timeout")
    if (owner, name) == ("psycopg", "connect"):
        return _has_bound(call, "connect_timeout")
    if name in _RECEIVE:
        return not isinstance(call.func, ast.Attribute)
    if name in _WITH_TIMEOUT or (name in _REQUEST and owner in _ASKING) or (name in _CHILD and owner == "subprocess"):
        return _has_bound(call, "timeout")
    of_a_class = owner[:1].isupper()  # such as `DagsterInstance.get()`
    answers = name in _ANSWERS and isinstance(call.func, ast.Attribute) and not call.args and not of_a_class
    return not answers or _has_bound(call, "timeout") or _has_bound(call, "blocking")


def _named(called: ast.expr) -> tuple[str, str]:
    """The last name before the method, and the method's or function's own."""
    if isinstance(called, ast.Attribute):
        value = called.value
        return value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", ""), called.attr
    return "", getattr(called, "id", "")


def _handed_on(call: ast.Call) -> str:
    """`callback(thread.join)` waits as `thread.join()` does; an argument after it may be its bound."""
    match call.args:
        case [ast.Attribute(value, "wait" | "join" | "communicate" as name)] if not isinstance(value, ast.Constant):
            return name
    return ""


def _has_bound(call: ast.Call, name: str) -> bool:
    """Whether the keyword is there, and never None."""
    return any(
        keyword.arg == name
        and not any(isinstance(each, ast.Constant) and each.value is None for each in ast.walk(keyword.value))
        for keyword in call.keywords
    )


def waits() -> Iterator[tuple[str, str, int]]:
    for source in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(tree_of(source)):
            if name := unbounded(node):
                yield str(source.relative_to(PACKAGE)), name, getattr(node, "lineno", 0)


def test_every_wait_has_a_bound_or_an_owner() -> None:
    found = list(waits())
    assert [f"{file}:{line} {name}" for file, name, line in found if (file, name) not in ENDED_BY_AN_OWNER] == []
    assert set(ENDED_BY_AN_OWNER) - {(file, name) for file, name, _ in found} == set(), "listed, and not there"


@pytest.mark.parametrize(
    "line",
    [
        "stop.wait()",
        "thread.join()",
        "stack.callback(thread.join)",
        "queue.get()",
        "queue.get(timeout=None if due is None else 1.0)",
        "lock.acquire()",
        "future.result()",
        "process.communicate()",
        "ours.recv(100)",
        "pipe.recv_bytes()",
        "listener.accept()",
        "requests.get(url)",
        "session.post(url, timeout=None)",
        "urllib.request.urlopen(url)",
        "subprocess.run(words)",
        "psutil.wait_procs(children)",
        "psycopg.connect(dsn)",
        "FileLock(path)",
        "fcntl.flock(file, fcntl.LOCK_EX)",
        "os.waitpid(pid, 0)",
        "socket.create_connection(address)",
        "connection.wait(pipes)",
        "aiohttp.ClientSession()",
        "websocket.receive()",
    ],
)
def test_each_wait_without_a_bound_is_seen(line: str) -> None:
    assert any(unbounded(node) for node in ast.walk(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "stop.wait(1.0)",
        "thread.join(timeout=5)",
        "', '.join(names)",
        "map(', '.join, rows)",
        "found.get(key)",
        "queue.get(timeout=5)",
        "lock.acquire(blocking=False)",
        "future.result(timeout=5)",
        "requests.get(url, timeout=5)",
        "FileLock(path, timeout=600)",
        "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "os.waitpid(pid, os.WNOHANG)",
        "PgSession.connect(**arguments)",
        "dg.DagsterInstance.get()",
        "connection.wait(pipes, 1.0)",
    ],
)
def test_a_bounded_wait_and_what_is_none_are_not(line: str) -> None:
    assert not any(unbounded(node) for node in ast.walk(ast.parse(line)))
