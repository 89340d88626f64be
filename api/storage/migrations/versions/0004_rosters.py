"""Rosters

The students of an assignment that a grader has named, with their ids in a learning management system, and
what was refused of each.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID, _NAME = sa.String(length=40), sa.String(length=200)


def upgrade() -> None:
    op.create_table(
        "roster",
        sa.Column("assignment", _ID, nullable=False),
        sa.Column("student", _NAME, nullable=False),
        sa.Column("lms_id", _NAME),
        sa.ForeignKeyConstraint(["assignment"], ["assignments.id"], name=op.f("fk_roster_assignment")),
        sa.PrimaryKeyConstraint("assignment", "student", name=op.f("pk_roster")),
    )
    op.create_table(
        "refusals",
        sa.Column("assignment", _ID, nullable=False),
        sa.Column("student", _NAME, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("moment", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["assignment"], ["assignments.id"], name=op.f("fk_refusals_assignment")),
        sa.PrimaryKeyConstraint("assignment", "student", name=op.f("pk_refusals")),
    )


def downgrade() -> None:
    op.drop_table("refusals")
    op.drop_table("roster")
