"""Writes conda packages, the same bytes on every machine with the same zstd."""

import bz2
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass, field

# What builders write where the prefix will stand: 255 bytes, so that any prefix fits in.
PLACEHOLDER = ("/opt/" + "placehold_" * 25)[:255]

# 2024-01-01: no file of a package is younger.
MODIFIED = 1704067200


@dataclass
class File:
    """One file of a package."""

    path: str
    content: bytes = b""
    target: str | None = None
    mode: int = 0o644
    placeholder: str | None = None


@dataclass
class Package:
    """What is in an archive, and what its index says."""

    name: str
    version: str
    depends: list[str] = field(default_factory=list)
    subdir: str = "linux-64"
    noarch: str | None = None
    files: list[File] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    old_form: bool = False

    @property
    def file_name(self):
        return f"{self.name}-{self.version}-0{'.tar.bz2' if self.old_form else '.conda'}"

    def index(self):
        index = {
            "name": self.name,
            "version": self.version,
            "build": "0",
            "build_number": 0,
            "depends": self.depends,
            "license": "BSD-3-Clause",
            "subdir": self.subdir,
            "timestamp": MODIFIED * 1000,
        }
        if self.noarch:
            index["noarch"] = self.noarch
        return index


def zstd(content):
    """Returns the content compressed: by the library of Python 3.14, else by the program."""
    try:
        from compression import zstd as library
    except ImportError:
        if not shutil.which("zstd"):
            raise SystemExit("`zstd` is needed to make packages: install it, or use Python 3.14")
        done = subprocess.run(["zstd", "-q", "-3", "-c"], input=content, stdout=subprocess.PIPE, check=True)
        return done.stdout
    return library.compress(content, level=3)


def write(package, directory):
    """Writes the archive; returns its record for the channel's index."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / package.file_name
    information = metadata(package)
    if package.old_form:
        content = bz2.compress(tar(information + package.files))
    else:
        content = conda(package, information)
    path.write_bytes(content)
    return package.index() | {
        "size": len(content),
        "md5": hashlib.md5(content).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def conda(package, information):
    stem = package.file_name.removesuffix(".conda")
    members = {
        "metadata.json": json.dumps({"conda_pkg_format_version": 2}).encode(),
        f"pkg-{stem}.tar.zst": zstd(tar(package.files)),
        f"info-{stem}.tar.zst": zstd(tar(information)),
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:
        for name, content in members.items():
            out.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content)
    return archive.getvalue()


def metadata(package):
    files = [
        File("info/index.json", dump(package.index())),
        File("info/paths.json", dump({"paths": [entry(f) for f in package.files], "paths_version": 1})),
        File("info/about.json", dump({"summary": "made for a benchmark"})),
    ]
    if package.noarch == "python":
        points = [f"{command} = {function}" for command, function in package.commands]
        link = {"noarch": {"type": "python", "entry_points": points}, "package_metadata_version": 1}
        files.append(File("info/link.json", dump(link)))
    return files


def entry(file):
    if file.target:
        # The hash of a link is that of what it points to, which nobody checks.
        return {"_path": file.path, "path_type": "softlink", "size_in_bytes": 0}
    found = {
        "_path": file.path,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "size_in_bytes": len(file.content),
    }
    if file.placeholder:
        found |= {"file_mode": file.placeholder, "prefix_placeholder": PLACEHOLDER}
    return found


def dump(value):
    return json.dumps(value, indent=1, sort_keys=True).encode()


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            member = tarfile.TarInfo(file.path)
            member.mtime = MODIFIED
            member.mode = file.mode
            if file.target:
                member.type = tarfile.SYMTYPE
                member.linkname = file.target
                archive.addfile(member)
            else:
                member.size = len(file.content)
                archive.addfile(member, io.BytesIO(file.content))
    return out.getvalue()
