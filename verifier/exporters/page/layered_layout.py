"""Lay out a graph in columns by depth, with few crossings of edges (Sugiyama's method).

An edge over several columns has a position in each column between. The order within columns is improved by
barycentres in several sweeps, and the one with the fewest crossings is kept. Heights are then as close to
those of the neighbours as the order allows.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS, _LEVELLINGS = 12, 40
_PASS_WEIGHT = 8.0  # weight of a passing edge relative to a box, so that long edges are straight

LayoutNode = tuple[str, int]  # a name and a column: that of its box, or one that an edge from it passes


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions of boxes and edges.

    column, height: of every name; a box has height 1.
    routes: for each edge (from, to), the heights in the columns between.
    columns: their number. top, bottom: the extreme heights.
    """

    column: Mapping[str, int]
    height: Mapping[str, float]
    routes: Mapping[tuple[str, str], tuple[float, ...]]
    columns: int
    top: float
    bottom: float


def compute_layout(operands: Mapping[str, Sequence[str]], output: str, passing: float = 0.3) -> Layout:
    """Return the layout of a graph.

    operands: of every name, in topological order. passing: the height of a passing edge; a box has 1.
    """
    column = _columns(operands, output)
    links = _links(operands, column)
    orders = _best_orders(_columns_of(links, column), links)
    heights = _heights(orders, links, column, passing)
    box_heights = {name: heights[name, index] for name, index in column.items()}
    routes = {
        (operand, name): tuple(heights[operand, index] for index in range(column[operand] + 1, column[name]))
        for name, node_operands in operands.items()
        for operand in dict.fromkeys(node_operands)
    }
    return Layout(
        column,
        box_heights,
        routes,
        max(column.values(), default=-1) + 1,
        min(heights.values(), default=0.0),
        max(heights.values(), default=0.0),
    )


def _columns(operands: Mapping[str, Sequence[str]], output: str) -> dict[str, int]:
    """Return each name's column, the last one before its users.

    A name that does not lead to the output is in the column after its operands.
    """
    distance = {output: 0}
    for name in reversed(list(operands)):
        for operand in operands[name] if name in distance else ():
            distance[operand] = max(distance.get(operand, 0), distance[name] + 1)
    last = max(distance.values())
    columns: dict[str, int] = {}
    for name, node_operands in operands.items():
        next_column = max((columns[operand] + 1 for operand in node_operands), default=0)
        columns[name] = last - distance[name] if name in distance else next_column
    return columns


Successors = dict[LayoutNode, list[LayoutNode]]  # from a place to its successors in the next column


def _links(operands: Mapping[str, Sequence[str]], column: Mapping[str, int]) -> Successors:
    """Divide edges into steps of one column; all edges from one name share their steps."""
    last_columns: dict[str, int] = {}
    links: Successors = {(name, index): [] for name, index in column.items()}
    for name, node_operands in operands.items():
        for operand in dict.fromkeys(node_operands):
            last_columns[operand] = max(last_columns.get(operand, 0), column[name] - 1)
            links.setdefault((operand, column[name] - 1), []).append((name, column[name]))
    for name, last in last_columns.items():
        for index in range(column[name], last):
            links.setdefault((name, index), []).append((name, index + 1))
            links.setdefault((name, index + 1), [])
    return links


def _columns_of(links: Successors, column: Mapping[str, int]) -> list[list[LayoutNode]]:
    columns: list[list[LayoutNode]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for place in links:
        columns[place[1]].append(place)
    return columns


def _reversed_links(links: Successors) -> Successors:
    reversed_links: Successors = {place: [] for place in links}
    for place, successors in links.items():
        for successor in successors:
            reversed_links[successor].append(place)
    return reversed_links


def _best_orders(orders: list[list[LayoutNode]], links: Successors) -> list[list[LayoutNode]]:
    predecessors = _reversed_links(links)
    best, fewest = [list(order) for order in orders], _crossings(orders, links)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        forward = sweep % 2 == 0
        neighbours = predecessors if forward else links
        remaining = range(1, len(orders)) if forward else range(len(orders) - 2, -1, -1)
        for index in remaining:
            previous_order = orders[index - 1 if forward else index + 1]
            position = {place: position_index for position_index, place in enumerate(previous_order)}
            orders[index] = _by_barycentre(orders[index], neighbours, position)
        count = _crossings(orders, links)
        if count < fewest:
            best, fewest = [list(order) for order in orders], count
    return best


def _by_barycentre(
    order: list[LayoutNode], neighbours: Successors, position: Mapping[LayoutNode, int]
) -> list[LayoutNode]:
    """Return the order by the mean position of neighbours; a place without any keeps its position."""
    barycentres = {}
    for index, place in enumerate(order):
        positions = [position[neighbour] for neighbour in neighbours[place]]
        barycentres[place] = sum(positions) / len(positions) if positions else float(index)
    return sorted(order, key=barycentres.__getitem__)


def _crossings(orders: list[list[LayoutNode]], links: Successors) -> int:
    """Return the number of crossings of edges between neighbouring columns."""
    total = 0
    for left, right in pairwise(orders):
        position = {place: index for index, place in enumerate(right)}
        earlier_ends: list[int] = []
        for place in left:
            ends = sorted(position[successor] for successor in links[place])
            total += sum(len(earlier_ends) - bisect_right(earlier_ends, end) for end in ends)
            for end in ends:
                insort(earlier_ends, end)
    return total


def _heights(
    orders: list[list[LayoutNode]], links: Successors, column: Mapping[str, int], passing: float
) -> dict[LayoutNode, float]:
    """Return heights near those of the neighbours, by sweeps that keep the order in each column."""

    def size(place: LayoutNode) -> float:
        return 1.0 if column[place[0]] == place[1] else passing

    predecessors = _reversed_links(links)
    heights: dict[LayoutNode, float] = {}
    for order in orders:
        offset_in_column = 0.0
        for place in order:
            heights[place] = offset_in_column + size(place) / 2
            offset_in_column += size(place)
    columns = range(len(orders))
    for sweep in range(_LEVELLINGS):
        for column_index in columns if sweep % 2 == 0 else reversed(columns):
            order = orders[column_index]
            wanted, weights, offsets, offset = [], [], [], 0.0
            for index, place in enumerate(order):
                if index:
                    offset += (size(order[index - 1]) + size(place)) / 2
                neighbours = [*predecessors[place], *links[place]]
                mean = (
                    sum(heights[neighbour] for neighbour in neighbours) / len(neighbours)
                    if neighbours
                    else heights[place]
                )
                wanted.append(mean - offset)
                weights.append(_PASS_WEIGHT if size(place) < 1.0 else 1.0)
                offsets.append(offset)
            for place, height, offset_of_place in zip(
                order, _nondecreasing(wanted, weights), offsets, strict=True
            ):
                heights[place] = height + offset_of_place
    return heights


def _nondecreasing(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the nondecreasing numbers nearest to those wanted, by weighted least squares.

    This is isotonic regression by the pool-adjacent-violators algorithm.
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, count
    for value, weight in zip(wanted, weights, strict=True):
        mean, total, count = value, weight, 1
        while pools and pools[-1][0] > mean:
            previous_mean, previous_weight, previous_count = pools.pop()
            mean = (previous_mean * previous_weight + mean * total) / (previous_weight + total)
            total, count = previous_weight + total, previous_count + count
        pools.append((mean, total, count))
    return [mean for mean, _, count in pools for _ in range(count)]
