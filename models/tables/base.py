"""The declarative base: naming of constraints, and how enums and times are stored."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Double, Enum, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

#: Alembic can only drop what it can name.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table of Paddlewheel."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    # native_enum=False: a new state is then a changed CHECK, not an ALTER TYPE, which
    # cannot run in the transaction of the migration that uses it.
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            create_constraint=True,
            length=32,
            values_callable=lambda members: [member.value for member in members],
        ),
        datetime: DateTime(timezone=True),
        int: BigInteger,
        float: Double,
        str: Text,
        dict[str, Any]: JSONB,
    }
