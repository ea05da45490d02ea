# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of a benchmark: figures with their raw values, a table for people, JSON for the rest."""
import json
import pathlib
import statistics


class Row:
    """One figure of facet and its peers; every raw value is kept.

    better: "more" or "less". worst: not the median counts, but the worst of the raw values.
    """

    def __init__(self, name, unit, better="more", worst=False):
        if better not in ("more", "less"):
            raise ValueError(f"better is 'more' or 'less', not {better!r}")
        self.name, self.unit, self.better = name, unit, better
        self._figure = (min if better == "more" else max) if worst else statistics.median
        self.raw, self.failed, self.notes, self.goal, self._met = {}, {}, {}, None, None

    def add(self, who, value):
        self.raw.setdefault(who, []).append(round(value, 4))

    def note(self, what, value):
        """Something beside the figure that helps to judge it."""
        self.notes.setdefault(what, []).append(
            round(value, 4) if isinstance(value, float) else value)

    def lost(self, who, why):
        """A figure that could not be measured: the row goes on without it."""
        self.failed.setdefault(who, []).append(why)
        print(f"  {self.name}: {who}: {why}", flush=True)

    def figure(self, who):
        return round(self._figure(self.raw[who]), 4) if self.raw.get(who) else None

    def peers(self):
        """Those that have a figure."""
        return {who: self.figure(who) for who in self.raw if who != "facet"}

    def line(self):
        """The figures so far, for people who wait."""
        found = "  ".join(f"{who} {self.figure(who):g}" for who in self.raw)
        return f"  {self.name}: {found or '-'} {self.unit}"

    def aim(self, goal, met):
        """goal: in words; met: called with facet's figure and the peers'."""
        self.goal, self._met = goal, met
        return self

    def aim_ratio(self, goal, met):
        """The same for ratios(): met is called with them."""
        return self.aim(goal, lambda _mine, _peers: met(self.ratios()))

    def ratios(self):
        """facet / peer: of the figures; in turns that all took, the median turn's."""
        mine, found = self.raw.get("facet", []), {}
        for who in self.peers():
            theirs = self.raw[who]
            paired = self._figure is statistics.median and len(theirs) == len(mine)
            pairs = zip(mine, theirs) if paired else [(self.figure("facet"), self.figure(who))]
            ratios = [a / b for a, b in pairs if a is not None and b]
            if ratios:
                found[who] = round(statistics.median(ratios), 4)
        return found

    def worst_ratio(self):
        values = self.ratios().values()
        return (min if self.better == "more" else max)(values) if values else None

    @property
    def met(self):
        mine = self.figure("facet")
        if self._met is None:
            return None
        if mine is None:
            return False
        try:
            return bool(self._met(mine, self.peers()))
        except (KeyError, ValueError):  # a peer that the goal names has no figure
            return None

    def json(self):
        return {"name": self.name, "unit": self.unit, "better": self.better,
                "facet": self.figure("facet"), "peers": self.peers(), "goal": self.goal,
                "met": self.met, "ratios": self.ratios(), "raw": self.raw, "failed": self.failed,
                "notes": self.notes}


def table(rows):
    """As text; columns in the order in which they first appear."""
    whos = list(dict.fromkeys(who for row in rows for who in (*row.raw, *row.failed)))
    head = ["", "unit", *whos, "facet/best", "goal", ""]
    lines = [head]
    for row in rows:
        worst = row.worst_ratio()
        ratio = "-" if worst is None else f"{worst:.2f}"
        lines.append([row.name, row.unit,
                      *("-" if row.figure(w) is None else f"{row.figure(w):g}" for w in whos),
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
