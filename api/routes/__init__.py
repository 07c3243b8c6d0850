"""HTTP routes, one module a subject. Each translates a request, asks, and translates the answer."""
