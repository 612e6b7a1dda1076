"""`jupyter console` on a terminal: keys go in, the screen is read."""

import time

import pexpect
import psutil
import pyte

from kernel import PATIENCE, wait_for_the_end

TAB, CTRL_C = "\t", "\x03"


class Terminal:
    """A program on a terminal whose screen can be read."""

    def __init__(self, *command):
        self.screen = pyte.HistoryScreen(100, 200, history=1000)
        self.stream = pyte.ByteStream(self.screen)
        # The answers that a terminal gives to a program's questions about it.
        self.screen.write_process_input = lambda text: self.program.send(text)
        self.program = pexpect.spawn(command[0], list(command[1:]), dimensions=(200, 100))

    def type(self, text):
        self.program.send(text)

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def until(self, text):
        """Reads what the program writes until its screen shows the text."""
        self.until_it_holds(lambda screen: text in screen, text)

    def until_it_holds(self, is_wanted, what):
        deadline = time.monotonic() + PATIENCE
        while not is_wanted(self.text()):
            try:
                self.stream.feed(self.program.read_nonblocking(65536, timeout=PATIENCE))
            except (pexpect.EOF, pexpect.TIMEOUT):
                raise AssertionError(f"waited in vain for {what!r}:\n{self.text()}") from None
            assert time.monotonic() < deadline, f"no {what!r}:\n{self.text()}"

    def prompt(self, number):
        """Waits until the console asks for a cell."""
        self.until_it_holds(
            lambda screen: screen.splitlines()[-1:] == [f"In [{number}]:"], f"In [{number}]:"
        )

    def end(self):
        """Waits for the end of the program and returns its status."""
        self.program.expect(pexpect.EOF, timeout=PATIENCE)
        self.program.close()
        return self.program.exitstatus


def test_a_session_on_a_terminal():
    # The console gives up on a completion after 5 seconds; the first one may take longer here.
    patient = f"--ZMQCompleter.timeout={PATIENCE}"
    console = Terminal("jupyter", "console", "--kernel", "torchbook", patient)
    console.until("torchbook")
    console.prompt(1)

    console.type("6 * 7\r")
    console.until("Out[1]: 42")
    console.prompt(2)

    # An open bracket asks for more; the closed one runs.
    console.type("fn triple(x: i32) -> i32 {\r")
    console.until("...:")
    console.type("3 * x }\r")
    console.prompt(3)

    # The only completion is put in.
    console.type("trip" + TAB)
    console.until("In [3]: triple")
    console.type("(14)\r")
    console.until("Out[3]: 42")
    console.prompt(4)

    console.type('input("Who? ")?\r')
    # The question, not the cell that asks it.
    console.until_it_holds(lambda screen: screen.endswith("\nWho?"), "Who?")
    console.type("Ada\r")
    console.until_it_holds(lambda screen: '\n"Ada"' in screen, "the answer")
    console.prompt(5)

    console.type('println!("running"); loop { interrupt::check()?; }\r')
    console.until_it_holds(lambda screen: "\nrunning" in screen, "running")
    console.type(CTRL_C)
    console.until("interrupted")
    console.prompt(6)
    console.type("triple(2)\r")
    console.until("Out[6]: 6")
    console.prompt(7)

    processes = [*psutil.Process(console.program.pid).children(recursive=True)]
    assert len(processes) > 1, "the kernel and its cell process"
    console.type("\x04")
    console.until("Do you really want to exit")
    console.type("y\r")
    assert console.end() == 0
    wait_for_the_end(processes)
