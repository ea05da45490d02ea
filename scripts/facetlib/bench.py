# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of a benchmark: medians of raw figures, a table for people, JSON for the rest."""
import json
import pathlib
import statistics


class Row:
    """One figure of facet and its peers; every raw value is kept."""

    def __init__(self, name, unit, better="higher"):
        self.name, self.unit, self.better = name, unit, better
        self.raw, self.goal, self._met = {}, None, None

    def add(self, who, value):
        self.raw.setdefault(who, []).append(round(value, 2))

    def median(self, who):
        return round(statistics.median(self.raw[who]), 2) if self.raw.get(who) else None

    def peers(self):
        return {who: self.median(who) for who in self.raw if who != "facet"}

    def aim(self, goal, met):
        """goal: in words; met: called with facet's median and the peers' medians."""
        self.goal, self._met = goal, met
        return self

    def best_peer(self):
        values = [v for v in self.peers().values() if v is not None]
        return (max if self.better == "higher" else min)(values) if values else None

    @property
    def met(self):
        mine = self.median("facet")
        return None if mine is None or self._met is None else bool(self._met(mine, self.peers()))

    def json(self):
        return {"name": self.name, "unit": self.unit, "better": self.better,
                "facet": self.median("facet"), "peers": self.peers(), "goal": self.goal,
                "met": self.met, "raw": self.raw}


def table(rows):
    """As text; columns in the order in which they first appear."""
    whos = list(dict.fromkeys(who for row in rows for who in row.raw))
    head = ["", "unit", *whos, "facet/best", "goal", ""]
    lines = [head]
    for row in rows:
        best, mine = row.best_peer(), row.median("facet")
        ratio = f"{mine / best:.2f}" if best and mine is not None else "-"
        lines.append([row.name, row.unit,
                      *("-" if row.median(w) is None else f"{row.median(w):g}" for w in whos),
                      ratio, row.goal or "",
                      {True: "met", False: "NOT met", None: ""}[row.met]])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)


def finish(name, rows, path=None):
    print(table(rows), flush=True)
    if path:
        result = {"bench": name, "rows": [row.json() for row in rows]}
        pathlib.Path(path).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
