"""jupyter-kernel-gateway: a kernel started over HTTP and used over its websocket."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from concurrent.futures import Future

import pytest
import websocket

from kernel import PATIENCE


@pytest.fixture
def gateway(tmp_path):
    """The address of a gateway on a free port; it ends with the test, and its kernels with it."""
    # It cannot choose a port itself, but takes the next one if another program was quicker.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "kernel_gateway", f"--KernelGatewayApp.port={port}"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    address = Future()
    reader = threading.Thread(target=read_log, args=(process.stderr, address))
    reader.start()
    yield address.result(PATIENCE)
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)
    reader.join(PATIENCE)


def read_log(lines, address):
    """Finds the gateway's address, and reads on: a full pipe would stop the gateway."""
    seen = []
    for line in lines:
        seen.append(line)
        found = re.search(r"http://(127\.0\.0\.1:\d+)", line)
        if found and not address.done():
            address.set_result(found[1])
    if not address.done():
        address.set_exception(RuntimeError("the gateway ended: " + "".join(seen)))


def ask(address, path, method="GET", content=None):
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(f"http://{address}/api/{path}", data, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def message(kind, content, channel="shell"):
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": "gateway-test",
        "username": "test",
        "version": "5.4",
        "date": "2026-01-01T00:00:00Z",
    }
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": channel,
        "buffers": [],
    }


def execute(connection, code):
    """Sends a cell; returns its reply and its IOPub messages up to idle, by type."""
    request = message(
        "execute_request",
        {"code": code, "silent": False, "store_history": True, "user_expressions": {},
         "allow_stdin": False, "stop_on_error": True},
    )
    connection.send(json.dumps(request))
    reply, published, idle = None, {}, False
    while reply is None or not idle:
        received = json.loads(connection.recv())
        if received["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            continue
        if received["channel"] == "shell":
            reply = received["content"]
        else:
            published.setdefault(received["msg_type"], []).append(received["content"])
            idle = received["content"].get("execution_state") == "idle"
    return reply, published


def test_a_kernel_over_the_gateways_websocket(gateway):
    specs = ask(gateway, "kernelspecs")
    assert specs["kernelspecs"]["torchbook"]["spec"]["language"] == "rust"
    kernel = ask(gateway, "kernels", "POST", {"name": "torchbook"})
    address = f"ws://{gateway}/api/kernels/{kernel['id']}/channels"
    connection = websocket.create_connection(address, timeout=PATIENCE)
    try:
        reply, published = execute(connection, 'println!("안녕"); 6 * 7')
        assert reply["status"] == "ok"
        assert "안녕" in "".join(content["text"] for content in published["stream"])
        assert published["execute_result"][0]["data"]["text/plain"] == "42"
        reply, published = execute(connection, "nonsense")
        assert reply["status"] == "error" and published["error"]
        assert execute(connection, "1 + 1")[0]["execution_count"] == 3
    finally:
        connection.close()
        ask(gateway, f"kernels/{kernel['id']}", "DELETE")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(gateway, f"kernels/{kernel['id']}")
