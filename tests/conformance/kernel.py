"""A Jupyter client that remembers everything it was sent.

jupyter_client's own client hands out one message at a time. Tests of order, of parents and of
several clients want to wait for one message and look at all the others later.
"""

from dataclasses import dataclass
from queue import Empty

import psutil
from jupyter_client import BlockingKernelClient

# Seconds. Only a hang lasts this long; no test measures time.
PATIENCE = 180


@dataclass
class Outcome:
    """What came of one request: its reply, and its IOPub messages from busy to idle."""

    reply: dict
    messages: list

    @property
    def status(self):
        return self.reply["content"]["status"]

    @property
    def kinds(self):
        """The types of what was published between busy and idle."""
        return [message["msg_type"] for message in self.messages[1:-1]]

    def content(self, kind):
        """The contents of all messages of one type."""
        return [m["content"] for m in self.messages if m["msg_type"] == kind]

    def text(self, stream="stdout"):
        """What was written to a stream."""
        contents = self.content("stream")
        return "".join(c["text"] for c in contents if c["name"] == stream)

    @property
    def result(self):
        """The text of the cell's value."""
        (content,) = self.content("execute_result")
        return content["data"]["text/plain"]


class Client:
    """One client of a kernel, with a session of its own."""

    def __init__(self, manager, iopub=True):
        self.channels = BlockingKernelClient(connection_file=manager.connection_file)
        self.channels.load_connection_file()
        self.channels.start_channels(iopub=False, hb=False)
        self.iopub = []
        self.replies = {}
        if iopub:
            self.subscribe()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channels.stop_channels()

    @property
    def session(self):
        return self.channels.session.session

    def subscribe(self):
        """Subscribes to IOPub; from the welcome on nothing is missed."""
        self.channels.iopub_channel.start()
        self.until(lambda message: message["msg_type"] == "iopub_welcome")

    def send(self, kind, content, channel="shell"):
        """Sends a request and returns its id."""
        message = self.channels.session.msg(kind, content)
        getattr(self.channels, f"{channel}_channel").send(message)
        return message["header"]["msg_id"]

    def execute(self, code, **options):
        """Sends a cell and returns its id; `options` are the fields of execute_request."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        return self.send("execute_request", {**content, **options})

    def reply(self, request, channel="shell"):
        """The reply to a request."""
        while request not in self.replies:
            message = getattr(self.channels, f"get_{channel}_msg")(timeout=PATIENCE)
            parent = message["parent_header"]["msg_id"]
            assert parent not in self.replies, f"a second reply: {message}"
            self.replies[parent] = message
        return self.replies[request]

    def until(self, is_wanted):
        """The first IOPub message that is wanted, among those that have come or will come."""
        for message in self.iopub:
            if is_wanted(message):
                return message
        while True:
            try:
                message = self.channels.get_iopub_msg(timeout=PATIENCE)
            except Empty:
                kinds = [message["msg_type"] for message in self.iopub]
                raise AssertionError(f"waited in vain, after {kinds[-20:]}") from None
            self.iopub.append(message)
            if is_wanted(message):
                return message

    def until_printed(self, request, text):
        """Waits until a cell has written a text to its stdout."""
        self.until(
            lambda message: message["msg_type"] == "stream"
            and message["parent_header"].get("msg_id") == request
            and text in message["content"]["text"]
        )

    def outcome(self, request, channel="shell"):
        """Waits for the reply and for idle, wherever the request came from."""
        reply = self.reply(request, channel)
        return Outcome(reply, self.published(request))

    def published(self, request):
        """The IOPub messages of a request, which may be another client's, up to its idle."""
        self.until(
            lambda message: message["parent_header"].get("msg_id") == request
            and message["content"].get("execution_state") == "idle"
        )
        return [m for m in self.iopub if m["parent_header"].get("msg_id") == request]

    def run(self, code, **options):
        """Runs a cell to its end."""
        return self.outcome(self.execute(code, **options))

    def request(self, kind, content, channel="shell"):
        """Makes any other request."""
        return self.outcome(self.send(kind, content, channel), channel)

    def interrupt(self):
        """Presses the stop button."""
        return self.request("interrupt_request", {}, "control")

    def received(self):
        """Returns once the kernel has read everything that was sent to it on shell so far."""
        self.reply(self.send("kernel_info_request", {}))


def kernel_process(manager):
    """The process of a manager's kernel."""
    return psutil.Process(manager.provisioner.pid)


def wait_for_the_end(processes):
    """Waits until processes have ended; fails with those that have not."""
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE)
    assert not alive, f"still there: {alive}"
