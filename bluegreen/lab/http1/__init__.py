"""HTTP/1.x on asyncio and httptools: what the lab's balancer, application and load share."""
