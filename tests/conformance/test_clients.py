"""What no other suite asks of a kernel: several clients, floods, crashes, strangers."""

import base64
import os
import random
import signal
import struct
import tempfile
import zlib
from pathlib import Path

import psutil
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session

from kernel import Client, kernel_process, wait_for_the_end

# A cell that runs until the stop button is pressed; `interrupt::check` is where that takes effect.
UNTIL_INTERRUPTED = 'println!("running"); loop { interrupt::check()?; }'


def test_two_clients_each_get_their_own_replies_and_see_all_output(manager, client):
    with Client(manager) as other:
        requests = []
        for number in range(3):
            requests.append((client, client.execute(f'println!("first {number}"); {number}')))
            requests.append((other, other.execute(f'println!("second {number}"); {number}')))
        outcomes = [sender.outcome(request) for sender, request in requests]
        for (sender, request), outcome in zip(requests, outcomes):
            assert outcome.status == "ok"
            assert outcome.reply["parent_header"]["session"] == sender.session
            assert outcome.kinds == ["execute_input", "stream", "execute_result"]
            # The other client has seen the same, and can tell whose it is.
            watcher = other if sender is client else client
            ids = [message["header"]["msg_id"] for message in outcome.messages]
            seen = watcher.published(request)
            assert [message["header"]["msg_id"] for message in seen] == ids
            assert {message["parent_header"]["session"] for message in seen} == {sender.session}
        assert set(client.replies) == {request for sender, request in requests if sender is client}
        counts = sorted(outcome.reply["content"]["execution_count"] for outcome in outcomes)
        assert counts == list(range(counts[0], counts[0] + 6))
        # Cells run one after the other: nothing of two cells is mixed.
        cells = [request for _, request in requests]
        order = [m["parent_header"]["msg_id"] for m in client.iopub if m["parent_header"]]
        order = [parent for parent in order if parent in cells]
        changes = [parent for at, parent in enumerate(order) if at == 0 or order[at - 1] != parent]
        assert sorted(changes) == sorted(cells)
        # Each client's own cells ran in the order in which it sent them.
        for sender in (client, other):
            own = [request for of, request in requests if of is sender]
            assert [request for request in changes if request in own] == own


def test_an_interrupt_keeps_variables_and_aborts_the_cells_that_wait(client):
    client.run("let kept = 41;")
    running = client.execute(UNTIL_INTERRUPTED)
    waiting = [client.execute("kept + 1"), client.execute("kept + 2")]
    client.until_printed(running, "running")
    client.received()
    assert client.interrupt().status == "ok"
    interrupted = client.outcome(running)
    assert interrupted.status == "error"
    assert interrupted.kinds == ["execute_input", "stream", "error"]
    assert "interrupt" in interrupted.reply["content"]["evalue"].lower()
    for request in waiting:
        aborted = client.outcome(request)
        assert (aborted.status, aborted.kinds) == ("aborted", [])
    assert client.run("kept + 1").result == "42"


def test_cells_behind_an_error_run_where_the_client_wants_that(client):
    running = client.execute(UNTIL_INTERRUPTED, stop_on_error=False)
    waiting = client.execute("20 + 22")
    client.until_printed(running, "running")
    client.received()
    client.interrupt()
    assert client.outcome(running).status == "error"
    assert client.outcome(waiting).result == "42"


def test_an_interrupt_stops_one_kernel_and_leaves_the_other_one_alone(start_kernel, client):
    manager = start_kernel()
    with Client(manager) as other:
        other.run('let mine = "other";')
        client.run("let mine = 1;")
        loops = [client.execute(UNTIL_INTERRUPTED), other.execute(UNTIL_INTERRUPTED)]
        client.until_printed(loops[0], "running")
        other.until_printed(loops[1], "running")
        client.interrupt()
        assert client.outcome(loops[0]).status == "error"
        assert client.run("mine").result == "1"
        # The other one still runs: it answers, but its cell has not ended.
        other.received()
        assert loops[1] not in other.replies
        other.interrupt()
        assert other.outcome(loops[1]).status == "error"
        assert other.run("mine").result == '"other"'
    kernel = kernel_process(manager)
    processes = [kernel, *kernel.children(recursive=True)]
    manager.shutdown_kernel()
    wait_for_the_end(processes)
    assert client.run("mine").result == "1"


def test_input_is_answered_by_the_client_that_ran_the_cell(manager, client):
    with Client(manager) as other:
        request = client.execute(
            'let name = input("Name? ")?; let word = password("Word? ")?; format!("{name} {word}")',
            allow_stdin=True,
        )
        for prompt, hidden, answer in [("Name? ", False, "Ada"), ("Word? ", True, "Łovelace")]:
            question = client.channels.get_stdin_msg(timeout=180)
            assert question["parent_header"]["msg_id"] == request
            assert question["content"] == {"prompt": prompt, "password": hidden}
            client.channels.input(answer)
        assert client.outcome(request).result == '"Ada Łovelace"'
        assert not other.channels.stdin_channel.msg_ready()


def test_input_is_refused_where_the_client_does_not_allow_it(client):
    refused = client.run('input("Name? ")?', allow_stdin=False)
    assert refused.status == "error"
    assert "input" in refused.reply["content"]["evalue"].lower()
    assert not client.channels.stdin_channel.msg_ready()


def test_a_picture_of_a_megabyte_arrives_whole(client, tmp_path):
    side = 700
    noise = random.Random(0)
    rows = b"".join(b"\0" + noise.randbytes(3 * side) for _ in range(side))

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    picture += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert len(picture) > 1_000_000
    file = tmp_path / "noise.png"
    file.write_bytes(picture)
    shown = client.run(
        f'Rich::text("noise").with_png(&std::fs::read("{file}")?, ({side}, {side})).display();'
    )
    (display,) = shown.content("display_data")
    assert base64.b64decode(display["data"]["image/png"]) == picture


def test_two_hundred_thousand_lines_come_whole_and_before_idle(client):
    flood = client.run('for line in 0..200_000 { println!("{line}"); }')
    assert flood.status == "ok"
    assert flood.text() == "".join(f"{line}\n" for line in range(200_000))
    assert set(flood.kinds) == {"execute_input", "stream"}


def test_a_killed_cell_process_is_an_error_and_the_next_cell_runs(client):
    client.run("let lost = 1;\nfn double(x: i32) -> i32 { 2 * x }")
    running = client.execute('println!("running {}", std::process::id()); loop {}')
    client.until_printed(running, "running")
    (printed,) = client.iopub[-1]["content"]["text"].split()[1:]
    os.kill(int(printed), signal.SIGKILL)
    died = client.outcome(running)
    assert died.status == "error"
    assert died.kinds == ["execute_input", "stream", "error"]
    assert "lost" in "\n".join(died.reply["content"]["traceback"])
    assert client.run("double(21)").result == "42"


def test_what_is_not_signed_with_the_kernels_key_is_dropped(client):
    stranger = Session(key=b"not the kernel's key")
    message = stranger.msg(
        "execute_request",
        {"code": 'println!("never")', "silent": False, "store_history": True, "stop_on_error": True},
    )
    stranger.send(client.channels.shell_channel.socket, message)
    # What follows on the same socket is served as ever.
    assert client.run("1 + 1").result == "2"
    parents = {message["parent_header"].get("msg_id") for message in client.iopub}
    assert message["header"]["msg_id"] not in parents
    assert not client.channels.shell_channel.msg_ready()


def test_a_client_that_comes_back_finds_its_cell_still_running(manager):
    with Client(manager) as leaving:
        leaving.run("let before = 42;")
        running = leaving.execute(UNTIL_INTERRUPTED)
        leaving.until_printed(running, "running")
    with Client(manager) as returned:
        # Answered while the cell of the client that has left runs.
        returned.received()
        returned.interrupt()
        published = returned.published(running)
        assert [m["msg_type"] for m in published] == ["error", "status"]
        assert returned.run("before").result == "42"


def test_a_kernel_is_reached_over_unix_sockets_and_removes_them():
    # Colab starts kernels that way. Not `tmp_path`: the path of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "kernel.json")
        manager = KernelManager(kernel_name="torchbook", transport="ipc", connection_file=str(file))
        manager.start_kernel(cwd=folder)
        try:
            with Client(manager) as client:
                outcome = client.outcome(client.execute('println!("printed"); 6 * 7'))
                assert outcome.text() == "printed\n"
                (result,) = outcome.content("execute_result")
                assert result["data"]["text/plain"] == "42"
        finally:
            manager.shutdown_kernel()
        assert list(Path(folder).iterdir()) == []


def test_a_kernel_that_is_told_to_end_leaves_nothing_behind(start_kernel):
    manager = start_kernel()
    kernel = kernel_process(manager)
    with Client(manager) as client:
        client.run("let a = 1;")
        processes = [kernel, *kernel.children(recursive=True)]
        assert len(processes) > 1, "the cells have a process of their own"
        folders = {process.environ().get("EVCXR_TMPDIR") for process in processes} - {None}
        client.execute("loop {}")
        ended = client.send("shutdown_request", {"restart": False}, "control")
        reply = client.reply(ended, "control")
        assert reply["content"] == {"status": "ok", "restart": False}
    wait_for_the_end(processes)
    assert not psutil.pid_exists(kernel.pid)
    assert folders and not any(map(os.path.exists, folders)), folders
