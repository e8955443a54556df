#!/usr/bin/env python3
"""Makes markdown tables of the benchmark's single values.

    report.py FILE.tsv [JOB...]

A line of the file is: round, table, peer, metric, value. A table's name begins with that
of its job. A cell is the median of the rounds, and the least and the greatest value.
"""
import collections
import statistics
import sys


def read(path, jobs):
    tables = collections.defaultdict(lambda: collections.defaultdict(lambda: collections.defaultdict(list)))
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            _, table, peer, metric, value = line.rstrip("\n").split("\t")
            if not jobs or table.split()[0].rstrip(",:") in jobs:
                tables[table][peer][metric].append(float(value))
    return tables


def number(x):
    return f"{x:.0f}" if abs(x) >= 100 else f"{x:.3g}"


def cell(values):
    if not values:
        return ""
    text = number(statistics.median(values))
    if min(values) < max(values):
        text += f" ({number(min(values))}–{number(max(values))})"
    return text


def show(name, peers):
    metrics = list(dict.fromkeys(m for values in peers.values() for m in values))
    print(f"\n**{name}**\n")
    print("| | " + " | ".join(metrics) + " | n |")
    print("|---" * (len(metrics) + 2) + "|")
    for peer, values in peers.items():
        rounds = max(len(v) for v in values.values())
        print(f"| {peer} | " + " | ".join(cell(values.get(m)) for m in metrics) + f" | {rounds} |")


def main():
    for name, peers in read(sys.argv[1], sys.argv[2:]).items():
        show(name, peers)


main()
