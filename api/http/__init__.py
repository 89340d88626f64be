"""HTTP itself: request bodies, content negotiation, errors, middleware, rate limits."""
