"""What the receiver counts, for Prometheus. No id, address or body gets in here.

Plain numbers, turned into Prometheus' form only when somebody asks: its own counters
take a lock and several calls each, which together cost more than verifying a delivery.
Deliveries are counted by the event loop alone, rings by the thread that sends them.
"""

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from functools import partial
from statistics import median

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from worker.release_mark import release_mark

#: The sender cuts after 5 s, we after 2 s.
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)
_ROWS = (1, 2, 5, 10, 20, 50, 100, 200)
#: Ages that are kept of each kind of delivery: the latest, enough for a median.
_SAMPLE = 200

#: Provider, outcome and reason of a delivery. All come from our code, none from
#: outside, so there are only so many.
Kind = tuple[str, str, str]


class Distribution:
    """How often which values came."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Begin empty; the bounds are the buckets' upper ends."""
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def metric(self, name: str, documentation: str) -> Metric:
        """Return it in Prometheus' form: each bucket holds the smaller ones too."""
        buckets, total = [], 0
        for bound, count in zip((*self._bounds, "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((str(bound), total))
        return HistogramMetricFamily(
            name, documentation, buckets=buckets, sum_value=self._sum
        )


class Metrics(Collector):
    """The numbers of one receiver."""

    def __init__(self) -> None:
        """Begin at 0."""
        self._deliveries: Counter[Kind] = Counter()
        self._ages = _no_ages()
        self._matches: Counter[tuple[str, int]] = Counter()
        self._rings: Counter[str] = Counter(sent=0, dropped=0)
        self.acknowledged = Distribution(_SECONDS)
        self.group_rows = Distribution(_ROWS)
        #: Messages to people by kind and state, as they were last read from the rows.
        self.messages: dict[tuple[str, str], int] = {}
        # Kept: later another release may lie on the disk.
        self._release = release_mark()
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def count(
        self,
        provider: str,
        outcome: str,
        reason: str = "",
        age_seconds: float | None = None,
    ) -> None:
        """Count a delivery.

        Args:
            provider: Whose it is.
            outcome: What became of it.
            reason: Of refused and unavailable ones.
            age_seconds: Our time less the signature's, if the signature is ours.
        """
        kind = (provider, outcome, reason)
        self._deliveries[kind] += 1
        if age_seconds is not None:
            self._ages[kind].append(age_seconds)

    def deliveries(self) -> Counter[Kind]:
        """Return how many deliveries of each kind there were so far."""
        return self._deliveries.copy()

    def take_skews(self) -> dict[Kind, float]:
        """Return the median age of what came since this was last asked."""
        ages, self._ages = self._ages, _no_ages()
        return {kind: median(sample) for kind, sample in ages.items()}

    def count_match(self, provider: str, secret: int) -> None:
        """Count which secret a delivery was signed with."""
        self._matches[provider, secret] += 1

    def count_rings(self, outcome: str, rows: int) -> None:
        """Count rows that were rung for, or not."""
        self._rings[outcome] += rows

    def collect(self) -> Iterator[Metric]:
        """Give all numbers to Prometheus."""
        deliveries = CounterMetricFamily(
            "paddlewheel_deliveries",
            "Deliveries by outcome; refused and unavailable ones with the reason.",
            labels=("provider", "outcome", "reason"),
        )
        for labels, count in self._deliveries.items():
            deliveries.add_metric(labels, count)
        yield deliveries
        matches = CounterMetricFamily(
            "paddlewheel_secret_matches",
            "Which secret signed: 0 is the newest. An unused one can be removed.",
            labels=("provider", "secret"),
        )
        for (provider, secret), count in self._matches.items():
            matches.add_metric((provider, str(secret)), count)
        yield matches
        rings = CounterMetricFamily(
            "paddlewheel_rings",
            "Rows the workers were told about, or not: the sweep finds those.",
            labels=("outcome",),
        )
        for outcome, count in self._rings.items():
            rings.add_metric((outcome,), count)
        yield rings
        yield self.acknowledged.metric(
            "paddlewheel_acknowledgement_seconds",
            "From the request's headers to the answer, of deliveries answered 200.",
        )
        yield self.group_rows.metric(
            "paddlewheel_group_rows", "Deliveries that shared one INSERT."
        )
        messages = GaugeMetricFamily(
            "paddlewheel_messages",
            "Messages to people; of sent and skipped those of the last 24 hours.",
            labels=("kind", "state"),
        )
        for of_what, count in self.messages.items():
            messages.add_metric(of_what, count)
        yield messages
        release = GaugeMetricFamily(
            "paddlewheel_release", "The release that runs.", labels=("release",)
        )
        release.add_metric((self._release,), 1)
        yield release


def _no_ages() -> defaultdict[Kind, deque[float]]:
    return defaultdict(partial(deque, maxlen=_SAMPLE))
