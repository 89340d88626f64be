"""Where the boxes of a graph stand: in columns by depth, in an order in which few arcs cross.

Arcs over several columns pass each column between at a place of their own. Orders are improved by
barycentres, sweep by sweep, of which the one with fewest crossings is kept; heights are then the nearest to
those of their neighbours that the order allows.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS, _LEVELLINGS = 12, 40
_PASS_WEIGHT = 8.0  # how much straighter arcs are that pass a column than those that end in it

Place = tuple[str, int]  # a name and a column: where it stands, or where an arc that it starts passes


@dataclass(frozen=True, slots=True)
class Layout:
    """column, height: of every name. routes: of each arc (from, to), the heights at the columns between.

    columns: how many. top, bottom: the extreme heights; one box is 1 high.
    """

    column: Mapping[str, int]
    height: Mapping[str, float]
    routes: Mapping[tuple[str, str], tuple[float, ...]]
    columns: int
    top: float
    bottom: float


def laid_out(operands: Mapping[str, Sequence[str]], output: str, passing: float = 0.3) -> Layout:
    """Lay a graph out. operands: of every name, each after its own. passing: room of an arc, a box has 1."""
    column = _columns(operands, output)
    links = _links(operands, column)
    orders = _best_orders(_columns_of(links, column), links)
    heights = _heights(orders, links, column, passing)
    own = {name: heights[name, at] for name, at in column.items()}
    routes = {
        (operand, name): tuple(heights[operand, at] for at in range(column[operand] + 1, column[name]))
        for name, given in operands.items()
        for operand in dict.fromkeys(given)
    }
    return Layout(
        column,
        own,
        routes,
        max(column.values(), default=-1) + 1,
        min(heights.values(), default=0.0),
        max(heights.values(), default=0.0),
    )


def _columns(operands: Mapping[str, Sequence[str]], output: str) -> dict[str, int]:
    """Put each name as late as what uses it allows, so that a step's input stands beside the step.

    What does not lead to the output stands right behind what it is made of.
    """
    back = {output: 0}
    for name in reversed(list(operands)):
        for operand in operands[name] if name in back else ():
            back[operand] = max(back.get(operand, 0), back[name] + 1)
    last = max(back.values())
    found: dict[str, int] = {}
    for name, given in operands.items():
        after = max((found[operand] + 1 for operand in given), default=0)
        found[name] = last - back[name] if name in back else after
    return found


Links = dict[Place, list[Place]]  # from a place to places of the next column


def _links(operands: Mapping[str, Sequence[str]], column: Mapping[str, int]) -> Links:
    """Cut arcs into steps of one column; all arcs of one name share their way as far as they go."""
    reach: dict[str, int] = {}
    found: Links = {(name, at): [] for name, at in column.items()}
    for name, given in operands.items():
        for operand in dict.fromkeys(given):
            reach[operand] = max(reach.get(operand, 0), column[name] - 1)
            found.setdefault((operand, column[name] - 1), []).append((name, column[name]))
    for name, last in reach.items():
        for at in range(column[name], last):
            found.setdefault((name, at), []).append((name, at + 1))
            found.setdefault((name, at + 1), [])
    return found


def _columns_of(links: Links, column: Mapping[str, int]) -> list[list[Place]]:
    found: list[list[Place]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for place in links:
        found[place[1]].append(place)
    return found


def _turned(links: Links) -> Links:
    found: Links = {place: [] for place in links}
    for place, after in links.items():
        for each in after:
            found[each].append(place)
    return found


def _best_orders(orders: list[list[Place]], links: Links) -> list[list[Place]]:
    back = _turned(links)
    best, fewest = [list(own) for own in orders], _crossings(orders, links)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        forward = sweep % 2 == 0
        beside = back if forward else links
        rest = range(1, len(orders)) if forward else range(len(orders) - 2, -1, -1)
        for at in rest:
            before = orders[at - 1 if forward else at + 1]
            position = {place: index for index, place in enumerate(before)}
            orders[at] = _by_barycentre(orders[at], beside, position)
        count = _crossings(orders, links)
        if count < fewest:
            best, fewest = [list(own) for own in orders], count
    return best


def _by_barycentre(order: list[Place], beside: Links, position: Mapping[Place, int]) -> list[Place]:
    """Order by the mean of neighbours; what has none keeps its place."""
    wanted = {}
    for index, place in enumerate(order):
        found = [position[each] for each in beside[place]]
        wanted[place] = sum(found) / len(found) if found else float(index)
    return sorted(order, key=wanted.__getitem__)


def _crossings(orders: list[list[Place]], links: Links) -> int:
    """Count pairs of arcs between neighbouring columns that cross."""
    total = 0
    for left, right in pairwise(orders):
        position = {place: index for index, place in enumerate(right)}
        seen: list[int] = []
        for place in left:
            ends = sorted(position[each] for each in links[place])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _heights(
    orders: list[list[Place]], links: Links, column: Mapping[str, int], passing: float
) -> dict[Place, float]:
    """Move every place towards its neighbours, column by column, to and fro, as far as the order allows."""

    def size(place: Place) -> float:
        return 1.0 if column[place[0]] == place[1] else passing

    back = _turned(links)
    found: dict[Place, float] = {}
    for order in orders:
        below = 0.0
        for place in order:
            found[place] = below + size(place) / 2
            below += size(place)
    columns = range(len(orders))
    for sweep in range(_LEVELLINGS):
        for at in columns if sweep % 2 == 0 else reversed(columns):
            order = orders[at]
            wanted, weights, offsets, offset = [], [], [], 0.0
            for index, place in enumerate(order):
                if index:
                    offset += (size(order[index - 1]) + size(place)) / 2
                near = [*back[place], *links[place]]
                mean = sum(found[each] for each in near) / len(near) if near else found[place]
                wanted.append(mean - offset)
                weights.append(_PASS_WEIGHT if size(place) < 1.0 else 1.0)
                offsets.append(offset)
            for place, height, own in zip(order, _rising(wanted, weights), offsets, strict=True):
                found[place] = height + own
    return found


def _rising(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Give the numbers nearest to those wanted, by squares, that never fall: what would is pooled."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(wanted, weights, strict=True):
        mean, total, count = value, weight, 1
        while pools and pools[-1][0] > mean:
            before, own, many = pools.pop()
            mean = (before * own + mean * total) / (own + total)
            total, count = own + total, many + count
        pools.append((mean, total, count))
    return [mean for mean, _, count in pools for _ in range(count)]
