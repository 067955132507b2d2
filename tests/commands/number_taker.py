"""A process that takes ticket numbers: run as a script, many at once. Prints one number a line.

Arguments: database URL, year, how many.
"""

import asyncio
import sys

from psycopg_pool import AsyncConnectionPool

from supportix.commands.numbers import TicketNumbers


async def main(url: str, year: int, count: int) -> None:
    async with AsyncConnectionPool(url, min_size=1, max_size=2, open=False) as pool:
        numbers = TicketNumbers(pool)
        taken = await asyncio.gather(*(numbers.next(year) for _ in range(count)))
    sys.stdout.write("\n".join(taken))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
