"""A schema as its canonical, readable document."""
from migrations_engine.model import Objects
def dumps(objects: Objects) -> str:
    raise NotImplementedError
