"""Makes a Python wheel of the built program, so that `pip install` registers the kernel with Jupyter.

    python3 kernel/packaging/wheel.py target/release/torchbook --output dist

The wheel carries the program as a script and the kernelspec as data. The kernelspec starts a small
module of the same Python, which becomes the program: so the right one runs whatever PATH a Jupyter
server has. Only the standard library is needed; equal inputs make equal wheels.
"""

import argparse
import base64
import hashlib
import json
import re
import subprocess
import zipfile
from pathlib import Path

LAUNCHER = '''"""Becomes the torchbook program that was installed with this module."""

import os
import sys
import sysconfig


def main():
    name = "torchbook"
    folders = [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", f"{os.name}_user")]
    for folder in folders:
        program = os.path.join(folder, name)
        if os.access(program, os.X_OK):
            os.execv(program, [program, *sys.argv[1:]])
    sys.exit(f"torchbook: the program is in none of {folders}: install the wheel again")


if __name__ == "__main__":
    main()
'''

METADATA = """Metadata-Version: 2.1
Name: torchbook
Version: {version}
Summary: A Jupyter kernel for deep learning in Rust
License: MIT OR Apache-2.0
Requires-Python: >=3.9
"""

# The program's own, and those of the font and the colour maps inside it.
LICENCES = (
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "prelude/assets/fonts/LICENSE-NotoSansKR.txt",
    "prelude/assets/colormaps/LICENSE.txt",
)

# Zip files cannot hold an earlier time.
EPOCH = (1980, 1, 1, 0, 0, 0)


def oldest_glibc(program):
    """The newest glibc that the program's symbols ask for: on older ones it does not start."""
    versions = re.findall(rb"GLIBC_2\.(\d+)", program)
    return max((int(version) for version in versions), default=17)


def version_of(program):
    """What the program itself says: its first line is `torchbook VERSION`."""
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()[0].split()[-1]


def kernelspec():
    return {
        "argv": ["python", "-m", "torchbook_launcher", "kernel", "--connection-file", "{connection_file}"],
        "display_name": "Rust (torchbook)",
        "language": "rust",
        "interrupt_mode": "message",
        "env": {"GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=16384"},
        "metadata": {"debugger": False},
    }


def add(wheel, record, name, content, mode=0o644):
    info = zipfile.ZipInfo(name, EPOCH)
    info.external_attr = (0o100000 | mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    wheel.writestr(info, content)
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    record.append(f"{name},sha256={digest},{len(content)}")


def make(program, output):
    """Writes the wheel and returns its path."""
    sources = Path(__file__).resolve().parents[2]
    version = version_of(program)
    content = Path(program).read_bytes()
    # libtorch, which is got at the first start, asks for 2.28.
    tag = f"py3-none-manylinux_2_{max(oldest_glibc(content), 28)}_x86_64"
    info, data = f"torchbook-{version}.dist-info", f"torchbook-{version}.data"
    spec = f"{data}/data/share/jupyter/kernels/torchbook"
    logo = (sources / "kernel/src/setup/kernelspec/logo-svg.svg").read_bytes()
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"torchbook-{version}-{tag}.whl"
    record = []
    with zipfile.ZipFile(path, "w") as wheel:
        add(wheel, record, "torchbook_launcher.py", LAUNCHER.encode())
        add(wheel, record, f"{data}/scripts/torchbook", content, 0o755)
        add(wheel, record, f"{spec}/kernel.json", json.dumps(kernelspec(), indent=2).encode())
        add(wheel, record, f"{spec}/logo-svg.svg", logo)
        for name in LICENCES:
            content = (sources / name).read_bytes()
            add(wheel, record, f"{info}/licenses/{name}", content)
        add(wheel, record, f"{info}/METADATA", METADATA.format(version=version).encode())
        wheel_file = f"Wheel-Version: 1.0\nGenerator: torchbook\nRoot-Is-Purelib: false\nTag: {tag}\n"
        add(wheel, record, f"{info}/WHEEL", wheel_file.encode())
        record.append(f"{info}/RECORD,,")
        wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD", EPOCH), "\n".join(record) + "\n")
    return path


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("program", help="the built torchbook")
    arguments.add_argument("--output", default="dist", help="folder for the wheel")
    chosen = arguments.parse_args()
    print(make(Path(chosen.program).resolve(), chosen.output))
