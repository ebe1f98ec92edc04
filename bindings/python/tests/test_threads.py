"""test_threads.py - several Python threads: each with its own seed, grad mode, errors and scopes; objects may change hands."""
import gc
import queue
import threading
import time

import common
from common import Case, tp


def training(seed, steps=30):
    """The losses of a small training, which are a function of the seed."""
    tp.manual_seed(seed)
    net = tp.nn.Sequential(tp.nn.Linear(8, 16), tp.nn.ReLU(), tp.nn.Dropout(0.2), tp.nn.Linear(16, 3))
    adam, x, y = tp.optim.Adam(net, lr=0.01), tp.randn(32, 8), tp.randint(3, (32,))
    losses = []
    for _ in range(steps):
        loss = tp.cross_entropy(net(x), y)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return losses


def together(*functions):
    """Runs them in threads of their own; their results, or the first exception."""
    results = [None] * len(functions)

    def call(i):
        try:
            results[i] = functions[i]()
        except BaseException as e:
            results[i] = e
    threads = [threading.Thread(target=call, args=(i,)) for i in range(len(functions))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for r in results:
        if isinstance(r, BaseException):
            raise r
    return results


class Threads(Case):
    def test_trainings_side_by_side_give_the_same_bits(self):
        alone = [training(seed) for seed in range(6)]
        self.assertEqual(together(*(lambda s=s: training(s) for s in range(6))), alone)

    def test_errors_and_modes_are_each_thread_s_own(self):
        def wrong():
            for i in range(200):
                try:
                    tp.ones(2) + tp.ones(3)
                except tp.ShapeError as e:
                    assert "(2,) and (3,)" in str(e)
                else:
                    raise AssertionError("no error")

        def right():
            for i in range(200):
                assert (tp.ones(2) + i).tolist() == [1 + i] * 2

        def without():
            for i in range(200):
                with tp.no_grad():
                    assert not (tp.ones(1, requires_grad=True) * 2).requires_grad

        def with_gradients():
            for i in range(200):
                assert (tp.ones(1, requires_grad=True) * 2).requires_grad
        together(wrong, right, wrong, without, with_gradients)

    def test_objects_may_die_in_another_thread(self):
        time.sleep(0.1)
        gc.collect()
        live = tp.memory_stats().live_blocks
        passed = queue.Queue(8)

        def make():
            for i in range(300):
                passed.put((tp.rand(50, requires_grad=True) * 2).sum())
            passed.put(None)

        def use():
            while True:
                y = passed.get()
                if y is None:
                    return
                y.backward()
        together(make, use)
        gc.collect()
        end = time.time() + 20  # a thread's own count is added to the others' when it has ended, a little after join()
        while abs(tp.memory_stats().live_blocks - live) >= 10 and time.time() < end:
            time.sleep(0.01)
        self.assertLess(abs(tp.memory_stats().live_blocks - live), 10)

    def test_one_network_answers_in_several_threads(self):
        net = tp.nn.Sequential(tp.nn.Linear(8, 32), tp.nn.ReLU(), tp.nn.Linear(32, 4)).eval()
        x = tp.randn(16, 8)
        wanted = net(x).tolist()

        def ask():
            with tp.no_grad():
                for _ in range(50):
                    assert net(x).tolist() == wanted
        together(*[ask] * 4)

    def test_callbacks_in_several_threads(self):
        class Twice(tp.nn.Module):
            def forward(self, x):
                return x * 2

        def call():
            net = tp.nn.Sequential(Twice(), Twice())
            for i in range(100):
                x = tp.full((2,), float(i), requires_grad=True)
                x.register_hook(lambda g: g + 1)
                net(x).sum().backward()
                assert x.grad.tolist() == [5, 5]
        together(*[call] * 4)

    def test_python_goes_on_while_c_computes(self):
        x, turns, stop = tp.rand(1500, 1500), 0, threading.Event()

        def compute():
            for _ in range(4):
                x @ x
            stop.set()
        thread = threading.Thread(target=compute)
        thread.start()
        while not stop.is_set():
            turns += 1
            time.sleep(0.001)
        thread.join()
        self.assertGreater(turns, 5)


if __name__ == "__main__":
    common.main()
