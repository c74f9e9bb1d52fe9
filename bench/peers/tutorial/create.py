"""Create the tutorial's tables and its courses: ``python -m … PRICE=COURSE …``."""

import sys

from bench.peers.tutorial.database import Base, SessionLocal, engine
from bench.peers.tutorial.models import Course

Base.metadata.create_all(engine)
with SessionLocal() as session:
    for pair in sys.argv[1:]:
        price_id, key = pair.split("=", 1)
        session.add(Course(price_id=price_id, key=key))
    session.commit()
