"""Problems apart from the rules of their assignments

Requests need the rules of an assignment, and of its problem no more than the text.
"""

import json
from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ASSIGNMENTS = sa.table(
    "assignments", sa.column("id"), sa.column("document"), sa.column("problem", sa.LargeBinary())
)


def upgrade() -> None:
    empty = sa.text("x''" if op.get_bind().dialect.name == "sqlite" else "''")
    op.add_column("assignments", sa.Column("problem", sa.LargeBinary(), server_default=empty, nullable=False))
    for assignment_id, document, _ in _rows():
        problem = document.pop("problem")
        shapes = {name: np.shape(value) for name, value in problem.get("parameters", {}).items()}
        document |= {"shapes": shapes, "of_graph": "nodes" in problem["network"]}
        _write(assignment_id, document, json.dumps(problem, ensure_ascii=False).encode())


def downgrade() -> None:
    for assignment_id, document, problem in _rows():
        rules = {name: value for name, value in document.items() if name not in ("shapes", "of_graph")}
        _write(assignment_id, rules | {"problem": json.loads(problem)}, b"")
    op.drop_column("assignments", "problem")


def _rows() -> list[tuple[str, dict[str, Any], bytes]]:
    rows = op.get_bind().execute(sa.select(_ASSIGNMENTS)).all()
    return [(row.id, json.loads(row.document), bytes(row.problem)) for row in rows]


def _write(assignment_id: str, document: dict[str, Any], problem: bytes) -> None:
    values = {"document": json.dumps(document, ensure_ascii=False), "problem": problem}
    op.get_bind().execute(sa.update(_ASSIGNMENTS).where(_ASSIGNMENTS.c.id == assignment_id).values(values))
