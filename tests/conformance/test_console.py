"""`jupyter console`: a terminal is driven as a person would, and its screen is read.

Two habits of the program decide how this waits. While a cell runs it looks for output and
questions until any request of its session is idle, so after an interrupt, which is a request, it
shows no more before the cell's reply has come. And what has not arrived with that reply stays out
of sight until the next cell or an empty line (`Console.until_refreshed`).
"""

import re
import sys

import pexpect
import psutil
import pyte
import pytest

from kernel import PATIENCE, wait_for_the_end

# No test here has so much output that lines are lost at the top.
ROWS, COLUMNS = 300, 120

SIMPLE = ["--simple-prompt"]
# It would judge by itself whether a cell is complete where the kernel has no answer in a second.
FULL = [f"--ZMQTerminalInteractiveShell.kernel_is_complete_timeout={PATIENCE}"]


class Console:
    """A `jupyter console` in a terminal."""

    def __init__(self, folder, options):
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "jupyter_console", "--kernel=torchbook", *options],
            cwd=str(folder),
            encoding="utf-8",
            dimensions=(ROWS, COLUMNS),
            timeout=PATIENCE,
        )
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.terminal = pyte.Stream(self.screen)
        self.prompts = 0
        self.until_prompt()

    @property
    def lines(self):
        """What the screen shows, down to the last line with text."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    def until(self, is_there, wanted):
        """Waits until the screen shows something."""
        while not is_there():
            try:
                self.terminal.feed(self.child.read_nonblocking(1 << 16, PATIENCE))
            except (pexpect.TIMEOUT, pexpect.EOF) as error:
                screen = "\n".join(self.lines)
                raise AssertionError(f"no {wanted}, {type(error).__name__}:\n{screen}") from None

    def until_line(self, line):
        self.until(lambda: line in self.lines, f"line {line!r}")

    def until_prompt(self):
        """Waits for one prompt more than there were, in the last line."""

        def is_there():
            prompts = [line for line in self.lines if re.match(r"In \[\d+\]:", line)]
            at_prompt = re.fullmatch(r"In \[\d+\]:", self.lines[-1])
            return len(prompts) > self.prompts and at_prompt

        self.until(is_there, "prompt")
        self.prompts += 1

    def type(self, line):
        self.child.send(line + "\r")

    def run(self, code):
        """Runs a cell of one line and returns the lines that it showed."""
        start = len(self.lines)
        self.type(code)
        self.until_prompt()
        return [line for line in self.lines[start:-1] if line]

    def until_refreshed(self, line):
        """Waits for a line that comes late, at a prompt: see the module's documentation."""
        while line not in self.lines:
            self.run(" ")

    def processes(self):
        """The kernel's and that of its cells."""
        processes = psutil.Process(self.child.pid).children(recursive=True)
        assert len(processes) > 1, "the cells have a process of their own"
        return processes

    def end(self):
        """What the program says after it was told to end, and how it ends."""
        said = self.child.read()
        self.child.close()
        return said, self.child.exitstatus


@pytest.fixture
def start_console(tmp_path, monkeypatch):
    """Starts consoles; each ends with its test, and its kernel with it."""
    # In reply to a question about the cursor pyte says nothing, for which the program would wait.
    monkeypatch.setenv("PROMPT_TOOLKIT_NO_CPR", "1")
    monkeypatch.setenv("TERM", "xterm")
    consoles = []

    def start(options):
        consoles.append(Console(tmp_path, options))
        return consoles[-1]

    yield start
    for console in consoles:
        if console.child.isalive():
            processes = console.processes()
            console.child.close(force=True)
            wait_for_the_end(processes)


def test_output_errors_answers_and_the_stop_key(start_console):
    console = start_console(SIMPLE)
    assert console.run('println!("hello"); 6 * 7') == ["hello", "Out[1]: 42"]
    assert console.run("let kept = 41;") == []
    error, place, *_ = console.run("kept + nonsense")
    assert error == "error[E0425]: cannot find value `nonsense` in this scope"
    assert place == " --> cell [3], line 1, column 8"

    console.type(
        'let name = input("Name? ")?; let word = password("Word? ")?; format!("{name} {word}")'
    )
    console.until_line("Name?")
    console.type("Łucja")
    console.until_line("Word?")
    console.type("hidden")
    console.until_prompt()
    assert console.lines[-4:-1] == ["Word?", 'Out[4]: "Łucja hidden"', ""]

    console.type('println!("running"); loop { interrupt::check()?; }')
    console.until_line("running")
    console.child.sendintr()
    console.until_prompt()
    console.run("kept + 1")
    console.until_refreshed("Out[6]: 42")
    assert any(line.endswith("Interrupted: interrupted") for line in console.lines)

    processes = console.processes()
    console.type(":quit")
    said, status = console.end()
    assert (said.split("\r\n")[1:], status) == (["Shutting down kernel", ""], 0)
    wait_for_the_end(processes)


def test_the_stop_key_at_a_question(start_console):
    console = start_console(SIMPLE)
    console.run("let kept = 41;")
    console.type('input("Name? ")?')
    console.until_line("Name?")
    console.child.sendintr()
    console.until_prompt()
    console.run("kept + 1")
    console.until_refreshed("Out[3]: 42")
    assert any(line.endswith("Interrupted: interrupted") for line in console.lines)

    processes = console.processes()
    console.child.sendeof()
    console.until(lambda: "really want to exit" in console.lines[-1], "question")
    console.type("y")
    said, status = console.end()
    assert ("Shutting down kernel" in said, status) == (True, 0)
    wait_for_the_end(processes)


def test_the_kernel_says_where_a_cell_goes_on(start_console):
    console = start_console(FULL)
    console.type("fn double(x: i32) -> i32 {")
    console.until(lambda: console.lines[-1].startswith("   ...:"), "second line")
    console.run("2 * x }")
    console.run("double(21)")
    console.until_refreshed("Out[2]: 42")
