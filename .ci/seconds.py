"""Seconds of pytest's by folder of tests, from the XML file that it wrote."""

import sys
from collections import Counter
from xml.etree import ElementTree

suite = ElementTree.parse(sys.argv[1]).getroot()[0]
seconds, tests = Counter(), Counter()
for test in suite.iter("testcase"):
    folder, _, module = test.get("classname").rpartition(".")
    name = folder.replace(".", "/") if folder != "tests" else f"tests/{module}.py"
    seconds[name] += float(test.get("time"))
    tests[name] += 1
whole = float(suite.get("time"))
seconds["collecting, and between tests"] = whole - seconds.total()
for name, spent in seconds.most_common():
    print(f"{spent:7.1f} s  {tests[name]:6}  {name}")
print(f"{whole:7.1f} s  {tests.total():6}  in all")
