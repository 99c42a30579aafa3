"""Fails unless a wheel holds the package jaxnet, its marker of types, and no more."""

import sys
import zipfile

names = zipfile.ZipFile(sys.argv[1]).namelist()
tops = sorted({name.split("/")[0] for name in names})
package = [top for top in tops if not top.endswith(".dist-info")]
if package != ["jaxnet"]:
    sys.exit(f"the wheel should hold jaxnet alone, got {package}")
for due in ("jaxnet/py.typed", "jaxnet/layers/core.py", "jaxnet/data/splitting.py"):
    if due not in names:
        sys.exit(f"the wheel lacks {due}")
print(f"{len(names)} files, all of jaxnet")
