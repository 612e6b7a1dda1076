"""The order in which VS Code talks to a kernel, which others do not use.

It asks before its IOPub subscription has arrived, asks kernel_info on control, runs cells of its
own silently beside the user's, never lets an error stop the cells that wait, and shuts down over
control.
"""

from kernel import Client, kernel_process, wait_for_the_end


def test_a_session_of_vscode(start_kernel):
    manager = start_kernel()
    with Client(manager, iopub=False) as vscode:
        # Nothing has subscribed yet: the replies come all the same.
        info = vscode.reply(vscode.send("kernel_info_request", {}))
        assert info["content"]["language_info"]["name"] == "rust"
        early = vscode.execute("let early = 1;")
        assert vscode.reply(early)["content"]["status"] == "ok"

        vscode.subscribe()
        info = vscode.request("kernel_info_request", {}, "control")
        assert info.status == "ok"
        assert [m["content"]["execution_state"] for m in info.messages] == ["busy", "idle"]
        comms = vscode.request("comm_info_request", {"target_name": "jupyter.widget"})
        assert comms.reply["content"] == {"status": "ok", "comms": {}}

        count = vscode.reply(early)["content"]["execution_count"]
        silent = vscode.run(
            'println!("out"); early', silent=True, store_history=False, allow_stdin=False
        )
        assert silent.kinds == []
        assert silent.reply["content"]["execution_count"] == count

        running = vscode.execute(
            'println!("running"); loop { interrupt::check()?; }',
            stop_on_error=False,
            allow_stdin=True,
        )
        waiting = vscode.execute("early + 1", stop_on_error=False, allow_stdin=True)
        vscode.until_printed(running, "running")
        # While a cell runs it asks for completions and for the kernel's health on control.
        completed = vscode.request("complete_request", {"code": "ear", "cursor_pos": 3})
        assert completed.status == "ok"
        assert vscode.request("kernel_info_request", {}, "control").status == "ok"
        vscode.interrupt()
        assert vscode.outcome(running).status == "error"
        after = vscode.outcome(waiting)
        assert (after.result, after.reply["content"]["execution_count"]) == ("2", count + 2)

        kernel = kernel_process(manager)
        processes = [kernel, *kernel.children(recursive=True)]
        ended = vscode.send("shutdown_request", {"restart": False}, "control")
        assert vscode.reply(ended, "control")["content"]["restart"] is False
    wait_for_the_end(processes)
