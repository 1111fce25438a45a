"""Annotated column types: a model says `price_fen: Mapped[Fen]` and gets the right column."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, DateTime, Identity, Integer, SmallInteger, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import mapped_column

#: Surrogate key, made by the database.
Id = Annotated[int, mapped_column(BigInteger, Identity(always=False), primary_key=True)]
#: Reference to a surrogate key; the foreign key itself is written in the model.
Ref = Annotated[int, mapped_column(BigInteger)]
#: Money in whole fen (1/100 CNY).
Fen = Annotated[int, mapped_column(BigInteger)]
#: Weight in whole grams.
Grams = Annotated[int, mapped_column(BigInteger)]
#: A rate in basis points: 10_000 is the whole.
Bp = Annotated[int, mapped_column(Integer)]
Small = Annotated[int, mapped_column(SmallInteger)]
#: Characters of a code.
MAX_CODE = 40
#: A short code printed on papers and used in URLs.
Code = Annotated[str, mapped_column(String(MAX_CODE))]
#: A name as people write it.
Name = Annotated[str, mapped_column(String(120))]
Prose = Annotated[str, mapped_column(Text)]
#: An instant, kept in UTC.
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Json = Annotated[dict[str, object], mapped_column(JSONB)]
