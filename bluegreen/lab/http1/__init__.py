"""HTTP/1.1 on asyncio and httptools: what an emulated instance serves with."""
