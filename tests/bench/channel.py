"""A channel like those that GPU environments come from, made of nothing but a seed.

`bench-env` needs 59 other packages: an interpreter, 30 pure Python packages with
commands, one large library, thousands of headers, libraries with symbolic links
and prefix placeholders, some of them in the old form `.tar.bz2`. `bench-many`
needs 400 packages of one small file each.
"""

import json
import random
from dataclasses import dataclass

import archives
from archives import File, Package

# Raise it with every change to what is generated.
FORM = 2

PYTHON = "3.12"
# How many packages `bench-many` has.
MANY = 400
ALPHABET = bytes(range(33, 97)) * 4


@dataclass(frozen=True)
class Size:
    """How much is generated."""

    name: str
    large: int
    headers: int
    python_files: int
    pure_files: int
    library_files: int
    # The mean size of files of these kinds, in bytes.
    python_bytes: int
    pure_bytes: int
    library_bytes: int


FULL = Size("full", 200 << 20, 2400, 1600, 183, 222, 40 << 10, 11 << 10, 46 << 10)
SMALL = Size("small", 8 << 20, 120, 100, 10, 12, 20 << 10, 6 << 10, 20 << 10)


class Content:
    """Bytes of which about a third is left when they are compressed, as of real libraries."""

    def __init__(self):
        words = random.Random("words")
        vocabulary = ["".join(words.choices("abcdefghijklmnopqrstuvwxyz_", k=words.randint(2, 11))) for _ in range(3000)]
        self.text = " ".join(words.choices(vocabulary, k=150_000)).encode()

    def binary(self, source, size):
        blocks = []
        left = size
        while left > 0:
            start = source.randrange(len(self.text) - 9000)
            block = source.randbytes(7000).translate(ALPHABET) + self.text[start : start + 9000]
            blocks.append(block[:left])
            left -= len(block)
        return b"".join(blocks)

    def prose(self, source, size):
        start = source.randrange(max(1, len(self.text) - size))
        return self.text[start : start + size]


def some_size(source, mean):
    # Many small files and a few large ones.
    return int(min(source.expovariate(1 / mean), mean * 12)) + 20


def packages(size):
    """Yields every package of the channel, one at a time: they are large."""
    content = Content()
    names = ["python", "biglib", "headers"]
    yield interpreter(content, size)
    yield large(content, size)
    yield headers(content, size)
    for number in range(30):
        package = pure(content, size, number)
        names.append(package.name)
        yield package
    for number in range(26):
        package = library(content, size, number, "1.0")
        names.append(package.name)
        yield package
    # What an update brings.
    yield library(content, size, 0, "2.0")
    yield Package("bench-env", "1.0", names, "noarch", "generic")
    many = [f"tiny{number:03}" for number in range(MANY)]
    for name in many:
        yield Package(name, "1.0", files=[File(f"share/{name}", name.encode())])
    yield Package("bench-many", "1.0", many, "noarch", "generic")


def interpreter(content, size):
    source = random.Random("python")
    files = [
        File(f"bin/python{PYTHON}", with_prefix(content.binary(source, 6 << 20)), mode=0o755, placeholder="binary"),
        File("bin/python3", target=f"python{PYTHON}"),
        File("bin/python", target="python3"),
    ]
    for number in range(size.python_files):
        text = content.prose(source, some_size(source, size.python_bytes))
        files.append(File(f"lib/python{PYTHON}/part{number % 40:02}/module{number}.py", text))
    return Package("python", f"{PYTHON}.4", files=files)


def large(content, size):
    source = random.Random("large")
    files = [
        File("lib/libbig.so.1.2", content.binary(source, size.large), mode=0o755),
        File("lib/libbig.so.1", target="libbig.so.1.2"),
        File("lib/libbig.so", target="libbig.so.1"),
    ]
    return Package("biglib", "1.2", files=files)


def headers(content, size):
    source = random.Random("headers")
    files = [
        File(f"include/big/part{number % 30:02}/header{number}.h", content.prose(source, some_size(source, 5 << 10)))
        for number in range(size.headers)
    ]
    return Package("headers", "1.2", files=files, noarch="generic", subdir="noarch")


def pure(content, size, number):
    name = f"pure{number:02}"
    source = random.Random(name)
    files = [
        File(f"site-packages/{name}/part{n % 7}/module{n}.py", content.prose(source, some_size(source, size.pure_bytes)))
        for n in range(size.pure_files)
    ]
    files.append(File(f"site-packages/{name}/__init__.py", b"def main():\n    return 0\n"))
    commands = [(f"{name}-{command}", f"{name}:main") for command in ("run", "show")]
    return Package(name, "1.0", [f"python {PYTHON}.*"], "noarch", "python", files, commands)


def library(content, size, number, version):
    name = f"library{number:02}"
    source = random.Random(f"{name}-{version}")
    old_form = number >= 15
    # bzip2 is slow: the old packages are small ones, as in real channels.
    scale = 4 if old_form else 1
    files = [
        File(f"lib/lib{name}.so.1", with_prefix(content.binary(source, size.library_bytes * 60 // scale)), mode=0o755, placeholder="binary"),
        File(f"lib/lib{name}.so", target=f"lib{name}.so.1"),
        File(f"lib/pkgconfig/{name}.pc", with_prefix(b"prefix="), placeholder="text"),
        File(f"bin/{name}-config", b"#!" + with_prefix(b"") + b"/bin/sh\n", mode=0o755, placeholder="text"),
    ]
    for n in range(size.library_files):
        data = content.binary(source, some_size(source, size.library_bytes // scale))
        files.append(File(f"share/{name}/part{n % 9}/data{n}", data))
    return Package(name, version, files=files, old_form=old_form)


def with_prefix(content):
    return content + archives.PLACEHOLDER.encode() + b"\0" if len(content) > 100 else content + archives.PLACEHOLDER.encode()


def make(size, root):
    """Makes the channel below a directory, unless it is there; returns what it holds."""
    summary_file = root / "summary.json"
    if summary_file.exists():
        found = json.loads(summary_file.read_text())
        if found["form"] == FORM:
            return found
    summary = {"form": FORM, "size": size.name, "packages": 0, "files": 0, "bytes": 0, "archive_bytes": 0}
    records = {"linux-64": {}, "noarch": {}}
    for package in packages(size):
        record = archives.write(package, root / "bench" / package.subdir)
        records[package.subdir][package.file_name] = record
        if package.version == "2.0" or package.name.startswith(("tiny", "bench-many")):
            continue
        summary["packages"] += 1
        summary["files"] += len(package.files)
        summary["bytes"] += sum(len(file.content) for file in package.files)
        summary["archive_bytes"] += record["size"]
    for subdir, found in records.items():
        write_index(root / "bench" / subdir, subdir, found)
    summary_file.write_text(json.dumps(summary))
    return summary


def write_index(directory, subdir, records):
    old = {name: record for name, record in records.items() if name.endswith(".tar.bz2")}
    new = {name: record for name, record in records.items() if name.endswith(".conda")}
    index = {"info": {"subdir": subdir}, "packages": old, "packages.conda": new, "repodata_version": 1}
    text = archives.dump(index)
    (directory / "repodata.json").write_bytes(text)
    (directory / "repodata.json.zst").write_bytes(archives.zstd(text))
