#!/usr/bin/env python3
"""The crates that are linked into the programs and the Python package: their licences, and a bill of materials.

usage: linked.py licences FILE     names, licences and licence texts of all crates
       linked.py sbom FILE         CycloneDX 1.5

Both come from Cargo.lock by `cargo metadata --offline`, so the crates must have been fetched, as a build does. Build scripts,
procedural macros and what only tests need are not linked, and are left out. Fails if the text of a licence is missing.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What is built and given to users.
PRODUCTS = ("mdl-cli", "mdl-launcher", "mdl-python")
TARGET = "x86_64-unknown-linux-gnu"
TEXTS = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def metadata():
    cargo = os.environ.get("CARGO", "cargo")
    command = [cargo, "metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", TARGET]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def linked(found):
    """Packages that the products link, by id, with the ids that each depends on."""
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    is_macro = {own: any("proc-macro" in target["kind"] for target in package["targets"]) for own, package in packages.items()}
    waiting = [own for own, package in packages.items() if package["name"] in PRODUCTS and package["source"] is None]
    depends = {}
    while waiting:
        own = waiting.pop()
        if own in depends:
            continue
        normal = [dep["pkg"] for dep in nodes[own]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
        depends[own] = [other for other in normal if not is_macro[other]]
        waiting += depends[own]
    return {own: (packages[own], depends[own]) for own in depends}


def foreign(crates):
    """Those that are not this project's, by name."""
    return sorted((package for package, _ in crates.values() if package["source"]), key=lambda p: (p["name"].lower(), p["version"]))


def texts(package):
    """Licence texts that a crate comes with."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [path for path in sorted(folder.iterdir()) if TEXTS.match(path.name) and path.is_file()]
    files += [path for name in ("LICENSES", "licenses") for path in sorted((folder / name).glob("*")) if path.is_file()]
    if package["license_file"]:
        files.append(folder / package["license_file"])
    return [text for text in (path.read_text(errors="replace").strip() for path in dict.fromkeys(files)) if text]


def own_texts():
    """Texts for crates that name a licence and come without its text."""
    apache, mit = ((ROOT / name).read_text().strip() for name in ("LICENSE-APACHE", "LICENSE-MIT"))
    return {"Apache-2.0": apache, "MIT": re.sub(r"^Copyright.*$", "Copyright (c) {authors}", mit, count=1, flags=re.MULTILINE)}


def standard(package, known):
    """The text of one of the licences that a crate may be used under, for one that comes without."""
    for name in ("Apache-2.0", "MIT"):
        if re.search(rf"\b{re.escape(name)}\b", package["license"] or ""):
            authors = ", ".join(package["authors"]) or f"the authors of {package['name']}"
            return known[name].replace("{authors}", authors)
    return None


def licences(crates):
    known, users, rows, missing = own_texts(), {}, [], []
    for package in foreign(crates):
        name = f"{package['name']} {package['version']}"
        rows.append(f"{name:<40} {package['license'] or 'see below':<40} {package['repository'] or ''}".rstrip())
        found = texts(package) or [text for text in [standard(package, known)] if text]
        if not found:
            missing.append(f"{name} ({package['license']})")
        for text in found:
            users.setdefault(text, []).append(name)
    if missing:
        sys.exit("no licence text for " + ", ".join(missing))
    parts = [
        "Licences of the software that is linked into mdl-rnn\n\nmdl-rnn itself is under MIT or Apache-2.0, see LICENSE-MIT and LICENSE-APACHE. "
        "Rust's standard library, which\nis linked, too, is under the same two licences: Copyright (c) The Rust Project Contributors.\n",
        "\n".join(rows) + "\n",
    ]
    for text, names in sorted(users.items(), key=lambda item: item[1][0].lower()):
        parts.append("=" * 100 + "\n" + ", ".join(names) + "\n" + "-" * 100 + "\n" + text + "\n")
    return "\n".join(parts)


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksums):
    entry = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
    }
    if package["license"]:
        # Older crates write a slash for OR.
        entry["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}]
    if package["description"]:
        entry["description"] = " ".join(package["description"].split())
    if checksum := checksums.get((package["name"], package["version"])):
        entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        entry["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return entry


def lock_checksums():
    text = (ROOT / "Cargo.lock").read_text()
    entry = re.compile(r'name = "(.*)"\nversion = "(.*)"\nsource = ".*"\nchecksum = "(.*)"')
    return {(name, version): checksum for name, version, checksum in entry.findall(text)}


def sbom(crates):
    checksums = lock_checksums()
    packages = sorted((package for package, _ in crates.values()), key=purl)
    version = next(package["version"] for package in packages if package["name"] == "mdl-cli")
    ref = {own: purl(package) for own, (package, _) in crates.items()}
    products = [ref[own] for own, (package, _) in crates.items() if package["name"] in PRODUCTS]
    about = {"type": "application", "bom-ref": "mdl-rnn", "name": "mdl-rnn", "version": version, "licenses": [{"expression": "MIT OR Apache-2.0"}]}
    edges = [{"ref": "mdl-rnn", "dependsOn": sorted(products)}]
    edges += sorted(({"ref": ref[own], "dependsOn": sorted(ref[other] for other in others)} for own, (_, others) in crates.items()), key=lambda e: e["ref"])
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": about},
        "components": [component(package, checksums) for package in packages],
        "dependencies": edges,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("licences", "sbom"):
        sys.exit(__doc__)
    crates = linked(metadata())
    text = {"licences": licences, "sbom": sbom}[sys.argv[1]](crates)
    pathlib.Path(sys.argv[2]).write_text(text)


if __name__ == "__main__":
    main()
