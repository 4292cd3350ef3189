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
for name, spent in seconds.most_common():
    print(f"{spent:7.1f} s  {tests[name]:6}  {name}")
print(f"{seconds.total():7.1f} s  {tests.total():6}  in all, side by side")
print(f"{float(suite.get('time')):7.1f} s          from beginning to end")
