"""The root of every table: naming of constraints, types of columns, and the shape that partitioned tables share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

MAX_ID = (1 << 63) - 1
"""The greatest number that a row can have."""


class Base(DeclarativeBase):
    """Every table of callscope. Constraints are named, so that an error names the rule that was broken."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        int: Integer(),
        float: Double(),
        date: Date(),
        datetime: DateTime(timezone=True),
    }


class OfAnalysis:
    """
    Columns of the tables that are partitioned by month of the call.

    Their keys are natural: date, analysis, running number. The date is part of the foreign key too, so that erasing
    an analysis looks into one partition only.
    """

    call_date: Mapped[date] = mapped_column(
        sort_order=-2, comment="UTC date of the call, as in analysis; names the partition"
    )
    analysis_id: Mapped[int] = mapped_column(BigInteger, sort_order=-1, comment="analysis that this row belongs to")


def one_of(column: str, members: Iterable[StrEnum | str]) -> CheckConstraint:
    """Return the rule that a text column holds one of the given words; it is named as the column."""
    words = ", ".join(f"'{member}'" for member in members)
    return CheckConstraint(f"{column} IN ({words})", name=column)


def is_share(column: str) -> CheckConstraint:
    """Return the rule that a number lies in [0, 1]; it is named as the column."""
    return CheckConstraint(f"{column} BETWEEN 0 AND 1", name=column)


def runs_forward() -> CheckConstraint:
    """Return the rule that a stretch of a call starts at 0 or later and doesn't end before it starts."""
    return CheckConstraint("0 <= start_ms AND start_ms <= end_ms", name="runs_forward")


def by_month(number: str, *rules: CheckConstraint, comment: str) -> tuple[Any, ...]:
    """Return the table arguments of a partitioned table whose rows are numbered by the column ``number``."""
    return (
        PrimaryKeyConstraint("call_date", "analysis_id", number),
        ForeignKeyConstraint(["call_date", "analysis_id"], ["analysis.call_date", "analysis.id"], ondelete="CASCADE"),
        CheckConstraint(f"{number} >= 0", name=number),
        *rules,
        {"comment": comment, "postgresql_partition_by": "RANGE (call_date)"},
    )
