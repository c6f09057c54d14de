"""When requests start, on a simulated clock."""

import heapq

import pytest

from whet.driver.load.schedule import AsFast, Limit, Open, Paced

SECOND = 10**9


class Simulation:
    """Workers whose requests take a time that a function of their start says; alarms are exact."""

    def __init__(self, make, workers, limit, service_ns):
        self.now_ns, self.ended, self.events, self.number = 0, False, [], 0
        self.service_ns = service_ns
        self.starts, self.intended, self.latency = [], [], []
        self.schedule = make(limit, lambda: self.now_ns, self.end)
        self.most_idle = 0
        self.workers = [SimulatedWorker(self) for _ in range(workers)]

    def end(self):
        self.ended = True

    def at(self, time_ns, call):
        self.number += 1
        heapq.heappush(self.events, (time_ns, self.number, call))

    def alarm(self):
        self.schedule.tick()
        self.at(self.now_ns + self.schedule.interval_ns, self.alarm)

    def run(self):
        self.schedule.begin(self.workers, 0)
        if self.schedule.interval_ns:
            self.at(self.schedule.interval_ns, self.alarm)
        while not self.ended:
            self.now_ns, _, call = heapq.heappop(self.events)
            call()
        return self


class SimulatedWorker:
    def __init__(self, simulation):
        self.of = simulation

    def begin(self, intended_ns):
        of = self.of
        of.starts.append(of.now_ns)
        of.intended.append(intended_ns)
        end_ns = of.now_ns + of.service_ns(of.now_ns)
        of.at(end_ns, lambda: (of.latency.append(end_ns - intended_ns), of.schedule.free(self, end_ns)))


def as_fast(limit, clock, done):
    return AsFast(limit, clock, done)


def at_rate(rate_hz):
    return lambda limit, clock, done: Open(limit, clock, done, rate_hz)


def paced(rate_hz):
    return lambda limit, clock, done: Paced(limit, clock, done, rate_hz)


def test_as_fast_makes_exactly_as_many_requests_as_asked_for():
    made = Simulation(as_fast, 7, Limit(requests=100), lambda _: 1000).run()
    assert (len(made.starts), len(made.latency), made.schedule.busy) == (100, 100, 0)


def test_as_fast_with_fewer_requests_than_workers_ends():
    assert len(Simulation(as_fast, 7, Limit(requests=3), lambda _: 1000).run().starts) == 3


def test_as_fast_starts_nothing_after_its_time_and_waits_for_what_is_under_way():
    made = Simulation(as_fast, 2, Limit(end_ns=SECOND), lambda _: 300_000_000).run()
    assert len(made.starts) == len(made.latency) == 8
    assert max(made.starts) < SECOND
    assert made.now_ns == 1_200_000_000


@pytest.mark.parametrize("rate_hz", [3, 1000, 7777.7, 250_000])
def test_open_model_intends_exactly_its_rate(rate_hz):
    made = Simulation(at_rate(rate_hz), 200, Limit(end_ns=SECOND), lambda _: 10_000).run()
    assert len(made.starts) == pytest.approx(rate_hz, abs=1)
    assert made.intended == [int(number * 1e9 / rate_hz) for number in range(len(made.starts))]
    assert made.schedule.due(SECOND) == len(made.starts)
    assert made.schedule.waited == 0


def test_open_model_shows_a_stalled_server_and_the_closed_model_hides_it():
    """0.5 s stalled in every 3 s: 1/6 of requests should wait, a quarter second in the mean."""

    def stalled(start_ns):
        phase_ns = start_ns % (3 * SECOND)
        return max(500_000, 3 * SECOND - phase_ns if phase_ns > 2_500_000_000 else 0)

    limit = Limit(end_ns=9 * SECOND)
    latency = sorted(Simulation(at_rate(1000), 10, limit, stalled).run().latency)
    closed = sorted(Simulation(as_fast, 10, Limit(requests=9000), stalled).run().latency)
    assert latency[int(0.99 * len(latency))] > 400_000_000
    assert closed[int(0.99 * len(closed))] < 1_000_000


def test_open_model_with_too_slow_a_server_says_what_was_not_sent():
    made = Simulation(at_rate(1000), 1, Limit(end_ns=SECOND), lambda _: 10_000_000).run()
    assert len(made.starts) in (100, 101)
    assert made.schedule.due(made.now_ns) == 1000
    assert made.schedule.waited >= 98
    # What is due is counted, not queued.
    assert len(made.schedule.idle) == 1


def test_open_model_sends_every_request_that_was_asked_for_however_late():
    made = Simulation(at_rate(1000), 1, Limit(requests=50), lambda _: 10_000_000).run()
    assert len(made.latency) == 50
    assert made.latency[-1] == 50 * 10_000_000 - 49 * 1_000_000
    assert made.schedule.due(made.now_ns) == 50


def test_pace_is_for_each_worker_and_a_late_one_leaves_ticks_out():
    quick = Simulation(paced(10), 3, Limit(end_ns=SECOND), lambda _: 1000).run()
    assert len(quick.starts) == 27
    slow = Simulation(paced(10), 3, Limit(end_ns=SECOND), lambda _: 150_000_000).run()
    assert 15 <= len(slow.starts) <= 21


def test_pace_ends_after_its_requests():
    made = Simulation(paced(100), 3, Limit(requests=10), lambda _: 1000).run()
    assert len(made.latency) == 10


@pytest.mark.parametrize("make", [as_fast, at_rate(10), paced(10)])
def test_stopped_schedule_starts_nothing_more(make):
    made = Simulation(make, 3, Limit(requests=1000), lambda _: 1000)
    made.schedule.begin(made.workers, 0)
    started = len(made.starts)
    made.schedule.stop()
    made.schedule.tick()
    while made.events:
        made.now_ns, _, call = heapq.heappop(made.events)
        call()
    assert made.ended
    assert len(made.starts) == started
