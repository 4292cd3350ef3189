"""The lowest versions that pyproject.toml states, of all that `pip install '.[test]'` names."""

import re
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]


def lowest(requirements):
    for requirement in requirements:
        own = re.fullmatch(r"fusednn\[(.*)\]", requirement)
        if own:
            for extra in own[1].split(","):
                yield from lowest(extras[extra])
        else:
            yield requirement.replace(">=", "==", 1)


print(*lowest([*project["dependencies"], "fusednn[test]"]), sep="\n")
