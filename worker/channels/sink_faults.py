"""Which first attempts a sink refuses: some, and always the same ones."""

import argparse
import hashlib


class Faults:
    """Refuses the first attempt of about every n-th thing, chosen by its digest.

    By the digest and not by counting: the same things fail in each run of the demo,
    in whatever order they come.
    """

    def __init__(self, every: int = 0, seed: int = 0) -> None:
        """Refuse about one in ``every``; 0: none, 1: each."""
        self._every = every
        self._seed = seed
        self._refused: set[str] = set()

    def strikes(self, thing: str) -> bool:
        """Tell whether to refuse this attempt at a thing; never twice."""
        if not self._every or thing in self._refused:
            return False
        digest = hashlib.sha256(f"{self._seed} {thing}".encode()).digest()
        if int.from_bytes(digest[:8]) % self._every:
            return False
        self._refused.add(thing)
        return True

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser, option: str) -> None:
        """Let the command line say how often."""
        parser.add_argument(
            option,
            dest="every",
            type=int,
            default=0,
            metavar="N",
            help="refuse the first attempt of about every N-th; 0: none",
        )
        parser.add_argument("--seed", type=int, default=0, help="which ones")
