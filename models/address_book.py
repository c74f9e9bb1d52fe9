"""Who is whose learner when customers come and move between addresses. Pure.

Customers of one address are one person, so who shares a learner follows from the
addresses alone, in whatever order they were told. Which learner a person keeps does
depend on it, and is chosen so that nobody's account goes to somebody else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from models.key import Key


@dataclass(slots=True)
class AddressBook:
    """Learners by customer and by address; one that is still to be made is negative.

    Attributes:
        learners: Every customer that plays a part and has a learner already.
        addresses: Every address that plays a part and has a learner already.
        homes: The address of each of those customers before anything moves.
        made: For whom the learners -1, -2, … are to be made.
        left: Learners that nobody has any more, and who was their last customer.
    """

    learners: dict[Key, int]
    addresses: dict[str, int]
    homes: dict[Key, str]
    made: list[Key] = field(default_factory=list)
    left: dict[int, Key] = field(default_factory=dict)

    def settle(self, told: Mapping[Key, str]) -> None:
        """Take up the addresses that customers have now.

        Who leaves goes first: an address that changes hands is then a new person's.
        """
        known = sorted(key for key in told if key in self.learners)
        for key in known:
            if self.homes.get(key) != told[key]:
                self._move(key, told[key])
        for key in sorted(told.keys() - set(known)):
            self.homes[key] = told[key]
            self.learners[key] = self._learner_at(told[key], key)

    def _move(self, mover: Key, address: str) -> None:
        learner = self.learners[mover]
        others = sorted(
            key for key, of in self.learners.items() if of == learner and key != mover
        )
        self.homes[mover] = address
        if address in self.addresses:
            self.learners[mover] = self.addresses[address]
            if not others:
                self._forget_addresses(learner)
                self.left[learner] = mover
        elif not others or mover < others[0]:
            self._carry_along(learner, address, others)
        else:
            self.learners[mover] = self._learner_at(address, mover)

    def _carry_along(self, learner: int, address: str, others: Iterable[Key]) -> None:
        # The oldest had the address first: who came later was told before it left.
        self._forget_addresses(learner)
        self.addresses[address] = learner
        for key in others:
            self.learners[key] = self._learner_at(self.homes[key], key)

    def _forget_addresses(self, learner: int) -> None:
        for address in [a for a, of in self.addresses.items() if of == learner]:
            del self.addresses[address]

    def _learner_at(self, address: str, customer: Key) -> int:
        if address not in self.addresses:
            self.made.append(customer)
            self.addresses[address] = -len(self.made)
        return self.addresses[address]
