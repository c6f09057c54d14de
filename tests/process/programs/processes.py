"""Uses multiprocessing with the start method that its argument names."""

import multiprocessing
import sys


def square(x: int) -> int:
    return x * x


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        print(pool.map(square, range(10)))
    process = context.Process(target=sys.exit, args=(3,))
    process.start()
    process.join()
    print(process.exitcode)
